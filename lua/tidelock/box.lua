--- Boxes that stay: init holds them open, processes come and go, files go in and out.

local errors = require "tidelock.error"
local origin = require "tidelock.origin"

local M = {}

local KILL = 9

-- The rest of the methods, loaded with the first that is called.
local PARTS = { "tidelock.box.files", "tidelock.box.live" }

---@class tidelock.Box
local methods = setmetatable({}, { __index = function(self, name)
  for _, part in ipairs(PARTS) do
    local method = require(part)[name]
    if method then
      rawset(self, name, method)
      return method
    end
  end
end })
local meta = { __index = methods, __name = "tidelock.Box" }

---@param spec tidelock.Spec
---@return tidelock.Box? box
---@return tidelock.Error? err
function M.start(spec)
  -- The command, if there is one, is exec's to run.
  local fields = spec:fields()
  if fields.command then
    errors.refuse { field = "command", at = spec:where("command"),
      why = "has no place in start: the box stays, and exec runs commands",
      accepted = "spec:run{...}, or box:exec{...}" }
  end
  local container = require "tidelock.container"
  local prepared, raw = container.start(spec)
  if not prepared then return nil, raw end
  collectgarbage "restart" -- the command line starts with none
  container.call_hooks(prepared.norm, "started", raw:pid())
  return setmetatable({
    raw = raw, norm = prepared.norm, facts = prepared.facts, fields = fields,
    cgroup = prepared.cgroup,
    running = {}, -- the processes that nobody has waited for to their end
  }, meta)
end

---What became of the box, if it is no longer there.
---@param seconds number?  to wait for its end
---@return string? why
function methods:gone(seconds)
  if self.stopped then return "was stopped" end
  local ended = require("tidelock.core").poll.wait({ self.raw }, seconds or 0)[1]
  return ended and "has ended: its PID 1 is gone" or nil
end

-- The error for what needs the box to be there and running, or nil.
function methods:refuse_gone()
  local why = self:gone() or self.paused and "is paused: resume it first"
  if why then return errors.new { op = "exec", code = "ESRCH", message = "the box " .. why } end
end

-- The plan of something that joins, ready to be launched; and what is held for that.
function methods:prepared(norm, ops, given, fields)
  local pidfd, code = self.raw:pidfd()
  if not pidfd then
    error(errors.new { op = "exec", code = code, message = "exec: " .. code }, 0)
  end
  local held = { pidfd }
  for _, item in ipairs(given) do
    if item.use == "box" then
      item.fd = pidfd
    elseif item.use == "cgroup" then
      item.fd = self.cgroup:entry(item.index)
      held[#held + 1] = item.fd
    else
      item.what = fields[item.use]
    end
  end
  return { norm = norm, ops = ops, given = given, group = true, box_cgroup = self.cgroup }, held
end

local MOMENT = 0.5 -- s: PID 1 cannot be joined for a while before its end is told

-- A target that vanished while it was joined is told as that, not as the call that noticed.
function methods:lost(report)
  local err = report.reason == "setup" and report.error
  local why = err and err.op ~= "exec" and self:gone(err.op == "setns" and MOMENT or 0)
  if why then
    report.error = errors.new { op = "exec", code = "ESRCH", message = "the box " .. why,
      cause = report.error }
  end
  return report
end

local function prepare(box, t, at, pipes)
  local norm, fields = require("tidelock.normalise.exec").normalise(box, t, at, pipes)
  local ops, given = require("tidelock.plan.exec").process(norm)
  return box:prepared(norm, ops, given, fields)
end

local function spawn(box, t, at, pipes)
  local v2 = box.cgroup and box.cgroup.cgroup.version == 2
  local into = v2 and box.cgroup:entry(1) or nil
  -- The joining process is begun while its plan is made, as for a box of its own.
  local early = require("tidelock.core").launch.spawn(0, into)
  local container = require "tidelock.container"
  local good, prepared, held = pcall(prepare, box, t, at, pipes)
  if not good then
    early:close()
    error(prepared, 0)
  end
  held[#held + 1] = into
  local raw, open
  good, raw, open = pcall(container.launch, prepared, early)
  for _, fd in ipairs(held) do fd:close() end
  if not good then error(raw, 0) end
  if not raw then return nil, box:lost(open) end
  local process = require("tidelock.process").new(box, raw, prepared, open)
  box.running[process] = true
  return process
end

---Starts a process in the box: words, and fields of its own (cwd, env, user, rlimits, timeout,
---stdin, stdout, stderr, pass_fds); a stream may be "pipe", and is then a field of the process.
---@param t table
---@return tidelock.Process? process
---@return tidelock.Error? err
function methods:spawn(t)
  local at = origin.find()
  local err = self:refuse_gone()
  if err then return nil, err end
  local process, report = spawn(self, t, at, true)
  if not process then return nil, report.error end
  return process
end

---Runs a process in the box to its end. Always returns a report.
---@param t table  as for spawn, without "pipe"
---@return tidelock.Report
function methods:exec(t)
  local at = origin.find()
  local err = self:refuse_gone()
  if err then return require("tidelock.report").setup(err) end
  local good, process, report = pcall(spawn, self, t, at, false)
  if not good then
    if not errors.is(process) then error(process, 0) end
    return require("tidelock.report").setup(process)
  end
  if not process then return report end
  return process:wait()
end

---SIGKILL to all of the box, or a signal to its PID 1.
---@param signal string|number|nil
---@return boolean? ok
---@return tidelock.Error? err
function methods:kill(signal)
  local number = require("tidelock.signal").check(signal or "KILL")
  local good, code = self.raw:kill(number)
  if good then return true end
  return nil, errors.new { op = "kill", code = code, message = "kill: " .. code }
end

---Ends the box: every process in it, its mounts and namespaces. May be called again.
function methods:stop()
  if self.stopped then return end
  self.stopped = true
  self.raw:kill(KILL)
  -- What stands still does not die (v1).
  if self.cgroup then self.cgroup.group:kill() end
  -- PID 1 does not end while a process of its box is there that nobody has reaped.
  for process in pairs(self.running) do
    process.raw:reap()
    require("tidelock.supervisor").leave_cgroup(process.watch)
  end
  self.raw:close()
  if self.cgroup then self.cgroup:remove() end
  self.facts.release()
  local container = require "tidelock.container"
  container.call_hooks(self.norm, "stopped")
  container.undo_hooks(self.norm)
end

---Waits until the box's PID 1 has ended, for so long if a time is given.
---@param seconds number?
---@return boolean ended
function methods:wait(seconds)
  if self.stopped then return true end
  local ready = require("tidelock.loop").wait({ self.raw }, seconds)
  return ready ~= nil and ready[1] ~= nil
end

---A descriptor that is readable once PID 1 has ended; see poll(2).
---@return integer
function methods:pollfd() return self.raw:pollfd() end

---The pid of PID 1, as the host counts.
---@return integer
function methods:pid() return self.raw:pid() end

---Starts a box, calls the function with it, and stops it, whatever happens.
---@param spec tidelock.Spec
---@param f fun(box: tidelock.Box): ...
---@return any ...  what the function returns; or nil and why the box did not start
function M.with(spec, f)
  local box, err = M.start(spec)
  if not box then return nil, err end
  local function finish(good, ...)
    box:stop()
    if not good then error((...), 0) end
    return ...
  end
  return finish(pcall(f, box))
end

return M
