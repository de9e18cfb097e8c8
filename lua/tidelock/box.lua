--- Boxes that stay: init holds them open, processes come and go, files go in and out.

local errors = require "tidelock.error"
local origin = require "tidelock.origin"

local M = {}

local KILL = 9

---@class tidelock.Box
local methods = {}
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

local function refuse_gone(box)
  local why = box:gone()
  if why then return errors.new { op = "exec", code = "ESRCH", message = "the box " .. why } end
end

-- The plan of something that joins, ready to be launched; and what is held for that.
local function prepared_of(box, norm, ops, given, fields)
  local pidfd, code = box.raw:pidfd()
  if not pidfd then
    error(errors.new { op = "exec", code = code, message = "exec: " .. code }, 0)
  end
  local held = { pidfd }
  for _, item in ipairs(given) do
    if item.use == "box" then
      item.fd = pidfd
    elseif item.use == "cgroup" then
      item.fd = box.cgroup:tasks(item.index)
      held[#held + 1] = item.fd
    else
      item.what = fields[item.use]
    end
  end
  return { norm = norm, ops = ops, given = given, group = true, box_cgroup = box.cgroup }, held
end

local MOMENT = 0.5 -- s: PID 1 cannot be joined for a while before its end is told

-- A target that vanished while it was joined is told as that, not as the call that noticed.
local function lost(box, report)
  local err = report.reason == "setup" and report.error
  local why = err and err.op ~= "exec" and box:gone(err.op == "setns" and MOMENT or 0)
  if why then
    report.error = errors.new { op = "exec", code = "ESRCH", message = "the box " .. why,
      cause = report.error }
  end
  return report
end

local function prepare(box, t, at, pipes)
  local norm, fields = require("tidelock.normalise.exec").normalise(box, t, at, pipes)
  local ops, given = require("tidelock.plan.exec").process(norm)
  return prepared_of(box, norm, ops, given, fields)
end

local function spawn(box, t, at, pipes)
  -- The joining process is begun while its plan is made, as for a box of its own.
  local early = require("tidelock.core").launch.spawn(0)
  local container = require "tidelock.container"
  local good, prepared, held = pcall(prepare, box, t, at, pipes)
  if not good then
    early:close()
    error(prepared, 0)
  end
  local raw, open
  good, raw, open = pcall(container.launch, prepared, early)
  for _, fd in ipairs(held) do fd:close() end
  if not good then error(raw, 0) end
  if not raw then return nil, lost(box, open) end
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
  local err = refuse_gone(self)
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
  local err = refuse_gone(self)
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
  -- PID 1 does not end while a process of its box is there that nobody has reaped.
  for process in pairs(self.running) do process.raw:reap() end
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

-- A file of the box, opened inside by the box's user: no path of the box is resolved out here.
local function open_file(box, path, flags, mode)
  local err = refuse_gone(box)
  if err then return nil, err end
  local place = require("tidelock.normalise.path").join(box.norm.cwd, path)
  local ops, given = require("tidelock.plan.exec").file(box.norm, place, flags, mode)
  local prepared, held = prepared_of(box, box.norm, ops, given, {})
  local good, raw, open = pcall(require("tidelock.container").launch, prepared)
  for _, fd in ipairs(held) do fd:close() end
  if not good then
    if not errors.is(raw) then error(raw, 0) end
    return nil, raw
  end
  if not raw then return nil, lost(box, open).error end
  local fd = raw:file()
  raw:close()
  return fd
end

local O_WRONLY, O_CREAT, O_TRUNC = 1, 64, 512
local LONGEST_PATH = 4095

local function refuse_path(path, field)
  local accepted = "a path inside, absolute or from the box's cwd"
  if type(path) ~= "string" or path == "" or path:find("%z") then
    errors.refuse { field = field, value = path, why = "is not a path", at = origin.find(),
      accepted = accepted }
  elseif #path > LONGEST_PATH then
    errors.refuse { field = field, why = ("is %d bytes long"):format(#path), at = origin.find(),
      accepted = ("at most %d"):format(LONGEST_PATH) }
  end
end

-- Through a descriptor that somebody inside may have chosen the kind of.
local function regular(fd, path)
  local kind = require("tidelock.core").process.fd_type(fd:pollfd())
  if kind == "file" then return true end
  fd:close()
  return nil, errors.new { op = "open", code = "EINVAL", path = path,
    message = ("%s is not a file but a %s"):format(errors.printable(path), kind) }
end

---A file of the box, as a descriptor: "r" or "w" (made, or emptied).
---@param path string
---@param how "r"|"w"
---@param mode integer?  of a file that is made; 0644 unless given
---@return table? fd
---@return tidelock.Error? err
function methods:open(path, how, mode)
  refuse_path(path, "path")
  local flags = how == "w" and O_WRONLY + O_CREAT + O_TRUNC or 0
  local fd, err = open_file(self, path, flags, how == "w" and (mode or 420) or 0)
  if not fd then return nil, err end
  local good
  good, err = regular(fd, path)
  if not good then return nil, err end
  return fd
end

-- The box decides how long its files are, and a sparse one costs it nothing.
local READ_LIMIT = 64 * 1024 * 1024

local function read_all(fd, path, limit)
  local parts, size = {}, 0
  while true do
    local chunk, code = fd:read(65536)
    if not chunk then
      return nil, errors.new { op = "read", code = code, path = path,
        message = ("read %s: %s"):format(errors.printable(path), code) }
    end
    if chunk == "" then return table.concat(parts) end
    parts[#parts + 1] = chunk
    size = size + #chunk
    if size > limit then
      return nil, errors.new { op = "read", code = "EFBIG", path = path,
        message = ("read %s: more than %d bytes"):format(errors.printable(path), limit),
        hint = "give a higher limit, box:read(path, bytes), or use box:copy_out" }
    end
  end
end

local function write_all(fd, data, path)
  local good, code = require("tidelock.core").process.write(fd:pollfd(), data)
  if good then return true end
  return nil, errors.new { op = "write", code = code, path = path,
    message = ("write %s: %s"):format(errors.printable(path), code) }
end

---What a file of the box holds.
---@param path string
---@param limit integer?  of bytes, 64 MiB unless said; a longer file is EFBIG
---@return string? data
---@return tidelock.Error? err
function methods:read(path, limit)
  if limit ~= nil and not (type(limit) == "number" and limit >= 0) then
    errors.refuse { field = "limit", value = limit, why = "is not a number of bytes",
      at = origin.find() }
  end
  local fd, err = self:open(path, "r")
  if not fd then return nil, err end
  local data
  data, err = read_all(fd, path, limit or READ_LIMIT)
  fd:close()
  if not data then return nil, err end
  return data
end

---Makes or replaces what a file of the box holds.
---@param path string
---@param data string
---@param mode integer?
---@return boolean? ok
---@return tidelock.Error? err
function methods:write(path, data, mode)
  if type(data) ~= "string" then
    errors.refuse { field = "data", value = data, why = "is not a string", at = origin.find() }
  end
  local fd, err = self:open(path, "w", mode)
  if not fd then return nil, err end
  local good
  good, err = write_all(fd, data, path)
  fd:close()
  if not good then return nil, err end
  return true
end

local function copy(from, to, source, target)
  while true do
    local chunk, code = from:read(65536)
    if not chunk then
      return nil, errors.new { op = "read", code = code, path = source,
        message = ("read %s: %s"):format(errors.printable(source), code) }
    end
    if chunk == "" then return true end
    local good, err = write_all(to, chunk, target)
    if not good then return nil, err end
  end
end

local function open_host(path, how)
  local core = require "tidelock.core"
  local stat = core.host.stat(path, true)
  -- Before it is opened: to open a FIFO is to wait for its other end.
  if stat and stat.type ~= "file" then
    return nil, errors.new { op = "open", code = "EINVAL", path = path,
      message = ("%s on the host is not a file but a %s"):format(errors.printable(path),
        stat.type) }
  end
  local fd, code = core.process.open(path, how)
  if not fd then
    return nil, errors.new { op = "open", code = code, path = path,
      message = ("%s on the host: %s"):format(errors.printable(path), code) }
  end
  local good, err = regular(fd, path)
  return good and fd, err
end

-- Both ends closed, whatever happened.
local function transfer(from, to, source, target)
  local good, err = copy(from, to, source, target)
  from:close()
  to:close()
  if not good then return nil, err end
  return true
end

---Copies a file of the host to a path of the box; its mode comes with it.
---@param source string  on the host
---@param target string  inside
---@return boolean? ok
---@return tidelock.Error? err
function methods:copy_in(source, target)
  refuse_path(source, "source")
  refuse_path(target, "target")
  local from, err = open_host(source, "r")
  if not from then return nil, err end
  local to
  to, err = self:open(target, "w", require("tidelock.core").host.stat(source).mode)
  if not to then
    from:close()
    return nil, err
  end
  return transfer(from, to, source, target)
end

---Copies a file of the box to a path of the host.
---@param source string  inside
---@param target string  on the host
---@return boolean? ok
---@return tidelock.Error? err
function methods:copy_out(source, target)
  refuse_path(source, "source")
  refuse_path(target, "target")
  local from, err = self:open(source, "r")
  if not from then return nil, err end
  local to
  to, err = open_host(target, "w")
  if not to then
    from:close()
    return nil, err
  end
  return transfer(from, to, source, target)
end

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
