-- Two loops beside each other: how many containers a second a machine starts.
local bundle = require "bench.bundle"
local part_bundle = require "bench.part_bundle"

return { run = function(bench)
  local made = bench:bundles()
  for _, variant in ipairs(made.variants) do
    local list = part_bundle.able(bench, made, variant)
    local title = ("%d loops, %s"):format(bundle.LOOPS, variant.name)
    local results = bench:measure("parallel", { bundle.LOOPS, bench.rounds }, list)
    bench:record(title, results)
    bench.table(title, results, { "ratio_floor", "ratio_crun", "per_second", "runs" })
    print ""
  end
end }
