-- The parts of `make bench`, in this order; BENCH_ONLY names those to run. Prints tables, writes
-- build/bench.json, and fails when a bound is missed.
local build = os.getenv "B" or "build"
package.path = ("lua/?.lua;lua/?/init.lua;%s/gen/?.lua;spec/?.lua;%s"):format(build, package.path)
package.cpath = ("%s/lib/?.so;%s"):format(build, package.cpath)

local harness = require "bench.harness"

local parts = {
  { "run", "bench.part_run" },
  { "exec", "bench.part_exec" },
  { "bundle", "bench.part_bundle" },
  { "cgroup", "bench.part_cgroup" },
  { "parallel", "bench.part_parallel" },
  { "drift", "bench.part_drift" },
  { "filter", "bench.part_filter" },
  { "stats", "bench.part_stats" },
}

local known, wanted = {}, {}
for _, part in ipairs(parts) do known[part[1]] = true end
for name in (os.getenv "BENCH_ONLY" or ""):gmatch "[^%s,]+" do
  if not known[name] then
    print(("bench: there is no part %q (run exec bundle cgroup parallel drift filter stats)")
      :format(name))
    os.exit(2)
  end
  wanted[name] = true
end

local bench = harness.new(build)
for _, part in ipairs(parts) do
  if not next(wanted) or wanted[part[1]] then require(part[2]).run(bench) end
end
os.exit(bench:finish() and 0 or 1)
