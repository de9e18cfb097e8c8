--- Resources on cgroup v1: one directory in the hierarchy of each controller. The files are those
--- of the kernel's Documentation/admin-guide/cgroup-v1.

local resources = require "tidelock.cgroup.resources"

local digits = resources.digits

local M = {}

local PERIOD = 100000 -- us, the kernel's own

---Why a controller cannot be used, or nil.
---@param facts table
---@param controller string
---@return string? why
function M.problem(facts, controller)
  local place = facts.cgroups.v1[controller]
  if not place then
    return ("the %s controller (cgroup v1) is not mounted"):format(controller)
  elseif not facts.writable(place.dir) then
    return ("the %s controller (cgroup v1) is not the caller's to use: %s cannot be written")
      :format(controller, place.dir)
  end
end

---Can a cgroup hold together what no pid namespace does?
---@param facts table
---@return boolean
function M.holds(facts) return M.problem(facts, "freezer") == nil end

local function limit(value) return value == "max" and "-1" or digits(value) end

local files = {}

local function file(controller, name, convert)
  return function(add, value) add(controller, name, (convert or limit)(value)) end
end

files.memory = file("memory", "memory.limit_in_bytes")
-- A protection that yields, which is what v2 calls low.
files.memory_low = file("memory", "memory.soft_limit_in_bytes")
files.memory_tcp = file("memory", "memory.kmem.tcp.limit_in_bytes")
files.swappiness = file("memory", "memory.swappiness")
files.oom_kill_disable = file("memory", "memory.oom_control")
files.pids = file("pids", "pids.max", digits)
files.cpu_period = file("cpu", "cpu.cfs_period_us")
files.cpu_quota = file("cpu", "cpu.cfs_quota_us")
files.cpu_shares = file("cpu", "cpu.shares")
files.cpu_rt_period = file("cpu", "cpu.rt_period_us")
files.cpu_rt_runtime = file("cpu", "cpu.rt_runtime_us")
files.cpu_idle = file("cpu", "cpu.idle", function() return "1" end)
files.cpu_burst = file("cpu", "cpu.cfs_burst_us")
files.cpuset = file("cpuset", "cpuset.cpus")
files.cpuset_mems = file("cpuset", "cpuset.mems")
files.blkio_leaf_weight = file("blkio", "blkio.leaf_weight")
files.network_class = file("net_cls", "net_cls.classid")
files.network_priority = file("net_prio", "net_prio.ifpriomap")

function files.memory_and_swap(add, value)
  add("memory", "memory.memsw.limit_in_bytes", limit(value), value == "max" and 1 or nil)
end

function files.swap(add, value, by, resource)
  if not by.memory then return "needs limits.memory: cgroup v1 limits memory and swap together" end
  -- Where the kernel counts no swap there is no such file.
  add("memory", "memory.memsw.limit_in_bytes", digits(by.memory.value + value),
    resource.implied and 1 or nil)
end

-- Nothing is written: the supervisor is told of the end of the memory, and kills what is left.
function files.oom(_, value, by)
  if value == "group" and not by.memory then
    return "needs limits.memory: cgroup v1 tells of no other end of memory"
  end
end

function files.cpus(add, cpus)
  add("cpu", "cpu.cfs_period_us", digits(PERIOD))
  add("cpu", "cpu.cfs_quota_us", digits(cpus * PERIOD))
end

-- 100 is 1024: what a cgroup has that nobody gave a weight, as systemd has it.
function files.cpu_weight(add, weight)
  add("cpu", "cpu.shares", digits(math.max(2, math.floor(weight * 1024 / 100))))
end

-- BFQ's, or that of the CFQ of kernels before 5.0; what v2 calls 100 is their 100 and 500.
function files.io_weight(add, weight)
  local bfq, cfq = require("tidelock.cgroup.weight").of_v2(weight)
  add("blkio", "blkio.bfq.weight", digits(bfq), 1)
  add("blkio", "blkio.weight", digits(cfq), 2)
end

function files.blkio_weight(add, weight)
  add("blkio", "blkio.bfq.weight", digits(weight), 1)
  add("blkio", "blkio.weight", digits(weight), 2)
end

local THROTTLE = {
  rbps = "blkio.throttle.read_bps_device", wbps = "blkio.throttle.write_bps_device",
  riops = "blkio.throttle.read_iops_device", wiops = "blkio.throttle.write_iops_device",
}

function files.io(add, value)
  local function line(amount) return ("%s %s"):format(value.device, digits(amount)) end
  if THROTTLE[value.key] then return add("blkio", THROTTLE[value.key], line(value.amount)) end
  if value.key == "leaf_weight" then
    return add("blkio", "blkio.leaf_weight_device", line(value.amount))
  end
  local bfq, cfq = value.amount, value.amount
  if value.key == "weight" then bfq, cfq = require("tidelock.cgroup.weight").of_v2(value.amount) end
  add("blkio", "blkio.bfq.weight_device", line(bfq), 1)
  add("blkio", "blkio.weight_device", line(cfq), 2)
end

function files.hugetlb(add, value)
  local amount = limit(value.amount)
  add("hugetlb", ("hugetlb.%s.limit_in_bytes"):format(value.size), amount)
  -- Of what is reserved and not used yet (5.7).
  add("hugetlb", ("hugetlb.%s.rsvd.limit_in_bytes"):format(value.size), amount, 1)
end

function files.rdma(add, value) add("rdma", "rdma.max", value) end

local NONE = {
  memory_high = "cgroup v1 has no memory.high", memory_min = "cgroup v1 has no memory.min",
  delegate = "a cgroup of v1 is not to be given away: who may write there leaves it",
  unified = "raw keys are files of cgroup v2, and this is a host of v1",
}

---What is to be written, and what v1 has not.
---@param list tidelock.Resource[]
---@return tidelock.CgroupSetting[] settings
---@return { resource: tidelock.Resource, why: string }[] impossible
function M.settings(list) return resources.settings(list, files, NONE) end

---@class tidelock.CgroupOptions
---@field absolute boolean?  from the root of the hierarchy, not from the caller's own cgroup
---@field freezer boolean?   false: the end of PID 1 is that of all, no other way to kill is needed
---@field delegate boolean?  v2: hand down all that is there

-- Not needed for a limit: numbers for the report, and a way to kill all at once. The freezer comes
-- first: it is joined first, and what is in no other cgroup yet can be killed.
local BESIDE = { "freezer", "cpuacct" }

---The directories to make, each with what is to be written there.
---@param facts table
---@param settings tidelock.CgroupSetting[]  those that can be had
---@param options tidelock.CgroupOptions?
---@return { path: string, settings: table[], enable: string? }[] dirs
---@return table<string, true> controllers  that have a directory
function M.arrange(facts, settings, options)
  options = options or {}
  local dirs, by_path, controllers = {}, {}, {}
  local all = facts.cgroups.v1
  local function at(controller)
    controllers[controller] = true
    local path = all[controller][options.absolute and "mount" or "dir"]
    if not by_path[path] then
      -- One whose processors and memory nodes nobody has said takes no process.
      local cpuset = all.cpuset and all.cpuset.mount == all[controller].mount
      by_path[path] = { path = path, settings = {}, enable = cpuset and "cpuset" or nil }
      dirs[#dirs + 1] = by_path[path]
    end
    return by_path[path]
  end
  for i = options.freezer == false and 2 or 1, #BESIDE do
    if not M.problem(facts, BESIDE[i]) then at(BESIDE[i]) end
  end
  for _, item in ipairs(settings) do
    local dir = at(item.controller)
    dir.settings[#dir.settings + 1] = { file = item.file, value = item.value,
      optional = item.optional, at = item.at }
  end
  return dirs, controllers
end

return M
