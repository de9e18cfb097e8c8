-- box:exec beside its floor; spawning from a small and from a large heap; a thousand in a row
-- (exec.lua, run by tidelock itself).
local harness = require "bench.harness"
local json = require "tidelock.json"

local LIMIT_FLOOR, LIMIT_HEAP, LIMIT_KB = 1.6, 1.2, 1024

return { run = function(bench)
  local build = bench.build
  local text = harness.output_of(("%s/tidelock spec/bench/exec.lua %s/bench/exec_floor %s %d")
    :format(build, build, bench:default_filter(), bench.rounds))
  local exec = text ~= "" and json.decode(text)
  if not exec then os.exit(1) end
  local execs = { exec.floor, exec.exec, floor = exec.floor }
  local spawns = { exec.spawn_small, exec.spawn_large }
  execs[1].name, execs[2].name = "floor", "tidelock"
  spawns[1].name, spawns[2].name = "heap of 4 MB", "heap of 256 MB"
  bench:record("box:exec", execs)
  bench:record("box:spawn", spawns)
  bench.table("box:exec", execs, { "ratio_floor", "runs" })
  bench.table("box:spawn", spawns, { "ratio_floor", "runs" })
  print ""
  bench:bound("box:exec: of the floor", harness.ratio(exec.exec, exec.floor), LIMIT_FLOOR)
  bench:bound("spawn: 256 MB of heap / 4 MB",
    harness.ratio(exec.spawn_large, exec.spawn_small), LIMIT_HEAP)
  bench:bound("1000 exec: descriptors more", exec.grown_fds, 0)
  bench:bound("1000 exec: kB more", exec.grown_kb, LIMIT_KB)
end }
