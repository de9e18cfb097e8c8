-- The supervisor killed with -9, at random times and before each system call of init: within a
-- second nothing of the sandbox lives and nothing is left.
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local job = { "run", "--", "sleep", "60" }

-- Start 20 at a time, each killed after its own delay; one look for leaks for each batch.
local function kill_after(delays)
  local lines = {}
  for i, microseconds in ipairs(delays) do
    lines[i] = ("%s %s & p=$!; sleep %.6f; kill -9 $p 2>/dev/null; wait $p 2>/dev/null"):format(
      run.quote(run.tidelock), table.concat(job, " "), microseconds / 1e6)
  end
  return run.run(table.concat(lines, "\n"), { timeout = 60 })
end

describe("kill -9 of the supervisor", function()
  it("at 200 random times leaves nothing after a second", function()
    run.tl { "run", "--", "true" }
    local seed = tonumber(os.getenv("TIDELOCK_SEED")) or os.time()
    math.randomseed(seed)
    for batch = 1, 10 do
      local delays = {}
      -- `sleep` itself takes about a millisecond: from before the clone to well after exec.
      for i = 1, 20 do delays[i] = math.random(0, batch % 2 == 0 and 3000 or 12000) end
      local before = leaks.snapshot()
      kill_after(delays)
      local clean, left = pcall(leaks.verify_killed, before, 1)
      assert(clean, ("seed %d, batch %d, delays in us %s\n%s"):format(seed, batch,
        table.concat(delays, " "), tostring(left)))
    end
  end)

  it("before any system call of init leaves nothing after a second", function()
    local calls = inject.list { "run", "--", "true" }
    local step = os.getenv("TIDELOCK_FULL") == "1" and 1 or 4
    local tried, total = 0, 0
    local before = leaks.snapshot()
    for i, call in ipairs(calls) do
      if call.role ~= inject.supervisor then
        total = total + 1
        if i % step == 0 then
          tried = tried + 1
          inject.kill(call, job)
          local clean, left = pcall(leaks.verify_killed, before, 1)
          assert(clean, ("role %d, before %s #%d: %s"):format(call.role, call.name,
            call.occurrence, tostring(left)))
        end
      end
    end
    print(("%d of %d calls tried"):format(tried, total))
  end)
end)
