-- The supervisor killed with -9 where the workload is PID 1 (--no-init): there is no init that sees
-- the link hang up, only the signal that was asked for, and the look whether it came too late.
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("kill -9 of the supervisor of a workload that is PID 1", function()
  it("ends the workload", function()
    local before = leaks.snapshot()
    local result = run.run(("%s run --no-init -- sleep 60 & p=$!; sleep 0.3; kill -9 $p; wait $p")
      :format(run.quote(run.tidelock)))
    assert.equal(137, result.status)
    leaks.verify_killed(before)
  end)

  it("ends it also where it asks for the signal too late", function()
    if run.who() ~= "root" then run.skip "needs root" end
    -- Of another user: the change of ids takes back what was asked for before.
    local function job(command)
      return { "run", "--no-init", "--user", "1234:1234", "--", command, "60" }
    end
    local asks, last = {}, nil
    for _, call in ipairs(inject.list(job "true")) do
      if call.role == inject.init then
        -- Each time it asks it then looks whether the link has hung up.
        if call.name == "poll" then asks[#asks + 1] = last end
        last = call
      end
    end
    assert(#asks >= 3, #asks)
    local before = leaks.snapshot()
    for _, call in ipairs(asks) do
      assert.equal("prctl", call.name)
      inject.kill(call, job "sleep")
      local clean, left = pcall(leaks.verify_killed, before, 1)
      assert(clean, ("before prctl #%d: %s"):format(call.occurrence, tostring(left)))
    end
  end)
end)
