--- A process in a box.

local errors = require "tidelock.error"

local M = {}

---@class tidelock.Process
---@field stdin table?   what was opened by "pipe": :write, :close
---@field stdout table?  :read, :close
---@field stderr table?
local methods = {}
local meta = { __index = methods, __name = "tidelock.Process" }

---Its time limit runs from here, and is kept while somebody waits.
---@param box tidelock.Box
---@param raw table       of core.launch
---@param prepared table
---@param open table      { streams, pipes }
---@return tidelock.Process
function M.new(box, raw, prepared, open)
  return setmetatable({
    box = box, raw = raw, prepared = prepared, streams = open.streams,
    watch = require("tidelock.container").watch(raw, prepared, open.streams),
    stdin = open.pipes.stdin, stdout = open.pipes.stdout, stderr = open.pipes.stderr,
  }, meta)
end

local function conclude(process, finish)
  local container, box = require "tidelock.container", process.box
  process.report = container.conclude(process.watch, process.prepared, process.streams, finish,
    { stopped = box:gone() })
  process.raw:close()
  box.running[process] = nil
  return process.report
end

-- A function of the caller's raised: whoever asked for it gets that, and nothing is left running.
local function give_up(process, message)
  require("tidelock.supervisor").kill(process.watch)
  process.raw:reap()
  for _, stream in ipairs(process.watch.open) do stream.fd:close() end
  conclude(process, assert(process.raw:wait(0)))
  error(message, 0)
end

-- Another function of the loop waits for it already, and makes the report.
local function wait_beside(process, seconds)
  local clock = require("tidelock.core").process.clock
  local deadline = seconds and clock() + seconds
  repeat
    local left = deadline and deadline - clock()
    if left and left <= 0 then return nil end
    require("tidelock.loop").wait({ process.raw }, left)
  until process.report
  return process.report
end

---The report, once the process has ended: waits for that. With a time: nil when it is up.
---@param seconds number?
---@return tidelock.Report?
function methods:wait(seconds)
  if self.report then return self.report end
  local caller = coroutine.running() or true
  if self.waiting == caller then error("wait: a function of this process's own waits for it", 2) end
  if self.waiting then return wait_beside(self, seconds) end
  self.waiting = caller
  local good, finish = pcall(require("tidelock.supervisor").wait, self.watch, seconds)
  self.waiting = nil
  if not good then give_up(self, finish) end
  return finish and conclude(self, finish) or nil
end

---Has it not ended yet?
---@return boolean
function methods:alive()
  return not self.report and not require("tidelock.core").poll.wait({ self.raw }, 0)[1]
end

---A signal to the process: "TERM", "SIGTERM" or a number; KILL unless given.
---@param signal string|number|nil
---@return boolean? ok
---@return tidelock.Error? err
function methods:kill(signal)
  local number = require("tidelock.signal").check(signal or "KILL")
  if self.report then
    return nil, errors.new { op = "kill", code = "ESRCH", message = "kill: it has ended" }
  end
  local good, code = self.raw:kill(number)
  if good then return true end
  return nil, errors.new { op = "kill", code = code, message = "kill: " .. code }
end

---The pid, as the host counts.
---@return integer
function methods:pid() return self.raw:pid() end

---A descriptor that is readable once it has ended; see poll(2).
---@return integer
function methods:pollfd() return self.raw:pollfd() end

return M
