--- What of the limits makes no sense together, and what of them this host has not: processors,
--- memory nodes, block devices, sizes of pages. Of limits that go beyond memory, pids and cpus.

local errors = require "tidelock.error"

local M = {}

local PERIOD = 100000 -- us, of the quota (tidelock.cgroup.v1, v2)

local function refuse(resource, why, accepted)
  -- Of a device the amount is not what is wrong.
  local value = resource.name ~= "io" and resource.text or nil
  errors.refuse { field = resource.field, value = value, at = resource.at, why = why,
    accepted = accepted }
end

local function named(resource)
  return ("%s, %s (%s)"):format(resource.field, resource.text, resource.at)
end

-- The first must not be above the second.
local BELOW = {
  { "memory_high", "memory" }, { "memory_low", "memory" }, { "memory_min", "memory" },
  { "memory_low", "memory_high" }, { "memory_min", "memory_high" },
}

local function check_burst(by)
  local burst, cpus = by.cpu_burst, by.cpus
  if not burst then return end
  if not cpus then
    refuse(burst, "needs limits.cpus: time is saved up from a quota",
      "cpus = 2, cpu_burst = \"50ms\"")
  elseif burst.value > cpus.value * PERIOD then
    local most = require("tidelock.units").format_duration(cpus.value * PERIOD / 1e6)
    refuse(burst, ("is more than %s give in a period of 100 ms"):format(named(cpus)),
      "at most " .. most)
  end
end

-- Two words for one file: the later of the two would win, and nobody would know which that is.
local function check_raw(facts, list)
  if facts.cgroups.version ~= 2 then return end
  local files = {}
  for _, setting in ipairs((require("tidelock.cgroup.v2").settings(list))) do
    local resource = setting.of
    if resource.name ~= "unified" then
      files[setting.file] = files[setting.file] or resource
    end
  end
  for _, resource in ipairs(list) do
    local other = resource.name == "unified" and files[resource.value.file]
    if other then
      refuse(resource, "is the file that " .. named(other) .. " is written to", "one of the two")
    end
  end
end

local function check_together(facts, list)
  local by = require("tidelock.cgroup.resources").by_name(list)
  for _, pair in ipairs(BELOW) do
    local low, high = by[pair[1]], by[pair[2]]
    if low and high and low.value > high.value then
      refuse(low, "is above " .. named(high), "at most " .. high.text)
    end
  end
  check_burst(by)
  if by.cpu_idle and by.cpu_weight then
    refuse(by.cpu_idle, "has the least weight of all: it cannot be beside "
      .. named(by.cpu_weight), "one of the two")
  end
  if by.unified then check_raw(facts, list) end
end

-- What the caller's own cgroup has, or else the machine: "0-3".
local function available(facts, name)
  local v1, v2 = facts.cgroups.v1.cpuset, facts.cgroups.v2
  local candidates = { v1 and ("%s/cpuset.effective_%s"):format(v1.dir, name),
    v1 and ("%s/cpuset.%s"):format(v1.dir, name) }
  if facts.cgroups.version == 2 then
    candidates = {}
    local dir = v2.dir
    while dir and #dir >= #v2.mount do
      candidates[#candidates + 1] = ("%s/cpuset.%s.effective"):format(dir, name)
      dir = dir:match("^(.*)/[^/]+$")
    end
  end
  candidates[#candidates + 1] = name == "cpus" and "/sys/devices/system/cpu/online"
    or "/sys/devices/system/node/online"
  for _, path in pairs(candidates) do
    local text = (facts.read(path) or ""):match("^[%d,-]+")
    if text then return text end
  end
end

---What of a list of processors or memory nodes is not there, or nil.
---@param facts table
---@param name "cpus"|"mems"
---@param list string
---@return string? why
---@return string? accepted
function M.not_there(facts, name, list)
  local there = available(facts, name)
  local missing = there and require("tidelock.cgroup.cpulist").missing(list, there)
  if missing then
    return ("names %s %d, which this cgroup and this machine do not have"):format(
      name == "cpus" and "processor" or "memory node", missing), "of " .. there
  end
end

-- Its numbers; sysfs has those that do not fit in 8 bits.
local function numbers_of(facts, path, stat)
  local real = facts.realpath(path) or path
  local dev = (facts.read(("/sys/class/block/%s/dev"):format(real:match("[^/]*$"))) or "")
    :match("^%d+:%d+")
  local major, minor = (dev or ""):match("(%d+):(%d+)")
  if dev and require("bit").bor(major * 256, minor) == stat.rdev then return dev end
  return ("%d:%d"):format(math.floor(stat.rdev / 256), stat.rdev % 256)
end

-- "8:0" of a path or of the same; nil and why not.
local function device(facts, path)
  local numbers = path:match("^%d+:%d+$")
  local shown = errors.printable(path)
  if not numbers then
    local stat = facts.stat(path)
    if not stat then return nil, shown .. " does not exist on the host" end
    if stat.type ~= "block" then return nil, shown .. " is no block device" end
    numbers = numbers_of(facts, path, stat)
  end
  local entry = "/sys/dev/block/" .. numbers
  if facts.stat("/sys/dev/block") and not facts.stat(entry) then
    return nil, shown .. " is no block device that the host has"
  elseif facts.stat(entry .. "/partition") then
    return nil, shown .. " is a partition: the kernel limits the whole device"
  end
  return numbers
end

local function pages(facts)
  local list, units = {}, require "tidelock.units"
  for power = 14, 40 do
    local bytes = 2 ^ power
    if facts.stat(("/sys/kernel/mm/hugepages/hugepages-%.0fkB"):format(bytes / 1024)) then
      list[#list + 1] = units.format_size(bytes)
    end
  end
  return list[1] and table.concat(list, ", ")
end

local HOST = {}

function HOST.cpuset(facts, resource) return M.not_there(facts, "cpus", resource.value) end
function HOST.cpuset_mems(facts, resource) return M.not_there(facts, "mems", resource.value) end

function HOST.io(facts, resource)
  local numbers, why = device(facts, resource.value.path)
  if not numbers then return why, "a block device: see lsblk" end
  resource.value.device = numbers
end

function HOST.hugetlb(facts, resource)
  local bytes = require("tidelock.units").size((resource.value.size:gsub("B$", "")))
  if facts.stat(("/sys/kernel/mm/hugepages/hugepages-%.0fkB"):format(bytes / 1024)) then return end
  return "is of pages that this kernel has not", pages(facts)
end

function HOST.delegate(_, _, ctx) return require("tidelock.normalise.delegate").problem(ctx) end

---The limits that this host can have; of the others `without` is told, where it does not raise.
---@param ctx table
---@param list tidelock.Resource[]
---@param without fun(ctx: table, resource: tidelock.Resource, why: string)
---@return tidelock.Resource[]
function M.check(ctx, list, without)
  local kept = {}
  for _, resource in ipairs(list) do
    local look = HOST[resource.name]
    local why, accepted
    if look then why, accepted = look(ctx.facts, resource, ctx) end
    if not why then
      kept[#kept + 1] = resource
    elseif ctx.raw.best_effort then
      without(ctx, resource, why)
    else
      refuse(resource, why, accepted)
    end
  end
  check_together(ctx.facts, kept)
  return kept
end

return M
