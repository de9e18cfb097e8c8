--- What a box's cgroups are to hold, in one form: a list of resources, which `limits` of a spec and
--- linux.resources of a config.json both come to, and which tidelock.cgroup.v1 and v2 turn into
--- files and values.

local M = {}

---@class tidelock.Resource
---@field name string    one of those below
---@field value any      a number; its digits where no double holds it; "max"; or a table of parts
---@field text string    for people
---@field field string   "limits.memory", "linux.resources.memory.limit"
---@field at string      where it was asked for
---@field implied true?  nobody asked: where it cannot be had, it is not missed

-- In which order they are written: a limit before what must lie below it, a quota before its
-- burst, a weight before the idleness that makes it a mistake; raw keys last, over all others.
local ORDER = {
  "memory", "memory_high", "memory_low", "memory_min", "swap", "memory_and_swap", "memory_tcp",
  "swappiness", "oom_kill_disable", "oom", "pids", "cpus", "cpu_period", "cpu_quota", "cpu_shares",
  "cpu_weight", "cpu_burst", "cpu_rt_period", "cpu_rt_runtime", "cpu_idle", "cpuset",
  "cpuset_mems", "io_weight", "blkio_weight", "blkio_leaf_weight", "io", "hugetlb",
  "network_class", "network_priority", "rdma", "delegate", "unified",
}
local PLACE = {}
for i, name in ipairs(ORDER) do PLACE[name] = i end

---Sorts them in place; those of one name stay in their order.
---@param list tidelock.Resource[]
---@return tidelock.Resource[]
function M.sort(list)
  local before = {}
  for i, resource in ipairs(list) do before[resource] = i end
  table.sort(list, function(a, b)
    local x, y = PLACE[a.name], PLACE[b.name]
    if x == y then return before[a] < before[b] end
    return x < y
  end)
  return list
end

---By name: of names that are there once.
---@param list tidelock.Resource[]
---@return table<string, tidelock.Resource>
function M.by_name(list)
  local result = {}
  for _, resource in ipairs(list) do result[resource.name] = resource end
  return result
end

---A number as the kernel's files take it.
---@param value number|string
---@return string
function M.digits(value)
  return type(value) == "number" and ("%.0f"):format(value) or value
end

---The name by which the report knows it: a raw limit of memory is one.
---@param resource tidelock.Resource
---@return string
function M.reported(resource)
  local raw = resource.name == "unified" and resource.value.file == "memory.max"
  return raw and "memory" or resource.name
end

---The driver of the hierarchy that has the controllers, or nil: there is none.
---@param facts table
---@return table?
function M.driver(facts)
  local version = facts.cgroups.version
  return version and require("tidelock.cgroup.v" .. version)
end

---@class tidelock.CgroupSetting
---@field controller string?  nil: every cgroup has that file
---@field file string?        nil: the controller alone is needed
---@field value string?
---@field optional integer?   1: the file may be missing; 2: it or the one before must be there
---@field field string
---@field at string
---@field of tidelock.Resource

-- A function that adds to the list for this resource.
local function adder(list, resource)
  return function(controller, file, value, optional)
    list[#list + 1] = { controller = controller, file = file, value = value, optional = optional,
      field = resource.field, at = resource.at, of = resource }
  end
end

---For a driver: what is to be written, and what its hierarchy has not.
---@param list tidelock.Resource[]
---@param files table<string, function>  by name: writes it by add(controller, file, value,
---  optional), or returns why it cannot
---@param none table<string, string>     by name: why the hierarchy has no such thing
---@return tidelock.CgroupSetting[] settings
---@return { resource: tidelock.Resource, why: string }[] impossible
function M.settings(list, files, none)
  local settings, impossible, by = {}, {}, M.by_name(list)
  for _, resource in ipairs(list) do
    local write = files[resource.name]
    local why = none[resource.name]
    if write then why = write(adder(settings, resource), resource.value, by, resource) end
    if why then impossible[#impossible + 1] = { resource = resource, why = why } end
  end
  return settings, impossible
end

-- Those that cannot be had here: resource -> { why, controller }
local function missing(facts, driver, settings, impossible)
  local bad = {}
  for _, item in ipairs(impossible) do bad[item.resource] = { item.why } end
  for _, setting in ipairs(settings) do
    local why = setting.controller and driver.problem(facts, setting.controller)
    if why and not bad[setting.of] then bad[setting.of] = { why, setting.controller } end
  end
  return bad
end

---What of it can be had on this host, and what is to be written for that.
---@param facts table
---@param list tidelock.Resource[]
---@param refuse fun(resource: tidelock.Resource, why: string, controller: string?)  raises, or
---  notes that this one is done without
---@return tidelock.Resource[] kept
---@return tidelock.CgroupSetting[] settings
function M.settle(facts, list, refuse)
  local driver = M.driver(facts)
  local kept = M.sort(list)
  while kept[1] do
    local settings, impossible = {}, {}
    if driver then settings, impossible = driver.settings(kept) end
    local bad = driver and missing(facts, driver, settings, impossible)
    if bad and next(bad) == nil then return kept, settings end
    local rest = {}
    for _, resource in ipairs(kept) do
      local why = bad and bad[resource] or not bad and { "no cgroup file system is mounted" }
      if not why then
        rest[#rest + 1] = resource
      elseif not resource.implied then
        refuse(resource, why[1], why[2])
      end
    end
    kept = rest
  end
  return kept, {}
end

return M
