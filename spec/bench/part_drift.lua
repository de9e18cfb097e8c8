-- Two thousand in a row, of the fullest variant: no slower in the end than at the start, and
-- nothing is left behind. The floor takes turns with it: what both become slower by is the
-- machine's doing.
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

-- The floor and tidelock, in the last variant that tidelock can run.
local function fullest(bench)
  local made, list = bench:bundles(), nil
  for i = #made.variants, 1, -1 do
    list = {}
    for _, contestant in ipairs((part_bundle.able(bench, made, made.variants[i]))) do
      local name = contestant[1]
      if name == "floor" or name == "tidelock" then list[#list + 1] = contestant end
    end
    if #list == 2 then return list, made.variants[i] end
  end
  return list, made.variants[1]
end

return { run = function(bench)
  local list, variant = fullest(bench)
  local title = ("%d in a row, %s"):format(ROUNDS, variant.name)
  local results = bench:measure("drift", { ROUNDS }, list)
  bench:record(title, results)
  bench.table(title, results, { "first", "last", "runs" })
  local count, text = left_behind(results[1])
  if count > 0 then print("    left behind: " .. text) end
  print ""
  local floor, tidelock = results.floor, results.tidelock
  local slower = tidelock and (tidelock.last / tidelock.first) / (floor.last / floor.first)
  bench:bound(title .. ": last / first tenth, of the floor's", slower, LIMIT_SLOWER)
  bench:bound(title .. ": things left behind", tidelock and count, 0)
end }
