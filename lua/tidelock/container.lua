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
local function likely_namespaces(fields)
  local names = require("tidelock.normalise.names").namespaces
  local shared, flags = {}, 0
  for _, name in ipairs(fields.share or {}) do shared[name] = true end
  if fields.net == "host" then shared.network = true end
  for name, flag in pairs(names) do
    if not shared[name] then flags = flags + flag end
  end
  return flags
end

-- The kernel takes half a millisecond for the namespaces, and Lua as long for the plan: both at once.
local function begin_early(fields)
  local spawn = require("tidelock.core").launch.spawn(likely_namespaces(fields))
  return spawn or nil -- what failed will fail again, where it can be told
end

---A spec made ready to start, with the facts of this host. Raises for what cannot be had.
---@param spec tidelock.Spec
---@param options tidelock.PlanOptions?
---@return tidelock.Prepared
function M.prepare(spec, options)
  local facts = require("tidelock.facts").new()
  local norm, complete = require("tidelock.normalise").normalise(spec, facts)
  local ops, given = require("tidelock.plan.build").build(norm, options)
  local fields = spec:fields()
  for _, item in ipairs(given) do
    if item.use ~= "pass" then item.what = fields[item.use] end
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

-- A stream that is not inherited: what the box gets. What is opened here goes to `ours`, to be
-- closed after the launch; what is read from, to `streams`.
local function open_stream(core, item, streams, ours)
  local what = item.what
  if type(what) == "number" then return what end
  local to
  if what == "null" then
    to = open_null(core, item.use == "stdin" and "r" or "w")
  else
    local from
    from, to = core.process.pipe()
    if not from then error(errors.new { op = "pipe", code = to }, 0) end
    local stream = require("tidelock.supervisor").stream(from, what ~= "capture" and what or nil)
    stream.name = item.use
    streams[#streams + 1] = stream
  end
  ours[#ours + 1] = to
  return to
end

-- The descriptors of the plan's first slots, in order.
local function open_slots(core, given)
  local slots, streams, ours = {}, {}, {}
  for i, item in ipairs(given) do
    slots[i - 1] = item.use == "pass" and item.fd or open_stream(core, item, streams, ours)
  end
  return slots, streams, ours
end

local function hook_caller(norm)
  if not norm.hooks[1] then return nil end
  return function(index, undo, pid)
    local hook = norm.hooks[index]
    local call = hook[undo and "undo" or "call"]
    if not call then return true end
    local result, message = call { pid = pid, stage = hook.at }
    if result == nil and message ~= nil then return nil, message end
    return true
  end
end

local function planted(norm)
  local list, host = {}, require("tidelock.core").host
  for _, path in ipairs(norm.watch) do
    if host.stat(path, false) then list[#list + 1] = path end
  end
  return list
end

local function operations(box, ops)
  local list, explain = {}, require "tidelock.plan.explain"
  for i, time in ipairs(box:times()) do
    local op = ops[i]
    list[i] = {
      op = op.op, lane = op.lane, stage = op.stage, at = op.at, story = explain.story(op),
      start = time[1], stop = time[2],
    }
  end
  return list
end

local function finish_report(box, prepared, finish, timed_out, settings)
  local norm = prepared.norm
  if finish.not_idmapped then
    norm.not_enforced[#norm.not_enforced + 1] =
      "idmap: a file system without idmapped mounts was bound with the host's ids"
  end
  local report = require("tidelock.report").of(finish, {
    norm = norm, ops = prepared.ops, timed_out = timed_out,
  })
  if norm.timeout then report.limit = require("tidelock.units").format_duration(norm.timeout) end
  if settings.operations then report.operations = operations(box, prepared.ops) end
  report.planted = planted(norm)
  if not report.ok and report.reason == "exit" then
    report.hint = require("tidelock.hint").find(norm, finish)
  end
  return report
end

local function supervise(box, prepared, streams, settings)
  prepared.complete()
  local supervisor = prepared.norm.tty and "tidelock.terminal" or "tidelock.supervisor"
  local finish, timed_out = require(supervisor).wait(box, {
    timeout = prepared.norm.timeout, signals = settings.signals, streams = streams,
    watchdog = settings.watchdog,
  })
  local report = finish_report(box, prepared, finish, timed_out, settings)
  for _, stream in ipairs(streams) do
    if stream.parts then
      local text, truncated = require("tidelock.supervisor").captured(stream)
      report[stream.name] = text
      if truncated then report[stream.name .. "_truncated"] = true end
    end
  end
  -- Waits for the end of PID 1 too, and so for that of the box's namespaces.
  if not settings.leave then box:close() end
  return report
end

local function launch(prepared, spawn, settings)
  local core = require "tidelock.core"
  local plan = pack(core, prepared)
  local slots, streams, ours = open_slots(core, prepared.given)
  io.stdout:flush() -- what was printed before comes before what the box prints
  local box, fault = core.launch.start {
    plan = plan, slots = slots, spawn = spawn, hook = hook_caller(prepared.norm),
  }
  for _, fd in ipairs(ours) do fd:close() end
  if not box then
    for _, stream in ipairs(streams) do stream.fd:close() end
    local finish = { setup_failed = true, fault = fault }
    return require("tidelock.report").of(finish, { norm = prepared.norm, ops = prepared.ops })
  end
  return supervise(box, prepared, streams, settings)
end

---Runs a spec to its end. Always returns a report; what is wrong with the spec or the host is a
---report too (reason "setup").
---`leave`: the process is about to end, and does not wait until the kernel has taken the box's
---namespaces apart; every process of the box but its init is gone by then.
---@param spec tidelock.Spec
---`watchdog`: fork a child that restores the caller's terminal should this process be killed.
---@param settings { signals: table?, operations: boolean?, leave: boolean?, plan: table?,
---  watchdog: boolean? }?
---@return tidelock.Report
---@return table? norm  what the spec came to, if it came to something
function M.run(spec, settings)
  settings = settings or {}
  local spawn
  local good, result, norm = pcall(function()
    spawn = begin_early(spec:fields())
    local prepared = M.prepare(spec, settings.plan)
    return launch(prepared, spawn, settings), prepared.norm
  end)
  if good then return result, norm end
  if spawn then spawn:close() end
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
