--- A process in a box.

local errors = require "tidelock.error"

local M = {}

---@class tidelock.Process
---@field stdin table?   what was opened by "pipe": :write, :close
---@field stdout table?  :read, :close
---@field stderr table?
local methods = {}
local meta = { __index = methods, __name = "tidelock.Process" }

---@param box tidelock.Box
---@param raw table       of core.launch
---@param prepared table
---@param open table      { streams, pipes }
---@return tidelock.Process
function M.new(box, raw, prepared, open)
  return setmetatable({
    box = box, raw = raw, prepared = prepared, streams = open.streams,
    stdin = open.pipes.stdin, stdout = open.pipes.stdout, stderr = open.pipes.stderr,
  }, meta)
end

---The report, once the process has ended: waits for that. With a time: nil when it is up.
---@param seconds number?
---@return tidelock.Report?
function methods:wait(seconds)
  if self.report then return self.report end
  if seconds then
    local ready = require("tidelock.loop").wait({ self.raw }, seconds)
    if not ready or not ready[1] then return nil end
  end
  local container = require "tidelock.container"
  self.report = container.supervise(self.raw, self.prepared, self.streams, {})
  self.box.running[self] = nil
  return self.report
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
  local number, why = require("tidelock.signal").parse(signal or "KILL")
  if not number then
    errors.refuse { field = "signal", value = signal, why = why or "is not a signal",
      at = require("tidelock.origin").find(), accepted = "names as in signal(7), or numbers" }
  end
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
