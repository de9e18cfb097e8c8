--- Why a controller of cgroups cannot be had here, and how to get it: see tidelock.probe.cause.

local M = {}

M.NO_CGROUPS = { cause = "no cgroup file system is mounted",
  remedy = "mount -t cgroup2 none /sys/fs/cgroup" }

local SCOPE = "systemd-run --user --scope -p Delegate=yes tidelock run ..."
local DROP_IN = "mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\n"
  .. "Delegate=cpu cpuset io memory pids\\n' > /etc/systemd/system/user@.service.d/delegate.conf"
  .. " && systemctl daemon-reload"

-- Of /proc/cgroups: its hierarchy, 0 where that is v2's, and whether it was switched off; nil where
-- the kernel has none of that name.
local function known(facts, name)
  local hierarchy, enabled = (facts.read "/proc/cgroups" or "")
    :match("%f[%w_]" .. name .. "%s+(%d+)%s+%d+%s+(%d)")
  if not hierarchy then return nil end
  return tonumber(hierarchy), enabled == "1"
end

local CONFIG = {
  blkio = "BLK_CGROUP", io = "BLK_CGROUP", cpu = "CGROUP_SCHED", cpuset = "CPUSETS",
  memory = "MEMCG", pids = "CGROUP_PIDS", hugetlb = "CGROUP_HUGETLB", rdma = "CGROUP_RDMA",
  net_cls = "CGROUP_NET_CLASSID", net_prio = "CGROUP_NET_PRIO", devices = "CGROUP_DEVICE",
}

local function missing_in_kernel(name)
  return ("a kernel with CONFIG_%s"):format(CONFIG[name] or "CGROUPS")
end

local function on_v1(facts, name)
  local place = facts.cgroups.v1[name]
  if place then
    return "run it as root" .. (facts.uid == 0 and " of the host, with that writable" or "")
  end
  local hierarchy, enabled = known(facts, name)
  if hierarchy and not enabled then
    return ("boot with cgroup_enable=%s on the kernel's command line"):format(name)
  elseif not hierarchy and facts.read "/proc/cgroups" then
    return missing_in_kernel(name)
  end
  local dir = "/sys/fs/cgroup/" .. name
  return ("mkdir -p %s && mount -t cgroup -o %s none %s"):format(dir, name, dir)
end

-- The controller is not even at the root.
local function not_in_hierarchy(facts, name)
  local hierarchy, enabled = known(facts, name == "io" and "blkio" or name)
  if hierarchy and hierarchy > 0 then
    return ("umount the cgroup v1 hierarchy of %s, or boot with cgroup_no_v1=all"):format(name)
  elseif hierarchy and not enabled then
    return ("boot with cgroup_enable=%s on the kernel's command line"):format(name)
  end
  return missing_in_kernel(name)
end

-- The first cgroup on the way down that has it and does not hand it on.
local function held_back(facts, name)
  local place = facts.cgroups.v2
  local dir, above = place.dir, place.mount
  while #dir > #place.mount do
    dir = dir:match("^(.*)/[^/]+$")
    local there = " " .. (facts.read(dir .. "/cgroup.controllers") or ""):gsub("\n", " ") .. " "
    if there:find(" " .. name .. " ", 1, true) then
      above = dir
      break
    end
  end
  return ("echo +%s > %s/cgroup.subtree_control"):format(name, above)
end

local function on_v2(facts, name)
  local _, why = require("tidelock.cgroup.place").find(facts, { name })
  local kind = why and why.kind
  if kind == "kernel" then return not_in_hierarchy(facts, name) end
  if kind == "busy" then
    return ("mkdir %s/others && for p in $(cat %s/cgroup.procs); do echo $p >"
      .. " %s/others/cgroup.procs; done (in a service of systemd: DelegateSubgroup=others)"):format(
      why.path, why.path, why.path)
  elseif facts.uid == 0 then
    return held_back(facts, name)
  elseif kind == "given" then
    return ("as root %s, log in again, and %s (in a service Delegate=yes)"):format(DROP_IN, SCOPE)
  end
  return "run it as root, or by " .. SCOPE
end

---How to get a controller that cannot be had.
---@param facts table
---@param name string
---@return string
function M.remedy(facts, name)
  return (facts.cgroups.version == 1 and on_v1 or on_v2)(facts, name)
end

---Why a controller cannot be had, or nil.
---@param facts table
---@param name string
---@return tidelock.Cause?
function M.cause(facts, name)
  local driver = require("tidelock.cgroup.resources").driver(facts)
  if not driver then return M.NO_CGROUPS end
  local why = driver.problem(facts, name)
  return why and { cause = why, remedy = M.remedy(facts, name) } or nil
end

return M
