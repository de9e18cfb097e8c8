--- From a spec to a report: normalise, plan, launch, supervise.

local errors = require "tidelock.error"

local M = {}

-- Handed on to the workload while the command line waits for it.
local FORWARDED = { "HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT", "WINCH" }

---@class tidelock.Prepared
---@field norm table
---@field ops table[]
---@field given table[]   what the first slots are to be
---@field complete function fills in norm.sockets
---@field facts table     holds the box's range of ids while it is referenced

-- The namespaces of a spec that turns out to be good; of another, whatever was begun is taken back.
local function likely_namespaces(spec)
  if spec.likely_namespaces then return spec:likely_namespaces() end
  local fields = spec:fields()
  local names = require("tidelock.normalise.names").namespaces
  local shared, flags = {}, 0
  for _, name in ipairs(fields.share or {}) do shared[name] = true end
  if fields.net == "host" then shared.network = true end
  -- Made once it has joined its cgroup.
  if fields.limits then shared.cgroup = true end
  for name, flag in pairs(names) do
    if not shared[name] then flags = flags + flag end
  end
  return flags
end

local function wants_cgroup(spec)
  if spec.likely_cgroup then return spec:likely_cgroup() end
  return spec:fields().limits ~= nil
end

-- The kernel takes half a millisecond for the namespaces, and Lua as long for the plan: at once.
-- But what is to begin in a cgroup of v2 begins when that is there: to enter it later takes longer.
local function begin_early(spec)
  if wants_cgroup(spec) and require("tidelock.core").cgroup.version "/sys/fs/cgroup" == 2 then
    return nil
  end
  return require("tidelock.core").launch.spawn(likely_namespaces(spec))
end

---A spec made ready to start, with the facts of this host. Raises for what cannot be had.
---@param spec tidelock.Spec
---@param options tidelock.PlanOptions?
---@return tidelock.Prepared
function M.prepare(spec, options)
  local facts = require("tidelock.facts").new()
  local normalise = spec.normalise or require("tidelock.normalise").normalise
  local norm, complete = normalise(spec, facts)
  local ops, given = require("tidelock.plan.build").build(norm, options)
  local fields = spec:fields()
  for _, item in ipairs(given) do
    item.what = fields[item.use]
  end
  return { norm = norm, ops = ops, facts = facts, given = given, complete = complete }
end

-- Where the operation that the packer complains about was asked for.
local function blamed(prepared, message)
  local op = prepared.ops[tonumber(message:match("operation (%d+)"))]
  local name = message:match("^plan: ([%w_]+)%.")
  for _, own in ipairs(prepared.norm.ops) do
    if own.op == name then return own.origin end
  end
  return op and op.at ~= "default" and op.at or nil
end

-- What the packer refuses: a field too long or too large for a plan, or an operation of the user's
-- own that is none.
local function pack(core, prepared)
  local good, plan = pcall(core.plan.pack, prepared.ops, { given = #prepared.given })
  if good then return plan end
  error(errors.new { op = "plan", message = errors.printable(plan, 200),
    at = blamed(prepared, plan) }, 0)
end

local function open_null(core, mode)
  local fd, code = core.process.open("/dev/null", mode)
  if not fd then error(errors.new { op = "open", path = "/dev/null", code = code }, 0) end
  return fd
end

local function open_pipe(core)
  local from, to = core.process.pipe()
  if not from then error(errors.new { op = "pipe", code = to }, 0) end
  return from, to
end

-- A stream that is not inherited: what the box gets. What is opened here goes to `open.ours`, to be
-- closed after the launch; what is read from, to `open.streams`; the caller's end of a pipe, to
-- `open.pipes`.
local function open_stream(core, item, open)
  local what = item.what
  if type(what) == "number" then return what end
  local give
  if what == "null" then
    give = open_null(core, item.use == "stdin" and "r" or "w")
  else
    local from, to = open_pipe(core)
    give = item.use == "stdin" and from or to
    if what == "pipe" then
      open.pipes[item.use] = item.use == "stdin" and to or from
    else
      local stream = require("tidelock.supervisor").stream(from, what ~= "capture" and what or nil)
      stream.name = item.use
      open.streams[#open.streams + 1] = stream
    end
  end
  open.ours[#open.ours + 1] = give
  return give
end

-- The descriptors of the plan's first slots, in order.
local function open_slots(core, given)
  local open = { slots = {}, streams = {}, ours = {}, pipes = {} }
  for i, item in ipairs(given) do
    open.slots[i - 1] = item.fd or open_stream(core, item, open)
  end
  return open
end

local function call_hook(hook, undo, pid)
  local call = hook[undo and "undo" or "call"]
  if not call then return true end
  local result, message = call { pid = pid and pid > 0 and pid or nil, stage = hook.at }
  if result == nil and message ~= nil then return nil, message end
  return true
end

-- The launcher calls those of the stages prepare and created, and undoes them if it fails.
local function hook_caller(norm)
  if not norm.hooks[1] then return nil end
  return function(index, undo, pid)
    return call_hook(norm.hooks[index], undo, pid)
  end
end

-- What a hook says when there is nothing left to stop is a note in the report.
local function note_hook(norm, hook, good, result, message)
  if good and result then return end
  norm.notes[#norm.notes + 1] = {
    text = ("the hook %s at %s failed: %s"):format(hook.name or "", hook.at,
      errors.printable(good and message or result, 200)),
    at = hook.origin,
  }
end

---Calls the hooks of the stage "started" or "stopped".
---@param norm table
---@param stage string
---@param pid integer?
function M.call_hooks(norm, stage, pid)
  for _, hook in ipairs(norm.hooks) do
    if hook.at == stage then note_hook(norm, hook, pcall(call_hook, hook, false, pid)) end
  end
end

---Undoes all hooks, the last one first: the box has ended.
---@param norm table
function M.undo_hooks(norm)
  for i = #norm.hooks, 1, -1 do
    note_hook(norm, norm.hooks[i], pcall(call_hook, norm.hooks[i], true))
  end
end

local function planted(norm)
  local list = {}
  for _, path in ipairs(norm.watch) do
    local stat = require("tidelock.core").host.stat(path, false)
    local now = require("tidelock.normalise.protect").signature(stat)
    if now ~= "none" and now ~= norm.watched[path] then list[#list + 1] = path end
  end
  return list
end

local function finish_report(box, prepared, finish, watch, settings)
  local norm = prepared.norm
  if finish.not_idmapped then
    norm.not_enforced[#norm.not_enforced + 1] =
      "idmap: a file system without idmapped mounts was bound with the host's ids"
  end
  local reports = require "tidelock.report"
  local report = reports.of(finish, {
    norm = norm, ops = prepared.ops, timed_out = watch.timed_out, stopped = settings.stopped,
  })
  if norm.timeout then report.limit = require("tidelock.units").format_duration(norm.timeout) end
  if settings.operations then reports.take_times(report, box, prepared.ops) end
  report.planted = planted(norm)
  if not report.ok and report.reason == "exit" then
    report.hint = require("tidelock.hint").find(norm, finish)
  end
  return report
end

---Begins to look after what was launched.
---@param box table
---@param prepared tidelock.Prepared
---@param streams tidelock.Stream[]
---@param signals table?
---@param settled function?  called once when the box has lived for a moment
---@return tidelock.Watch
function M.watch(box, prepared, streams, signals, settled)
  local cgroup = prepared.cgroup or prepared.box_cgroup
  return require("tidelock.supervisor").watch(box, {
    timeout = prepared.norm.timeout, signals = signals, streams = streams, group = prepared.group,
    cgroup = cgroup and cgroup:watch(), settled = settled,
    tree = prepared.cgroup and prepared.cgroup.group,
  })
end

---The report of what has ended.
---@param watch tidelock.Watch
---@param prepared tidelock.Prepared
---@param streams tidelock.Stream[]
---@param finish table
---@param settings table
---@return tidelock.Report
function M.conclude(watch, prepared, streams, finish, settings)
  local report = finish_report(watch.box, prepared, finish, watch, settings)
  for _, stream in ipairs(streams) do
    if stream.parts then
      local text, truncated = require("tidelock.supervisor").captured(stream)
      report[stream.name] = text
      if truncated then report[stream.name .. "_truncated"] = true end
    end
  end
  local around = prepared.box_cgroup
  local spent = around and around:memory_limit()
  if spent and not report.ok then require("tidelock.report").out_of_memory(report, spent) end
  return report
end

-- A run to its end.
local function supervise(box, prepared, streams, settings)
  local cgroup = prepared.cgroup
  prepared.complete()
  if cgroup then cgroup:started() end
  if prepared.norm.hooks[1] then M.call_hooks(prepared.norm, "started", box:pid()) end
  local function settled() require("tidelock.state").found(prepared, box) end
  local watch, finish
  if prepared.norm.tty then
    settled()
    watch, finish = require("tidelock.terminal").wait(box, {
      timeout = prepared.norm.timeout, signals = settings.signals, watchdog = settings.watchdog,
      cgroup = cgroup and cgroup:watch(), tree = cgroup and cgroup.group,
    })
  else
    watch = M.watch(box, prepared, streams, settings.signals, settled)
    require "tidelock.report" -- now, while there is time
    finish = require("tidelock.supervisor").wait(watch)
  end
  local report = M.conclude(watch, prepared, streams, finish, settings)
  -- Waits for the end of PID 1 too, and so for that of the box's namespaces.
  if not settings.leave or prepared.norm.hooks[1] or cgroup then box:close() end
  if cgroup then cgroup:finish(report, settings.operations or not settings.leave) end
  if prepared.facts.record then prepared.facts.record:remove() end
  if prepared.norm.hooks[1] then
    M.call_hooks(prepared.norm, "stopped")
    M.undo_hooks(prepared.norm)
  end
  return report
end

---Starts what was prepared.
---@param prepared tidelock.Prepared
---@param spawn table?  an init that was begun early
---@return table? box     of core.launch
---@return table open     { streams, pipes }, or the report of a start that failed
function M.launch(prepared, spawn)
  local core = require "tidelock.core"
  local plan = pack(core, prepared)
  local open = open_slots(core, prepared.given)
  if prepared.norm.cgroup and not prepared.group then
    prepared.cgroup = require("tidelock.cgroup.box").begin(prepared)
  end
  io.stdout:flush() -- what was printed before comes before what the box prints
  local box, fault, ended = core.launch.start {
    plan = plan, slots = open.slots, spawn = spawn, hook = hook_caller(prepared.norm),
    cgroup = prepared.cgroup and prepared.cgroup.group,
  }
  for _, fd in ipairs(open.ours) do fd:close() end
  if box then return box, open end
  for _, stream in ipairs(open.streams) do stream.fd:close() end
  for _, fd in pairs(open.pipes) do fd:close() end
  local finish = { setup_failed = true, fault = fault }
  local reports = require "tidelock.report"
  local report = reports.of(finish, { norm = prepared.norm, ops = prepared.ops })
  reports.take_times(report, ended, prepared.ops)
  if prepared.cgroup then prepared.cgroup:finish(report) end
  return nil, report
end

-- The same, with the namespaces begun while the plan is made.
local function start(spec, options)
  local spawn = begin_early(spec)
  local good, prepared, box, open = pcall(function()
    local prepared = M.prepare(spec, options)
    return prepared, M.launch(prepared, spawn)
  end)
  if good then return prepared, box, open end
  if spawn then spawn:close() end
  error(prepared, 0)
end

---A box that stays, held open by its init.
---@param spec tidelock.Spec
---@return tidelock.Prepared? prepared
---@return table box_or_error  of core.launch, or an error object
function M.start(spec)
  local good, prepared, box, open = pcall(start, spec)
  if good and box then
    prepared.source = require("tidelock.origin").find()
    prepared.complete()
    if prepared.cgroup then prepared.cgroup:started() end
    require("tidelock.state").hold(prepared, box)
    return prepared, box
  end
  if good then return nil, open.error end
  if not errors.is(prepared) then error(prepared, 0) end
  return nil, prepared
end

---Runs a spec to its end. Always returns a report; what is wrong with the spec or the host is a
---report too (reason "setup").
---`leave`: the process is about to end, and does not wait until the kernel has taken the box's
---namespaces apart; every process of the box but its init is gone by then.
---@param spec tidelock.Spec
---`watchdog`: fork a child that restores the caller's terminal should this process be killed.
---`source`: the spec's file, for who lists what runs.
---@param settings { signals: table?, operations: boolean?, leave: boolean?, plan: table?,
---  watchdog: boolean?, source: string? }?
---@return tidelock.Report
---@return table? norm  what the spec came to, if it came to something
function M.run(spec, settings)
  settings = settings or {}
  local good, result, norm = pcall(function()
    local prepared, box, open = start(spec, settings.plan)
    prepared.source = settings.source
    if not box then return open, prepared.norm end
    local watched, report = pcall(supervise, box, prepared, open.streams, settings)
    if not watched then
      box:close() -- what a caller's function raised must not leave it running
      if prepared.cgroup then prepared.cgroup:remove() end
      prepared.facts.release()
      for _, stream in ipairs(open.streams) do stream.fd:close() end
      error(report, 0)
    end
    if not settings.leave then prepared.facts.release() end
    return report, prepared.norm
  end)
  if good then return result, norm end
  if not errors.is(result) then error(result, 0) end
  return require("tidelock.report").setup(result)
end

---Signals of the command line itself, to be handed on: blocks them.
---@return table signals  see core.poll.signals
function M.forward_signals()
  local numbers, signal = {}, require "tidelock.signal"
  for i, name in ipairs(FORWARDED) do numbers[i] = signal.parse(name) end
  return require("tidelock.core").poll.signals(numbers)
end

return M
