--- From config.json to the mounts of the normalised spec: root, mounts, devices, what is hidden.

local check = require "tidelock.oci.check"
local options = require "tidelock.oci.mount_options"
local paths = require "tidelock.normalise.path"

local M = {}

local EVERYTHING = 438 -- 0666
local RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8 -- MOUNT_ATTR_*
local TYPES = { c = 0x2000, u = 0x2000, b = 0x6000, p = 0x1000 }

-- config-linux.md, "Default Devices"; the numbers are the kernel's (devices.txt).
local DEVICES = {
  { "/dev/null", 1, 3 }, { "/dev/zero", 1, 5 }, { "/dev/full", 1, 7 }, { "/dev/random", 1, 8 },
  { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
}
local LINKS = {
  { "/dev/fd", "/proc/self/fd" }, { "/dev/stdin", "/proc/self/fd/0" },
  { "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
  { "/dev/ptmx", "pts/ptmx" },
}

-- A path inside, absolute and clean: `..` means what it means there, which init resolves.
local function inside(ctx, field, path)
  if path:find "%z" then check.refuse(ctx.at, field, path, "has a NUL byte in it") end
  if path:sub(1, 1) ~= "/" then
    -- runtime-spec 1.0 allowed it for old configurations: relative to the root.
    path = "/" .. path
  end
  if paths.climbs(path) then check.refuse(ctx.at, field, path, "climbs with ..") end
  return paths.clean(path)
end

-- What a mount over /proc could fake: the files that LSM labels and sysctls are written to.
local function guard_proc(ctx, field, target, entry)
  if not paths.within(target, "/proc") or target == "/proc" and entry.fstype == "proc" then
    return end
  if target == "/proc" then
    -- A host's /proc, as engines bind it where the pid namespace is the host's.
    local stat = entry.kind == "bind" and ctx.facts.realpath(entry.source)
    if stat == "/proc" then return end
    check.refuse(ctx.at, field, target,
      "would be no procfs, and files in it could pass for the kernel's own")
  end
  for _, allowed in ipairs { "/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo",
    "/proc/net/dev", "/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled", "/proc/uptime" } do
    if target == allowed then return end
  end
  check.refuse(ctx.at, field, target,
    "lies in /proc, where a mount could make the kernel's own files lie",
    "what lxcfs fakes, such as /proc/meminfo")
end

local function attribute_change(list, found, target, origin, set, clear)
  if set ~= 0 or clear ~= 0 then
    list[#list + 1] = { kind = "attributes", target = target, set = set, clear = clear,
      propagation = 0, recursive = false, origin = origin }
  end
  if found.set ~= 0 or found.clear ~= 0 then
    list[#list + 1] = { kind = "attributes", target = target, set = found.set,
      clear = found.clear, propagation = 0, recursive = true, origin = origin }
  end
  -- All is private already.
  if found.propagation and found.propagation ~= options.PROPAGATION.private then
    list[#list + 1] = { kind = "attributes", target = target, set = 0, clear = 0,
      propagation = found.propagation, recursive = found.recursive_propagation,
      origin = origin }
  end
end

local function is_linked(found)
  return found.propagation == options.PROPAGATION.shared
    or found.propagation == options.PROPAGATION.slave
end

local function bind(ctx, list, mount, found, target, field, origin)
  local source = mount.source
  if not source or source == "" then
    check.refuse(ctx.at, field .. ".source", nil, "is missing", "a path of the host")
  end
  source = paths.join(ctx.dir, source)
  local stat, code = ctx.facts.stat(source)
  if not stat then
    check.refuse(ctx.at, field .. ".source", mount.source, code == "ENOENT"
      and "does not exist on the host" or "cannot be reached: " .. tostring(code))
  end
  local file = stat.type ~= "dir"
  local set, clear = options.bind_attributes(found)
  local later = found.recursive or clear ~= 0
  local entry = { kind = "bind", source = source, real = ctx.facts.realpath(source), stat = stat,
    target = target, recursive = found.recursive and not file, file = file, origin = origin,
    readonly = found.flags.ro or found.set % 2 == 1,
    -- At once where it concerns one mount alone; a clone keeps its place among its peers.
    attr = later and 0 or set, clone_early = is_linked(found) or nil,
    idmap = found.idmap and ctx.norm.identity.uid_map ~= nil or nil,
    idmap_alone = found.idmap == "idmap" or nil }
  guard_proc(ctx, field .. ".destination", target, entry)
  list[#list + 1] = entry
  attribute_change(list, found, target, origin, later and set or 0, clear)
end

local function new_file_system(ctx, list, mount, found, target, field, origin)
  local fstype = mount.type or found.flags.remount and "none"
  if not fstype or fstype == "" then
    check.refuse(ctx.at, field .. ".type", nil, "is missing", "a file system, or the option bind")
  end
  local entry = { kind = "filesystem", target = target, fstype = fstype,
    flags = options.mount_flags(found), origin = origin,
    data = found.data[1] and table.concat(found.data, ",") or nil,
    source = mount.source ~= "" and mount.source ~= fstype and mount.source or nil }
  guard_proc(ctx, field .. ".destination", target, entry)
  list[#list + 1] = entry
  attribute_change(list, found, target, origin, 0, 0)
end

local function refuse_idmap(ctx, mount, found, field)
  if mount.uidMappings or mount.gidMappings then
    check.refuse(ctx.at, field .. ".uidMappings", nil,
      "cannot be done: a mount has the ids of the container's user namespace, or the host's")
  elseif found.idmap and not ctx.norm.identity.uid_map then
    check.refuse(ctx.at, field .. ".options", "idmap", "needs a user namespace")
  end
end

local function remounts(mount)
  for _, word in ipairs(mount.options or {}) do
    if word == "remount" then return true end
  end
  return false
end

---The mounts of config.json, in their order.
---@param ctx table
---@param list table[]
function M.configured(ctx, list)
  for i, mount in ipairs(ctx.config.mounts or {}) do
    local field = ("mounts[%d]"):format(i - 1)
    local origin = ctx.at .. ", " .. field
    local target = inside(ctx, field .. ".destination", mount.destination)
    if target == "/" and not remounts(mount) then
      check.refuse(ctx.at, field .. ".destination", mount.destination,
        "is the root itself: another one is given by root.path")
    end
    local found = options.parse(mount.options, function(index, why)
      check.refuse(ctx.at, ("%s.options[%d]"):format(field, index), mount.options[index + 1], why)
    end)
    refuse_idmap(ctx, mount, found, field)
    if mount.type == "cgroup" or mount.type == "cgroup2" then
      require("tidelock.oci.cgroup_mount").add(ctx, list, mount, found, target, field, origin)
    elseif (found.bind or mount.type == "bind") and not found.flags.remount then
      bind(ctx, list, mount, found, target, field, origin)
    else
      new_file_system(ctx, list, mount, found, target, field, origin)
    end
  end
end

-- No node can be made in a user namespace: the host's is shown.
local function bound_device(ctx, list, node, field)
  local stat = ctx.facts.stat(node.path)
  local kind = stat and (stat.type == "char" or stat.type == "block") and stat.type
  if not kind or stat.type ~= (node.type == TYPES.b and "block" or "char") then
    check.refuse(ctx.at, field or "linux.devices", node.path,
      "is no such device on the host, and a user namespace can make none")
  end
  list[#list + 1] = { kind = "bind", source = node.path, target = node.target, file = true,
    device = true, attr = RDONLY + NOSUID + NOEXEC, origin = node.origin,
    rdev = kind == "char" and node.major * 256 + node.minor or nil }
end

local function add_device(ctx, list, node, field)
  if ctx.in_user_namespace then
    bound_device(ctx, list, node, field)
    return
  end
  list[#list + 1] = { kind = "device", target = node.target, mode = node.type
    + node.mode, major = node.major, minor = node.minor, uid = node.uid, gid = node.gid,
    origin = node.origin }
end

local function configured_device(ctx, device, index)
  local field = ("linux.devices[%d]"):format(index)
  local kind = TYPES[device.type]
  if not kind then
    check.refuse(ctx.at, field .. ".type", device.type, "is no type of device",
      '"c", "b", "u", "p"')
  end
  if kind ~= TYPES.p and not (device.major and device.minor) then
    check.refuse(ctx.at, field .. (device.major and ".minor" or ".major"), nil, "is missing")
  end
  local mode = device.fileMode or EVERYTHING
  if mode > 511 then
    check.refuse(ctx.at, field .. ".fileMode", mode, "is out of range", "0 to 511 (0777)")
  end
  for _, name in ipairs { "major", "minor" } do
    local most = name == "major" and 4095 or 1048575
    if (device[name] or 0) < 0 or (device[name] or 0) > most then
      check.refuse(ctx.at, field .. "." .. name, device[name], "is out of range", "0 to " .. most)
    end
  end
  return { path = device.path, target = inside(ctx, field .. ".path", device.path),
    type = kind, mode = mode, major = device.major or 0, minor = device.minor or 0,
    uid = device.uid or 0, gid = device.gid or 0, origin = ctx.at .. ", " .. field }, field
end

---The default devices and links of /dev, and those of config.json.
---@param ctx table
---@param list table[]
function M.devices(ctx, list)
  local taken = {}
  for i, device in ipairs(ctx.config.linux.devices or {}) do
    local node, field = configured_device(ctx, device, i - 1)
    taken[node.target] = true
    add_device(ctx, list, node, field)
  end
  for _, device in ipairs(DEVICES) do
    if not taken[device[1]] then
      add_device(ctx, list, { path = device[1], target = device[1], type = TYPES.c,
        mode = EVERYTHING, major = device[2], minor = device[3], uid = 0, gid = 0,
        origin = "default" })
    end
  end
  for _, link in ipairs(LINKS) do
    if not taken[link[1]] then
      list[#list + 1] = { kind = "symlink", target = link[1], to = link[2], origin = "default" }
    end
  end
end

---The pathnames inside of the host's unix sockets that can be connected to.
---@param ctx table
---@return string[] sorted
function M.sockets(ctx)
  local found, seen = {}, {}
  local function look(socket, real, target)
    if not paths.within(socket, real) then return end
    local inside_path = paths.clean((target == "/" and "" or target) .. paths.rest(socket, real))
    if not seen[inside_path] then found[#found + 1] = inside_path end
    seen[inside_path] = true
  end
  for _, socket in ipairs(ctx.facts.sockets()) do
    look(socket, ctx.norm.root.source, "/")
    for _, entry in ipairs(ctx.norm.mounts) do
      if entry.real then look(socket, entry.real, entry.target) end
    end
  end
  table.sort(found)
  return found
end

---What of the file systems is hidden or read-only, after all mounts.
---@param ctx table
---@param list table[]
function M.closed(ctx, list)
  for _, pair in ipairs { { "readonly", "readonlyPaths" }, { "mask", "maskedPaths" } } do
    local kind, name = pair[1], pair[2]
    for i, path in ipairs(ctx.config.linux[name] or {}) do
      local field = ("linux.%s[%d]"):format(name, i - 1)
      if inside(ctx, field, path) == "/" then
        check.refuse(ctx.at, field, path, "is the root itself", nil, "see root.readonly")
      end
      list[#list + 1] = { kind = kind, target = inside(ctx, field, path),
        origin = ctx.at .. ", " .. field }
    end
  end
end

-- Nodes that an image brings are of no use to a container that is given none but those of /dev.
local function nodev(ctx)
  if ctx.norm.devices_limited then return false end
  for _, name in ipairs(ctx.norm.capabilities) do
    if name == "MKNOD" then return false end
  end
  for _, mount in ipairs(ctx.config.mounts or {}) do
    if paths.clean("/" .. mount.destination) == "/dev" then return true end
  end
  return false
end

---The root: a directory of the bundle, or of the host.
---@param ctx table
function M.root(ctx)
  local root = ctx.config.root
  local path = paths.join(ctx.dir, root.path)
  local real = ctx.facts.realpath(path)
  local stat = real and ctx.facts.stat(real)
  if not stat or stat.type ~= "dir" then
    check.refuse(ctx.at, "root.path", root.path, stat and "is not a directory"
      or "does not exist: " .. path)
  elseif real == "/" then
    check.refuse(ctx.at, "root.path", root.path, "is the host's own root")
  end
  local word = ctx.config.linux.rootfsPropagation
  local found = options.parse({ word ~= "" and word or nil }, function() end)
  if found.data[1] or next(found.flags) or word and not found.propagation and word ~= "" then
    check.refuse(ctx.at, "linux.rootfsPropagation", word, "is not known",
      "private, slave, shared, unbindable, and with r: of all mounts below")
  end
  ctx.norm.rootfs = real
  local linked = found.propagation and found.propagation ~= options.PROPAGATION.private
  ctx.norm.root = { kind = "tree", source = real, attr = nodev(ctx) and NODEV or 0,
    seal = root.readonly or false, readonly = root.readonly or false,
    propagation = linked and found.propagation or nil,
    recursive_propagation = found.recursive_propagation, origin = ctx.at .. ", root" }
end

return M
