--- A mount of type "cgroup" in config.json: what the container sees of its own cgroups. On v1 one
--- directory for each hierarchy, on v2 the one. Always by way of a namespace of cgroups, whose root
--- is the container's own cgroup: nothing above it is there to be written (CVE-2023-25809).

local M = {}

local RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8
local CONFINED = NOSUID + NODEV + NOEXEC

-- Each hierarchy of this process: its controllers, and the name of its directory.
local function hierarchies(facts)
  local list = {}
  for names in (facts.read "/proc/self/cgroup" or ""):gmatch("%d+:([^:\n]*):") do
    if names ~= "" then
      local name = names:gsub("^name=", "")
      list[#list + 1] = { names = names, dir = name }
    end
  end
  table.sort(list, function(a, b) return a.dir < b.dir end)
  return list
end

-- Does the container have a directory of its own there? Only that may be written.
local function is_own(ctx, hierarchy)
  local cgroup = ctx.norm.cgroup
  for name in hierarchy.names:gmatch("[^,]+") do
    if cgroup and cgroup.controllers[name] then return true end
  end
  return false
end

local function check_options(ctx, found, field)
  local check, shared = require "tidelock.oci.check",
    require "tidelock.oci.mount_options".PROPAGATION
  local why
  if found.data[1] then
    why = "has an option that a cgroup mount has not: " .. found.data[1]
  elseif found.propagation and found.propagation ~= shared.private then
    why = "cannot be done: a cgroup mount is private"
  end
  if why then check.refuse(ctx.at, field .. ".options", nil, why) end
end

local function has(flags, bit) return math.floor(flags / bit) % 2 == 1 end

-- Is there something of the host's already? The kernel mounts no file system over itself (EBUSY).
local function is_covered(list, target)
  local within = require("tidelock.normalise.path").within
  for _, entry in ipairs(list) do
    if entry.kind == "bind" and entry.recursive and within(target, entry.target) then
      return true
    end
  end
end

---@param ctx table
---@param list table[]
---@param _ table       the mount
---@param found tidelock.oci.MountOptions
---@param target string
---@param field string
---@param origin string
function M.add(ctx, list, _, found, target, field, origin)
  check_options(ctx, found, field)
  local flags = require("tidelock.oci.mount_options").mount_flags(found)
  local read_only = has(flags, RDONLY) or has(found.set, RDONLY)
  if not ctx.new.cgroup and not ctx.joined.cgroup then
    ctx.new.cgroup = true
    ctx.norm.namespaces[#ctx.norm.namespaces + 1] = "cgroup"
    table.sort(ctx.norm.namespaces)
    ctx.note("the container has a namespace of cgroups, which config.json does not ask for:"
      .. " a cgroup mount without one would show the host's", origin)
  end
  local version = ctx.facts.cgroups.version
  if not version then
    require("tidelock.oci.check").refuse(ctx.at, field, nil,
      "cannot be done: no cgroup file system is mounted on the host")
  elseif version == 2 then
    -- Without a cgroup of its own the root of its namespace is the caller's.
    if (read_only or not ctx.norm.cgroup) and not has(flags, RDONLY) then flags = flags + RDONLY end
    if is_covered(list, target) then
      list[#list + 1] = { kind = "filesystem", target = target, fstype = "tmpfs",
        flags = CONFINED + RDONLY, data = "mode=755,size=4k", origin = origin }
    end
    list[#list + 1] = { kind = "filesystem", target = target, fstype = "cgroup2", flags = flags,
      origin = origin }
    return
  end
  list[#list + 1] = { kind = "filesystem", target = target, fstype = "tmpfs", flags = CONFINED,
    data = "mode=755,size=64k", origin = origin }
  for _, hierarchy in ipairs(hierarchies(ctx.facts)) do
    local data = hierarchy.names
    if data:find "^name=" then data = "none," .. data end
    local own = not read_only and is_own(ctx, hierarchy)
    list[#list + 1] = { kind = "filesystem", target = target .. "/" .. hierarchy.dir,
      fstype = "cgroup", flags = CONFINED + (own and 0 or RDONLY), data = data, origin = origin }
    -- "cpu,cpuacct" is found by either name.
    for name in hierarchy.dir:gmatch("[^,]+") do
      if name ~= hierarchy.dir then
        list[#list + 1] = { kind = "symlink", target = target .. "/" .. name, to = hierarchy.dir,
          origin = origin }
      end
    end
  end
  if read_only then
    list[#list + 1] = { kind = "attributes", target = target, set = RDONLY, clear = 0,
      propagation = 0, recursive = false, origin = origin }
  end
end

return M
