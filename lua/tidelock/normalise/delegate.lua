--- Delegation: the box's cgroup belongs to the box's user, who makes others below it and hands the
--- controllers on, as the kernel means it (cgroup-v2.rst, "Delegation"). The limits stay the
--- caller's: their files keep their owner, or the hierarchy is mounted with nsdelegate.

local errors = require "tidelock.error"

local M = {}

local QUIET = 14 -- MS_NOSUID, MS_NODEV, MS_NOEXEC
local TARGET = "/sys/fs/cgroup"

-- Before /sys/kernel/cgroup/delegate (4.15) told.
local FILES = { "cgroup.procs", "cgroup.subtree_control", "cgroup.threads" }

---The host's id for an id inside, by a map's lines of "inside outside count"; nil: it has none.
---@param map string?  nil: ids are the host's
---@param id integer
---@return integer?
function M.host_id(map, id)
  if not map then return id end
  for inside, outside, count in map:gmatch("(%d+) (%d+) (%d+)") do
    inside, outside, count = tonumber(inside), tonumber(outside), tonumber(count)
    if id >= inside and id < inside + count then return outside + id - inside end
  end
end

local function owner(norm)
  local user, identity = norm.user, norm.identity
  return M.host_id(identity.uid_map, user.uid), M.host_id(identity.gid_map, user.gid)
end

---Why the box's user cannot be given a cgroup, or nil.
---@param ctx table
---@return string? why
function M.problem(ctx)
  local cgroups = ctx.facts.cgroups
  if cgroups.version ~= 2 then return nil end -- the driver tells
  local uid = owner(ctx.norm)
  if uid == ctx.facts.uid then
    return not cgroups.v2.nsdelegate and "cannot be done: the box's user is the caller, and where"
      .. " the hierarchy is mounted without nsdelegate would write its own limits" or nil
  elseif ctx.facts.uid ~= 0 then
    return "cannot be done: only root gives a cgroup to another user than itself"
  end
end

---What is given to whom: nothing where the box's user is the caller.
---@param facts table
---@param norm table
---@return { uid: integer?, gid: integer?, files: string[] }
function M.gift(facts, norm)
  local uid, gid = owner(norm)
  local files = {}
  for name in (facts.read "/sys/kernel/cgroup/delegate" or ""):gmatch("%S+") do
    files[#files + 1] = name
  end
  if uid == facts.uid then uid, gid = nil, nil end
  return { uid = uid, gid = gid, files = files[1] and files or FILES }
end

local function refuse(resource, why, accepted)
  errors.refuse { field = resource.field, value = true, at = resource.at, why = why,
    accepted = accepted }
end

---Sets norm.cgroup.gift, and adds the mount by which the box writes to it.
---@param ctx table
---@param resource tidelock.Resource
function M.resolve(ctx, resource)
  local norm = ctx.norm
  if not ctx.new.cgroup then
    refuse(resource, "needs a namespace of cgroups", 'share without "cgroup"')
  end
  local sys
  for _, mount in ipairs(norm.mounts) do
    local shown = mount.kind == "sysfs" or mount.kind == "bind"
    if mount.target == "/sys" and shown then sys = mount end
    if mount.target == TARGET then
      refuse(resource, "mounts the box's cgroup where something else is, " .. TARGET)
    end
  end
  if not sys then refuse(resource, "needs /sys, which is hidden: " .. TARGET .. " is in it") end
  norm.cgroup.gift = M.gift(ctx.facts, norm)
  norm.cgroup.gift.at = resource.at
  norm.mounts[#norm.mounts + 1] = { kind = "filesystem", fstype = "cgroup2", target = TARGET,
    flags = QUIET, origin = resource.at }
  norm.writable[#norm.writable + 1] = TARGET
end

return M
