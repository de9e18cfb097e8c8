-- `tidelock run --bundle` beside a floor in C, crun, runc and bwrap: four bundles of one shape.
local contestants = require "bench.contestants"
local harness = require "bench.harness"
local probe = require "bench.probe"

local M = {}

local LIMIT_FLOOR, LIMIT_CRUN, LIMIT_CRUN_CGROUP = 1.6, 0.5, 0.3
local LIMIT_CRUN_UNFILTERED = 0.6
local MOST_NOTES = 8

-- bwrap has only what is nearest, so that what differs is no news.
local function note(notes, name, differences)
  if name == "bwrap" or #differences == 0 then return end
  for i = 1, math.min(#differences, MOST_NOTES) do
    notes[#notes + 1] = ("%s differs from the floor in %s"):format(name, differences[i])
  end
  if #differences > MOST_NOTES then
    notes[#notes + 1] = ("%s differs from the floor in %d things more"):format(name,
      #differences - MOST_NOTES)
  end
end

---The contestants of a variant that can run it, and notes about the others and about what differs.
function M.able(bench, made, variant)
  local probing = contestants.of(bench.build, made, variant, probe.COMMAND)
  local list, notes, of_floor = {}, {}, nil
  for i, contestant in ipairs(contestants.of(bench.build, made, variant)) do
    local name = contestant[1]
    local facts, why = probe.facts(probing[i])
    if facts then
      list[#list + 1] = contestant
      of_floor = of_floor or facts
      note(notes, name, probe.differences(facts, of_floor))
    elseif name == "floor" then
      print("bench: the floor does not run: " .. why)
      os.exit(1)
    else
      notes[#notes + 1] = ("%s is left out: %s"):format(name, why)
    end
  end
  return list, notes
end

local function judge(bench, variant, results)
  local tidelock, name = results.tidelock, "bundle, " .. variant.name
  -- The bound was set on bundles with a filter, of which crun makes none ahead: without one the
  -- floor
  -- alone is a quarter of crun.
  if variant.cgroup and variant.seccomp then
    bench:bound(name .. ": of crun", harness.ratio(tidelock, results.crun), LIMIT_CRUN_CGROUP)
  else
    local limit = variant.cgroup and LIMIT_CRUN_UNFILTERED or LIMIT_CRUN
    bench:bound(name .. ": of crun", harness.ratio(tidelock, results.crun), limit)
    if not variant.cgroup then
      bench:bound(name .. ": of the floor", harness.ratio(tidelock, results.floor), LIMIT_FLOOR)
    end
  end
end

function M.run(bench)
  local made = bench:bundles()
  for _, variant in ipairs(made.variants) do
    local list, notes = M.able(bench, made, variant)
    local results = bench:measure("timer", { bench.rounds }, list)
    bench:record("bundle, " .. variant.name, results)
    bench.table("bundle, " .. variant.name, results, { "ratio_floor", "ratio_crun", "peak_kb",
      "runs" })
    for _, text in ipairs(notes) do print("    " .. text) end
    if not variant.cgroup then print "    runc cannot run without cgroups" end
    print ""
    judge(bench, variant, results)
  end
end

return M
