--- A box on a terminal of its own: the caller's is in raw mode meanwhile, and what is typed and
--- printed is copied. Ctrl-C, Ctrl-Z and the like are the box's own terminal's to act on.

local M = {}

local signal = require("tidelock.signal").number

-- After a signal that ends the box, until it is killed.
local GRACE = 1

-- Nobody tells a job that runs in the background that it is in the foreground now.
local LOOK_EVERY = 0.1

local SHELLS = { bash = true, dash = true, fish = true, ksh = true, sh = true, zsh = true }

-- What only a terminal needs; a command line has the others already (tidelock.container).
local OWN = { "PIPE", "TSTP", "TTIN", "TTOU" }
local LIBRARY = { "CONT", "HUP", "INT", "QUIT", "TERM", "WINCH", unpack(OWN) }

-- The terminal is gone, or is to go. An interactive shell ignores TERM, hence the grace.
local ENDING = { [signal.HUP] = true, [signal.TERM] = true }
local PASSED_ON = {
  [signal.INT] = true, [signal.QUIT] = true, [signal.USR1] = true, [signal.USR2] = true,
}

local function is_shell(command)
  return command and #command == 1 and SHELLS[command[1]:match("[^/]*$")]
end

---Whether the command line gives the box a terminal where nobody said: when its own standard
---streams are all terminals and the command is a shell without arguments.
---@param fields table  of a spec
---@return boolean
function M.is_default(fields)
  if fields.tty ~= nil or not is_shell(fields.command) then return false end
  local isatty = require("tidelock.core").process.isatty
  for fd, name in pairs { [0] = "stdin", "stdout", "stderr" } do
    if fields[name] ~= nil and fields[name] ~= "inherit" or not isatty(fd) then return false end
  end
  return true
end

---@class tidelock.Terminal
---@field box table
---@field core table
---@field relay table
---@field modes table?      of the caller's terminal; nil: standard input is none
---@field own_signals table  of core.poll
---@field signals table[]   to be read: ours, and the command line's
---@field is_library boolean
---@field is_background boolean
---@field deadline number?  when the box is killed
---@field killed_by integer? what a library's caller is to be sent afterwards
local Terminal = {}
Terminal.__index = Terminal

-- Raw mode and input for as long as the terminal is ours: a job in the background has neither.
function Terminal:resume()
  local terminal = self.core.terminal
  self.is_background = not terminal.foreground(0)
  self.relay:pause(self.is_background)
  if self.modes and not self.is_background then self.modes:enter() end
  self:resize()
end

function Terminal:resize()
  local rows, columns = self.core.terminal.size(0)
  if rows then self.relay:resize(rows, columns) end
end

---The box ends, at the latest after a grace.
function Terminal:finish(number)
  self.box:kill(number)
  self.deadline = self.deadline or self.core.process.clock() + GRACE
end

function Terminal:handle(number)
  if number == signal.WINCH then
    self:resize()
  elseif number == signal.CONT then
    self:resume()
  elseif number == signal.TSTP then
    if self.modes then self.modes:leave() end
    self.core.terminal.suspend()
    self:resume()
  elseif ENDING[number] or self.is_library and PASSED_ON[number] then
    if self.is_library then self.killed_by = number end
    self:finish(number)
  elseif PASSED_ON[number] then
    self.box:kill(number)
  end
end

-- Every signal that is there.
function Terminal:read_signals()
  for _, signals in ipairs(self.signals) do
    local number = signals:read()
    while number do
      self:handle(number)
      number = signals:read()
    end
  end
end

local function checked(op, value, code)
  if value then return value end
  error(require("tidelock.error").new { op = op, code = code }, 0)
end

function Terminal:open(options)
  local core, numbers = self.core, {}
  for i, name in ipairs(self.is_library and LIBRARY or OWN) do numbers[i] = signal[name] end
  self.own_signals = core.poll.signals(numbers)
  self.signals = { self.own_signals, options.signals }
  local master = self.box:pty()
  self.relay = checked("terminal", core.terminal.relay(master, 0, 1))
  master:close()
  self.modes = core.terminal.modes(0) or nil
  if self.modes and options.watchdog then checked("watchdog", self.modes:watch()) end
end

function Terminal:close()
  if self.modes then self.modes:close() end
  if self.relay then self.relay:close() end
  if self.own_signals then self.own_signals:close() end
end

local function earlier(a, b)
  return a and b and math.min(a, b) or a or b
end

-- Until the box has ended.
function Terminal:run(timeout)
  local poll, clock, box = self.core.poll, self.core.process.clock, self.box
  local limit = timeout and clock() + timeout
  local things = { box, self.relay, unpack(self.signals) }
  things[#things + 1] = self.cgroup
  local lost = false
  self:resume()
  while true do
    local gone, paused = self.relay:step()
    self.is_background = paused
    if gone and not lost then
      lost = true
      self:finish(signal.HUP)
    end
    local due = earlier(self.deadline, not self.timed_out and limit or nil)
    local left = due and math.max(0, due - clock())
    local ready = assert(poll.wait(things, earlier(left, self.is_background and LOOK_EVERY or nil)))
    if self.is_background then self:resume() end
    if self.cgroup then self.cgroup:look(ready[#ready] == #things) end
    if ready[1] == 1 then return assert(box:wait(0)) end
    self:read_signals()
    if due and clock() >= due then
      self.timed_out = self.timed_out or due == limit
      self.deadline = nil
      box:kill(signal.KILL)
      if self.tree then self.tree:kill() end -- also what somebody has frozen (v1)
    end
  end
end

-- What the box printed at last, to somebody who may be slow to read it.
function Terminal:drain()
  local things = { self.relay, unpack(self.signals) }
  self.deadline = nil
  while not self.relay:drain() and not self.deadline do
    assert(self.core.poll.wait(things))
    self:read_signals()
  end
end

---As tidelock.supervisor.wait, for a box with a terminal. Without `signals` the caller is a
---library's: signals that would end it are held back for as long as its terminal is in raw mode.
---@param box table  of core.launch
---@param options { timeout: number?, signals: table?, watchdog: boolean?, cgroup: table?,
---  tree: table? }
---@return { box: table, timed_out: boolean } watch
---@return table finish
function M.wait(box, options)
  collectgarbage "restart"
  local self = setmetatable({
    box = box, core = require "tidelock.core", is_library = not options.signals,
    cgroup = options.cgroup, tree = options.tree, timed_out = false,
  }, Terminal)
  local finish
  local good, problem = pcall(function()
    self:open(options)
    finish = self:run(options.timeout)
    self:drain()
  end)
  self:close()
  if self.killed_by then self.core.process.kill(self.core.process.getpid(), self.killed_by) end
  if not good then error(problem, 0) end
  return self, finish
end

return M
