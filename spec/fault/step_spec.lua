-- The supervisor killed with -9 at each operation of the default plan, the child waiting there:
-- within a second nothing of the sandbox lives and nothing is left.
local box = require "spec.support.box"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local BATCH = 6

describe("kill -9 of the supervisor at an operation", function()
  local step = "spec/support/step.lua"

  it("leaves nothing, whichever operation it is", function()
    local env = box.library()
    env.LUA_PATH = "./?.lua;" .. env.LUA_PATH
    local count = tonumber(run.run("luajit " .. step .. " count", { env = env }).stdout)
    assert(count and count > 40, "the default plan has " .. tostring(count) .. " places to stop")
    run.tl { "run", "--", "true" }
    local before, names, alive = leaks.snapshot(), {}, {}
    for first = 1, count, BATCH do
      local lines = {}
      for at = first, math.min(first + BATCH - 1, count) do
        lines[#lines + 1] = ("luajit %s %d; echo $?"):format(step, at)
      end
      local result = run.run(table.concat(lines, "\n"), { env = env })
      for name, status in result.stdout:gmatch("([%w_?]+)\n(%d+)\n") do
        names[#names + 1] = name
        if status ~= "137" then alive[#alive + 1] = name .. " " .. status end
      end
      local clean, left = pcall(leaks.verify, before, 1)
      assert(clean, ("operations %d to %d\n%s"):format(first, first + BATCH - 1, tostring(left)))
    end
    assert.same({}, alive)
    assert.equal(count, #names)
    print(("killed at %d operations, %s to %s"):format(count, names[1], names[#names]))
  end)
end)
