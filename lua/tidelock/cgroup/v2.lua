--- Resources on the unified hierarchy: one directory. The files are those of the kernel's
--- Documentation/admin-guide/cgroup-v2.rst; where the directory may be is tidelock.cgroup.place's.

local resources = require "tidelock.cgroup.resources"

local digits = resources.digits

local M = {}

local PERIOD = 100000 -- us, the kernel's own

---Why a controller cannot be used, or nil.
---@param facts table
---@param controller string
---@return string? why
function M.problem(facts, controller)
  local place = require "tidelock.cgroup.place"
  local _, why = place.find(facts, { controller })
  return why and place.text(why)
end

---Can a cgroup hold together what no pid namespace does?
---@param facts table
---@return boolean
function M.holds(facts) return require("tidelock.cgroup.place").find(facts, {}) ~= nil end

local files = {}

local function file(controller, name, convert)
  return function(add, value) add(controller, name, (convert or digits)(value)) end
end

files.memory = file("memory", "memory.max")
files.memory_high = file("memory", "memory.high")
files.memory_low = file("memory", "memory.low")
files.memory_min = file("memory", "memory.min")
files.pids = file("pids", "pids.max")
files.cpu_weight = file("cpu", "cpu.weight")
files.cpu_shares = file("cpu", "cpu.weight", function(shares)
  return digits(require("tidelock.cgroup.weight").of_shares(shares))
end)
files.cpu_burst = file("cpu", "cpu.max.burst")
files.cpu_idle = file("cpu", "cpu.idle", function() return "1" end)
files.cpuset = file("cpuset", "cpuset.cpus")
files.cpuset_mems = file("cpuset", "cpuset.mems")

function files.swap(add, value, _, resource)
  -- A kernel that counts no swap has no such file.
  add("memory", "memory.swap.max", digits(value), resource.implied and 1 or nil)
end

-- v1 counts memory and swap together, v2 swap alone.
function files.memory_and_swap(add, value, by)
  local memory = by.memory and by.memory.value
  if value == "max" then
    add("memory", "memory.swap.max", "max", 1)
  elseif not memory or memory == "max" then
    return "needs a limit of memory: cgroup v2 limits swap alone"
  elseif tonumber(value) < tonumber(memory) then
    return "is less than the limit of memory, and means both together"
  else
    add("memory", "memory.swap.max", digits(tonumber(value) - tonumber(memory)))
  end
end

function files.oom(add, value, _, resource)
  -- 4.19.
  if value == "group" then add("memory", "memory.oom.group", "1", resource.implied and 1 or nil) end
end

function files.cpus(add, cpus)
  add("cpu", "cpu.max", ("%.0f %d"):format(cpus * PERIOD, PERIOD))
end

function files.cpu_quota(add, quota, by)
  add("cpu", "cpu.max",
    ("%s %s"):format(digits(quota), digits(by.cpu_period and by.cpu_period.value or PERIOD)))
end

function files.cpu_period(add, period, by)
  if not by.cpu_quota then add("cpu", "cpu.max", "max " .. digits(period)) end
end

-- io.cost's, and BFQ's where a device is scheduled by that: one of the two must be there.
function files.io_weight(add, weight)
  add("io", "io.bfq.weight", digits((require("tidelock.cgroup.weight").of_v2(weight))), 1)
  add("io", "io.weight", digits(weight), 2)
end

function files.blkio_weight(add, weight)
  add("io", "io.bfq.weight", digits(weight), 1)
  add("io", "io.weight", digits(require("tidelock.cgroup.weight").of_blkio(weight)), 2)
end

local THROTTLE = { rbps = true, wbps = true, riops = true, wiops = true }

function files.io(add, value)
  local weight = require "tidelock.cgroup.weight"
  local function line(amount) return ("%s %s"):format(value.device, digits(amount)) end
  if THROTTLE[value.key] then
    add("io", "io.max", ("%s %s=%s"):format(value.device, value.key, digits(value.amount)))
  elseif value.key == "leaf_weight" then
    return "cgroup v2 has no weight of a cgroup's own processes"
  elseif value.key == "weight" then
    add("io", "io.bfq.weight", line((weight.of_v2(value.amount))), 1)
    add("io", "io.weight", line(value.amount), 2)
  else
    add("io", "io.bfq.weight", line(value.amount), 1)
    add("io", "io.weight", line(weight.of_blkio(value.amount)), 2)
  end
end

function files.hugetlb(add, value)
  local amount = digits(value.amount)
  add("hugetlb", ("hugetlb.%s.max"):format(value.size), amount)
  -- Of what is reserved and not used yet (5.7).
  add("hugetlb", ("hugetlb.%s.rsvd.max"):format(value.size), amount, 1)
end

function files.rdma(add, value) add("rdma", "rdma.max", value) end

-- What is handed down and to whom is arranged with the directory.
function files.delegate() end

function files.unified(add, value)
  local raw = require "tidelock.cgroup.raw"
  for _, line in ipairs(raw.lines(value.text)) do
    add(raw.controller(value.file), value.file, line)
  end
end

local NONE = {
  memory_tcp = "cgroup v2 has no memory.kmem.tcp.limit_in_bytes: memory.max counts that too",
  swappiness = "cgroup v2 has no memory.swappiness",
  oom_kill_disable = "cgroup v2 has no memory.oom_control",
  cpu_rt_period = "cgroup v2 has no cpu.rt_period_us",
  cpu_rt_runtime = "cgroup v2 has no cpu.rt_runtime_us",
  blkio_leaf_weight = "cgroup v2 has no blkio.leaf_weight",
  network_class = "cgroup v2 has no net_cls.classid",
  network_priority = "cgroup v2 has no net_prio.ifpriomap",
}

---What is to be written, and what v2 has not.
---@param list tidelock.Resource[]
---@return tidelock.CgroupSetting[] settings
---@return { resource: tidelock.Resource, why: string }[] impossible
function M.settings(list) return resources.settings(list, files, NONE) end

---The directory to make, with what is to be written there.
---@param facts table
---@param settings tidelock.CgroupSetting[]  those that can be had
---@param options tidelock.CgroupOptions?
---@return { path: string, settings: table[], enable: string?, aside: boolean? }[] dirs
function M.arrange(facts, settings, options)
  options = options or {}
  local needed, seen = {}, {}
  for _, item in ipairs(settings) do
    if item.controller and not seen[item.controller] then
      seen[item.controller] = true
      needed[#needed + 1] = item.controller
    end
  end
  local cgroups = facts.cgroups.v2
  local found = not options.absolute and require("tidelock.cgroup.place").find(facts, needed)
    or { path = options.absolute and cgroups.mount or cgroups.dir }
  local enable = options.delegate
    and require("tidelock.cgroup.place").all(facts, found, needed) or needed
  local dir = { path = found.path, settings = {}, aside = found.aside,
    enable = enable[1] and "+" .. table.concat(enable, " +") or nil }
  for i, item in ipairs(settings) do
    dir.settings[i] = { file = item.file, value = item.value, optional = item.optional,
      at = item.at }
  end
  return { dir }
end

return M
