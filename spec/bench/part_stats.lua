-- `tidelock stats` of five hundred containers: their cgroups and records are made by hand, as those
-- of boxes of this process, and the numbers are those of one look.
local core = require "tidelock.core"
local harness = require "bench.harness"
local host = require "tidelock.cgroup.host"
local listing = require "tidelock.listing"
local state = require "tidelock.state"

local BOXES, ROUNDS, LIMIT_MS = 500, 20, 50
local SHARED = "tidelock-bench"

-- The hierarchies of a box with limits of memory, processes and processor.
local function tops()
  local cgroups, list = host.read(core), {}
  if cgroups.version == 2 then return { cgroups.v2.dir } end
  for _, name in ipairs { "freezer", "cpuacct", "memory", "pids", "cpu" } do
    local place = cgroups.v1[name]
    list[#list + 1] = place and place.dir
  end
  return list
end

local function each_dir(places, names, visit)
  for _, top in ipairs(places) do
    for _, name in ipairs(names) do visit(("%s/%s/%s"):format(top, SHARED, name)) end
  end
end

local function remove(places, names, folder)
  each_dir(places, names, function(path) core.file.unlinkat(nil, path, "removedir") end)
  for _, top in ipairs(places) do core.file.unlinkat(nil, top .. "/" .. SHARED, "removedir") end
  os.execute("rm -rf " .. harness.quote { folder })
end

-- Records of boxes whose supervisor and init are this very process.
local function write(folder, places, names)
  local cgroup = { version = #places == 1 and 2 or 1, limits = { { name = "pids", text = "9" } },
    dirs = {} }
  for i, top in ipairs(places) do cgroup.dirs[i] = { path = top } end
  for _, name in ipairs(names) do
    cgroup.name, cgroup.path = name, SHARED .. "/" .. name
    local record = state.record { facts = { state = folder, uid = core.host.ids().euid },
      norm = { command = { "sh", "-c", "make -j2 test" }, cgroup = cgroup } }
    if not record:found_by(core.process.getpid()) then return nil end
  end
  return true
end

local function make(folder, places, names)
  local good = #places > 0
  for _, top in ipairs(places) do good = core.host.mkdir(top .. "/" .. SHARED) and good end
  if not good then return nil end
  each_dir(places, names, function(path) good = core.host.mkdir(path) and good end)
  return good and write(folder, places, names)
end

local function measure(look)
  local times = {}
  for i = 1, ROUNDS + 2 do
    local began = core.process.clock()
    look()
    if i > 2 then times[i - 2] = (core.process.clock() - began) * 1e6 end
  end
  table.sort(times)
  return { median = times[ROUNDS / 2], p10 = times[ROUNDS / 10], p90 = times[ROUNDS * 9 / 10],
    runs = ROUNDS }
end

local function measure_all(folder, places, names)
  local entries = {}
  for i, name in ipairs(names) do
    entries[i] = {}
    for k, top in ipairs(places) do entries[i][k] = ("%s/%s/%s"):format(top, SHARED, name) end
  end
  local call = measure(function()
    for _, stats in ipairs(core.cgroup.stats_of(entries)) do assert(stats) end
  end)
  local whole = measure(function()
    local rows = listing.usage(core, state.running(core, folder))
    assert(#rows == BOXES, #rows)
    listing.text(core, listing.STATS, rows)
  end)
  call.name, whole.name = "their cgroups, one call", "records, cgroups, table"
  return { call, whole }
end

return { run = function(bench)
  local folder, names, places = harness.absolute(bench.build) .. "/bench/state", {}, tops()
  for i = 1, BOXES do names[i] = state.new_name(core) end
  local title = ("stats of %d boxes"):format(BOXES)
  local made = make(folder, places, names)
  local good, results = pcall(measure_all, folder, places, names)
  remove(places, names, folder)
  if not made then
    print(title .. ": no cgroups can be made here\n")
    bench:bound(title .. ", in one call: ms", nil, LIMIT_MS)
    return
  end
  if not good then error(results, 0) end
  bench:record(title, results)
  bench.table(title, results, { "runs" })
  print ""
  bench:bound(title .. ", in one call: ms", results[1].median / 1000, LIMIT_MS)
end }
