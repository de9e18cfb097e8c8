-- Faults in a run: system calls of init and of the supervisor that fail, or at which the
-- supervisor is killed. build/spec/inject (spec/support/inject.c) does it by ptrace.
local run = require "spec.support.run"

local M = {}

M.supervisor, M.init, M.workload, M.helper, M.entered, M.clone = 0, 1, 2, 3, 4, 9
M.errno = { EPERM = 1, ENOMEM = 12, ENOSYS = 38 }

local program = os.getenv("TIDELOCK_INJECT") or run.top .. "/build/spec/inject"

local function command(words, tidelock)
  local all = { program }
  for _, word in ipairs(words) do all[#all + 1] = tostring(word) end
  all[#all + 1] = run.tidelock
  for _, word in ipairs(tidelock) do all[#all + 1] = word end
  return all
end

---@class Call
---@field role integer
---@field name string  the system call's
---@field occurrence integer  from 1, by role and name
---@field position integer  from 1, by role

---Every system call that a run of tidelock makes, in order.
---@param tidelock string[]  its arguments
---@return Call[]
function M.list(tidelock)
  local path = os.tmpname()
  local result = run.run(command({ "list", path }, tidelock), { timeout = 30 })
  assert(result.status == 0, "listing failed: " .. result.stderr)
  local calls, positions = {}, {}
  for line in io.lines(path) do
    local role, name, occurrence = line:match("^(%d+) (%S+) (%d+)$")
    role = tonumber(role)
    positions[role] = (positions[role] or 0) + 1
    calls[#calls + 1] = {
      role = role, name = name, occurrence = tonumber(occurrence), position = positions[role],
    }
  end
  os.remove(path)
  return calls
end

---Run tidelock with one call failing.
---@param call Call
---@param code "EPERM"|"ENOMEM"|"ENOSYS"
---@param tidelock string[]
---@return RunResult
function M.fail(call, code, tidelock)
  local words = { "fail", call.role, call.name, call.occurrence, M.errno[code] }
  return run.run(command(words, tidelock), { timeout = 10 })
end

---Run tidelock and kill it with -9 when this call is about to be made.
---@param call Call
---@param tidelock string[]
---@return RunResult
function M.kill(call, tidelock)
  return run.run(command({ "kill", call.role, call.position }, tidelock), { timeout = 10 })
end

return M
