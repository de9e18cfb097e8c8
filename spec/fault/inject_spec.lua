-- Each operation of the default plan with a system call made to fail in turn: the error names an
-- operation that makes this call, the exit status is 125, and nothing is left.
-- TIDELOCK_FULL=1 takes every call with every errno; otherwise each call once, the errno in turn.
local core = require "tidelock.core"
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local job = { "run", "--", "true" }
local codes = { "EPERM", "ENOSYS", "ENOMEM" }
local full = os.getenv("TIDELOCK_FULL") == "1"

-- system call -> the set of operations that make it; from ops.def.
local function makers()
  local by_call = {}
  for _, operation in ipairs(core.plan.operations()) do
    for _, call in ipairs(operation.calls) do
      by_call[call] = by_call[call] or {}
      by_call[call][operation.name] = true
    end
  end
  return by_call
end

-- The calls that operations make: init's up to the workload's execve, the supervisor's that are
-- no one's but an operation's. PID 1's loop after the fork is not set-up.
local function candidates(by_call)
  local only_ours = { clone3 = true, open_tree = true, mount_setattr = true }
  local found, forked = {}, false
  for _, call in ipairs(inject.list(job)) do
    if by_call[call.name] then
      if call.role == inject.supervisor then
        if only_ours[call.name] then found[#found + 1] = call end
      elseif call.role == inject.workload or (call.role == inject.init and not forked) then
        found[#found + 1] = call
      end
    end
    if call.role == inject.init and call.name == "clone" then forked = true end
  end
  return found
end

local function plan()
  local result = run.tl { "explain", "--json", "--", "true" }
  assert.equal(0, result.status, result.stderr)
  return require("cjson").decode(result.stdout).operations
end

describe("a system call that fails", function()
  local by_call, operations = makers(), nil

  it("is reported by the operation that made it, and leaves nothing", function()
    run.tl(job) -- caches and state folders are there from now on
    operations = plan()
    local calls = candidates(by_call)
    assert.is_true(#calls > 50, "only " .. #calls .. " calls found")
    local tried, wrong = 0, {}
    local before = leaks.snapshot()
    for i, call in ipairs(calls) do
      for j, code in ipairs(codes) do
        if full or (i + j) % #codes == 0 then
          tried = tried + 1
          local result = inject.fail(call, code, job)
          local index = tonumber(result.stderr:match("%(operation (%d+) of %d+"))
          local operation = index and operations[index]
          local what = ("role %d %s #%d %s"):format(call.role, call.name, call.occurrence, code)
          if result.status ~= 125 or not operation or not by_call[call.name][operation.op]
            or not result.stderr:find(code, 1, true) then
            wrong[#wrong + 1] = ("%s: status %s, %s\n    %s"):format(what, result.status,
              operation and operation.op or "no operation", (result.stderr:gsub("\n", "\n    ")))
          end
          local clean, left = pcall(leaks.verify, before)
          if not clean then
            wrong[#wrong + 1] = what .. ": " .. tostring(left)
            before = leaks.snapshot()
          end
        end
      end
    end
    print(("%d of %d faults tried, %d calls x %d errors"):format(
      tried, #calls * #codes, #calls, #codes))
    assert(#wrong == 0, ("%d of %d:\n  "):format(#wrong, tried) .. table.concat(wrong, "\n  "))
  end)
end)
