-- What a cgroup with limits on memory, pids and cpu adds to a bundle: to make, to enter and to
-- remove it, beside the bare system calls. All four in one run; bundle_floor.c makes the calls.
local contestants = require "bench.contestants"

local LIMIT = 1.3

local function variant_of(made, name)
  for _, variant in ipairs(made.variants) do
    if variant.name == name then return variant end
  end
end

return { run = function(bench)
  local made, list = bench:bundles(), {}
  for _, name in ipairs { "plain", "cgroup" } do
    local all = contestants.of(bench.build, made, variant_of(made, name))
    for i = 1, 2 do -- the floor, tidelock
      all[i][1] = all[i][1] .. ", " .. name
      list[#list + 1] = all[i]
    end
  end
  local results = bench:measure("timer", { bench.rounds }, list)
  bench:record("cgroup", results)
  bench.table("cgroup", results, { "runs" })
  local function added(name)
    return results[name .. ", cgroup"].median - results[name .. ", plain"].median
  end
  local floor, tidelock = added "floor", added "tidelock"
  print(("    a cgroup adds %.0f us to the floor, %.0f us to tidelock\n"):format(floor, tidelock))
  bench:bound("cgroup: what it adds, of the floor's", tidelock / floor, LIMIT)
end }
