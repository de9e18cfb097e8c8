--- How a run ended, why, and what it used: a value, one line for people, JSON for machines.

local errors = require "tidelock.error"

local M = {}

---@class tidelock.Report
---@field ok boolean            the workload ran and exited 0
---@field code integer          what the command line exits with (see EXIT below)
---@field status integer?       the workload's exit status
---@field signal string?        "TERM": what killed it
---@field reason string         "exit" "signal" "timeout" "memory" "seccomp" "setup" "stopped"
---@field rule string?          the field of the spec that decided: "timeout"
---@field at string?            where that was asked for: "ci.lua:8"
---@field stopped string?       what became of the box around it: "was stopped"
---@field denials table[]       {layer, call|path|address, rule, at, remedy}
---@field usage table           wall, user, system in seconds, memory_peak in bytes (nil: unknown);
---  with a cgroup also throttled, periods_throttled, pids_peak, forks_refused, and as in
---  tidelock.CgroupStats memory, io, pressure, oom
---@field enforced string[]     what was put in force
---@field not_enforced string[] what should be in force and could not be put there, with the reason
---@field notes table[]         {text, at}
---@field sockets string[]      unix sockets of the host that were in reach
---@field planted string[]      names that the host acts on later and that were written from inside
---@field operations table[]    {op, lane, stage, story, at, start, stop} in seconds; where
---  the lanes meet, met_start and met_stop of the launcher's half
---@field moments table?        what was between them, in seconds: see box:moments() of core.launch
---@field error tidelock.Error? why set-up failed
---@field hint string?          one line, from facts
local methods = {}
local meta = { __index = methods, __name = "tidelock.Report" }

-- OCI-CLI.md, the end: the workload's own; 128+n by signal; 124 time; 125 ours; 126; 127.
local TIMEOUT, SETUP, CANNOT_EXECUTE, NOT_FOUND, SIGNALED = 124, 125, 126, 127, 128
local KILL = 9

local function exec_code(fault, op)
  if not op or op.op ~= "exec" then return SETUP end
  if fault.code == "ENOENT" then return NOT_FOUND end
  if fault.code == "EACCES" or fault.code == "ENOEXEC" then return CANNOT_EXECUTE end
  return SETUP
end

---@param fields table
---@return tidelock.Report
function M.new(fields)
  fields.denials = fields.denials or {}
  fields.usage = fields.usage or {}
  fields.enforced = fields.enforced or {}
  fields.not_enforced = fields.not_enforced or {}
  fields.notes = fields.notes or {}
  fields.sockets = fields.sockets or {}
  fields.planted = fields.planted or {}
  fields.operations = fields.operations or {}
  return setmetatable(fields, meta)
end

---The report of a run that never began.
---@param err tidelock.Error
---@param code integer?
function M.setup(err, code)
  return M.new { ok = false, code = code or SETUP, reason = "setup", error = err, at = err.at }
end

---The report of a box that ended.
---@param finish table  what box:wait() gave
---@param context table {norm, ops, timed_out, stopped: string? what became of the box around it}
---@return tidelock.Report
function M.of(finish, context)
  local norm = context.norm
  local report = M.new {
    notes = norm.notes, sockets = norm.sockets, not_enforced = norm.not_enforced,
    enforced = norm.enforced,
    usage = {
      wall = finish.wall, user = finish.user, system = finish.system,
      memory_peak = finish.memory_peak, major_faults = finish.major_faults,
      minor_faults = finish.minor_faults, voluntary_switches = finish.voluntary_switches,
      involuntary_switches = finish.involuntary_switches,
    },
  }
  if finish.setup_failed then
    local fault = finish.fault
    report.error = require("tidelock.fault").explain(fault, context.ops, norm)
    report.ok, report.reason, report.at = false, "setup", report.error.at
    report.code = exec_code(fault, context.ops[fault.index])
    return report
  end
  if context.timed_out then
    report.reason, report.rule, report.at = "timeout", "timeout", norm.timeout_at
    report.code, report.signal = TIMEOUT, "KILL"
  elseif context.stopped and finish.signaled and finish.code == KILL then
    report.reason, report.code, report.signal = "stopped", SIGNALED + KILL, "KILL"
    report.stopped = context.stopped
  elseif finish.signaled then
    local name = require("tidelock.signal").name(finish.code)
    report.reason = name == "SYS" and "seccomp" or "signal"
    report.rule = name == "SYS" and "seccomp" or nil
    report.signal, report.code = name, SIGNALED + finish.code
  else
    report.reason, report.status, report.code = "exit", finish.code, finish.code
  end
  report.ok = report.reason == "exit" and report.status == 0
  return report
end

---The box was killed because it had used up its memory, whatever its last process made of that.
---@param report tidelock.Report
---@param limit { text: string, at: string }
function M.out_of_memory(report, limit)
  report.ok, report.reason, report.rule = false, "memory", "limits.memory"
  report.at, report.limit = limit.at, limit.text
  report.status, report.signal, report.code = nil, "KILL", SIGNALED + 9
  report.hint = nil
end

---One sentence: how it ended and why.
---@return string
function methods:why()
  if self.reason == "setup" then return tostring(self.error) end
  local where = self.at and (" (%s)"):format(errors.printable(self.at, math.huge)) or ""
  if self.reason == "exit" then return ("exited with status %d"):format(self.status) end
  if self.reason == "timeout" then
    return ("killed by the time limit %s%s"):format(self.limit or "", where)
  end
  if self.reason == "memory" then
    return ("killed by the memory limit %s%s"):format(self.limit or "", where)
  end
  if self.reason == "seccomp" then
    return "killed by SIGSYS: the seccomp filter refused a system call" .. where
  end
  if self.reason == "stopped" then return "ended with its box, which " .. self.stopped end
  return ("killed by SIG%s"):format(self.signal)
end

---One line for people: how it ended and what it used.
---@return string
function methods:line()
  local units = require "tidelock.units"
  local usage, used = self.usage, {}
  if usage.user then
    used[1] = "user " .. units.format_duration(usage.user)
    used[2] = "system " .. units.format_duration(usage.system)
    local peak = usage.memory_peak
    used[3] = "peak " .. (peak and units.format_size(peak) or "unavailable")
  end
  local first = self:why():match("^[^\n]*")
  if not usage.wall then return first end
  local wall = units.format_duration(usage.wall)
  return ("%s after %s (%s)"):format(first, wall, table.concat(used, ", "))
end

---Adds the operations of a box with their times, and what was between them.
---@param report tidelock.Report
---@param box table    of core.launch
---@param ops table[]  of its plan
function M.take_times(report, box, ops)
  local list, explain = {}, require "tidelock.plan.explain"
  for i, time in ipairs(box:times()) do
    local op = ops[i]
    list[i] = {
      op = op.op, lane = op.lane, stage = op.stage, at = op.at, story = explain.story(op),
      start = time[1], stop = time[2], met_start = time[3], met_stop = time[4],
    }
  end
  report.operations, report.moments = list, box:moments()
end

---The run as Chrome's trace events, a table for JSON: what it knows if `operations` were asked for.
---@return table
function methods:timeline()
  return (require("tidelock.timeline").of(self))
end

---Itself if the run was good; otherwise raises with the why.
---@return tidelock.Report
function methods:assert()
  if not self.ok then error(self.error or errors.new { message = self:why(), at = self.at }, 2) end
  return self
end

---Plain data for JSON; the error as its fields and text.
---@return table
function methods:data()
  local data = {}
  for name, value in pairs(self) do data[name] = value end
  if data.error then
    local err = data.error
    data.error = {
      text = tostring(err), message = err.message, op = err.op, code = err.code, index = err.index,
      lane = err.lane, field = err.field, at = err.at, hint = err.hint,
    }
  end
  local json = require "tidelock.json"
  for _, name in ipairs { "denials", "enforced", "not_enforced", "notes", "sockets", "planted",
    "operations" } do
    data[name] = json.array(data[name])
  end
  json.object(data.usage)
  return data
end

---@param pretty boolean?
---@return string
function methods:json(pretty)
  return require("tidelock.json").encode(self:data(), pretty)
end

function meta.__tostring(self) return self:line() end

return M
