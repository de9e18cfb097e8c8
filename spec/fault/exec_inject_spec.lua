-- Exec and read with a system call made to fail in turn, of the helper that joins the box and of
-- the process that it clones into it: the error names an operation that makes this call, the box
-- goes on as it was, and nothing is left.
-- TIDELOCK_FULL=1 takes every call with every errno; otherwise each call once, the errno in turn.
local core = require "tidelock.core"
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local codes = { "EPERM", "ENOSYS", "ENOMEM" }
local full = os.getenv("TIDELOCK_FULL") == "1"

-- What is done in the box, and then whether the box still is what it was.
local script = [[
local tidelock = require "tidelock"
local box = assert(tidelock.spec {}:start())
local err
if arg[1] == "exec" then
  local report = box:exec { "true" }
  err = report.error
  if not report.ok and not err then print("odd", report:why()) end
else
  err = select(2, box:read "/etc/passwd")
end
if err then
  print("error", err.op, err.code, (tostring(err):gsub("\n.*", "")))
else
  print "good"
end
print(box:exec { "true" }.ok and #box:read "/etc/passwd" > 0 and "goes on" or "broken")
box:stop()
]]

-- From ops.def: system call -> the operations that make it.
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

-- Those of the first exec: what comes after the first helper has left belongs to the look at the
-- box. Of a helper, execveat to exit; of what it clones, to its end.
local function candidates(job)
  local found, seen = {}, {}
  for _, call in ipairs(inject.list(job)) do
    if call.role == inject.helper or call.role == inject.entered then
      seen[call.role] = seen[call.role] or {}
      local ended = seen[call.role].ended
      -- 64 signals, 41 capabilities: the first few will do.
      if not ended and (full or call.occurrence <= 4) then found[#found + 1] = call end
      if call.name == "exit_group" or call.name == "execve" then seen[call.role].ended = true end
    end
  end
  return found
end

-- Init goes on without these, or they cannot fail: its name, signals that may have been reset
-- already, what is closed anyway, the look whether 0 to 2 are open, how it leaves.
local function harmless(call)
  return call.name == "rt_sigaction" or call.name == "close" or call.name == "umask"
    or call.name == "exit_group" or call.name == "fcntl" and call.occurrence > 1
    or call.name == "prctl" and call.occurrence == 1
      and call.role == inject.helper
end

-- What is wrong with how it went on when this call failed, or nil.
local function fault_in(result, call, code, by_call)
  local first, second = result.stdout:match("^([^\n]*)\n([^\n]*)\n$")
  if result.status ~= 0 or result.timed_out or second ~= "goes on" then
    return ("%s: status %d, %s%s"):format(call.name, result.status, result.stdout, result.stderr)
  end
  local op, said, text = first:match("^error\t(%S+)\t(%S+)\t(.*)$")
  if not op then
    return not (first == "good" and harmless(call)) and call.name .. ": " .. first or nil
  end
  if said ~= code and said ~= "EPIPE" then return call.name .. ": " .. text end
  -- Before the helper has its plan there is no operation to blame: the launcher's own call is told.
  if op == "launch" or op == "enter" and said == "EPIPE" or op == "clone" then return nil end
  -- The room for the arguments of exec is made at the very beginning.
  if op == "exec" and call.name == "mmap" then return nil end
  if not (by_call[call.name] and by_call[call.name][op]) then
    return ("%s: made by %s, where ops.def does not list it"):format(call.name, op)
  end
end

describe("a system call that fails on the way into a box", function()
  local folder

  setup(function()
    folder = run.folder()
    run.write(folder .. "/job.lua", script)
  end)
  teardown(function() run.remove(folder) end)

  for _, what in ipairs { "exec", "read" } do
    it("is reported by " .. what .. ", and leaves the box as it was and nothing else", function()
      local job = { folder .. "/job.lua", what }
      assert.equal("good\ngoes on\n", run.tl(job).stdout)
      local by_call, calls = makers(), candidates(job)
      assert(#calls > 30, "only " .. #calls .. " calls found")
      local tried, wrong, before = 0, {}, leaks.snapshot()
      for i, call in ipairs(calls) do
        for j, code in ipairs(codes) do
          if full or (i + j) % #codes == 0 then
            tried = tried + 1
            local text = fault_in(inject.fail(call, code, job), call, code, by_call)
            local clean, left = pcall(leaks.verify, before)
            if not clean then
              text = (text or call.name) .. ": " .. tostring(left)
              before = leaks.snapshot()
            end
            if text then
              wrong[#wrong + 1] = ("role %d %s #%d: %s"):format(call.role, code, call.occurrence,
                text)
            end
          end
        end
      end
      print(("%s: %d of %d faults tried: %d calls, %d errors"):format(what, tried,
        #calls * #codes, #calls, #codes))
      assert(#wrong == 0, table.concat(wrong, "\n"))
    end)
  end
end)
