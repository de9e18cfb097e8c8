-- Two thousand in a row, of the fullest variant: no slower in the end than at the start, and
-- nothing is left behind. The floor shows what the kernel itself does over such a time.
local part_bundle = require "bench.part_bundle"

local ROUNDS = 2000
local LIMIT_SLOWER = 1.15
local KINDS = { "fds", "cgroups", "mounts", "run_entries", "processes" }

local function left_behind(result)
  local count, texts = 0, {}
  for _, kind in ipairs(KINDS) do
    -- Fewer than before: those were somebody else's.
    if result[kind] > 0 then
      count = count + result[kind]
      texts[#texts + 1] = ("%s %+d"):format(kind:gsub("_", " "), result[kind])
    end
  end
  return count, table.concat(texts, ", ")
end

return { run = function(bench)
  local made = bench:bundles()
  local variant = made.variants[#made.variants]
  local list = {}
  for _, contestant in ipairs((part_bundle.able(bench, made, variant))) do
    local name = contestant[1]
    if name == "floor" or name == "tidelock" then list[#list + 1] = contestant end
  end
  local title = ("%d in a row"):format(ROUNDS)
  local results = bench:measure("drift", { ROUNDS }, list)
  bench:record(title, results)
  bench.table(title, results, { "first", "last", "runs" })
  local left = {}
  for _, result in ipairs(results) do
    local count, text = left_behind(result)
    left[result.name] = count
    if count > 0 then print(("    %s left something behind: %s"):format(result.name, text)) end
  end
  print ""
  local tidelock = results.tidelock
  bench:bound(title .. ": last tenth / first tenth", tidelock and tidelock.last / tidelock.first,
    LIMIT_SLOWER)
  bench:bound(title .. ": things left behind", left.tidelock, 0)
end }
