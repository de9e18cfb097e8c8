--- Namespaces of config.json, new and by path, the maps of ids, and what belongs to a namespace:
--- host name, sysctls.

local check = require "tidelock.oci.check"

local M = {}

-- The files of /proc/PID/ns, by OCI's names.
local FILES = {
  cgroup = "cgroup", ipc = "ipc", mount = "mnt", network = "net", pid = "pid", user = "user",
  uts = "uts",
}
local ACCEPTED = "cgroup, ipc, mount, network, pid, user, uts"

local function is_own(facts, name, path)
  local own, other = facts.stat("/proc/self/ns/" .. FILES[name]), facts.stat(path)
  return own and other and own.ino == other.ino and own.dev == other.dev
end

local function by_path(ctx, field, namespace)
  local name, path = namespace.type, namespace.path
  if path:sub(1, 1) ~= "/" then
    check.refuse(ctx.at, field .. ".path", path, "is not absolute")
  elseif name == "mount" then
    check.refuse(ctx.at, field .. ".path", path,
      "cannot be done: a root is set up in a mount namespace of its own")
  elseif not ctx.facts.stat(path) then
    check.refuse(ctx.at, field .. ".path", path, "does not exist on the host")
  end
  -- The kernel takes no process into the user namespace that it is in (EINVAL).
  if is_own(ctx.facts, name, path) then return end
  ctx.joined[name] = { name = name, path = path, origin = ctx.at .. ", " .. field }
end

---Sets norm.namespaces, norm.joined, ctx.new and ctx.joined.
---@param ctx table
function M.resolve(ctx)
  local norm, seen = ctx.norm, {}
  ctx.new, ctx.joined = {}, {}
  for i, namespace in ipairs(ctx.config.linux.namespaces or {}) do
    local name, field = namespace.type, ("linux.namespaces[%d]"):format(i - 1)
    if name == "time" then
      check.refuse(ctx.at, field .. ".type", name,
        "cannot be done: time namespaces are not made yet")
    elseif not FILES[name] then
      check.refuse(ctx.at, field .. ".type", name, "is no namespace", ACCEPTED)
    elseif seen[name] then
      check.refuse(ctx.at, field .. ".type", name, "is there twice")
    end
    seen[name] = true
    if (namespace.path or "") ~= "" then
      by_path(ctx, field, namespace)
    else
      ctx.new[name] = true
    end
  end
  if not ctx.new.mount then
    check.refuse(ctx.at, "linux.namespaces", nil,
      'has no "mount": the root of the container would become the host\'s')
  end
  if not ctx.new.pid and not ctx.joined.pid then
    ctx.note("the container sees the host's processes: there is no pid namespace",
      ctx.at .. ", linux.namespaces")
  end
  norm.namespaces, norm.joined = {}, {}
  for name in pairs(ctx.new) do norm.namespaces[#norm.namespaces + 1] = name end
  table.sort(norm.namespaces)
  for _, name in ipairs { "cgroup", "ipc", "network", "uts", "pid", "user" } do
    norm.joined[#norm.joined + 1] = ctx.joined[name]
  end
  ctx.in_user_namespace = ctx.new.user or ctx.joined.user ~= nil
  norm.net = ctx.new.network and "none" or ctx.joined.network and "joined" or "host"
end

local function map_text(list)
  local lines = {}
  for i, map in ipairs(list) do
    lines[i] = ("%.0f %.0f %.0f"):format(map.containerID, map.hostID, map.size)
  end
  return table.concat(lines, "\n")
end

-- Without privilege the kernel takes one line with the caller's own id; more needs newuidmap.
local function is_own_only(list, id)
  return #list == 1 and list[1].size == 1 and list[1].hostID == id
end

local function first_id(list)
  local lowest
  for _, map in ipairs(list) do
    if not lowest or map.containerID < lowest then lowest = map.containerID end
  end
  return lowest
end

---Whether an id means something inside.
---@param list table[]?  mappings
---@param id integer
---@return boolean
function M.maps(list, id)
  for _, map in ipairs(list or {}) do
    if id >= map.containerID and id < map.containerID + map.size then return true end
  end
  return list == nil
end

local function new_user(ctx, uids, gids)
  for name, list in pairs { uidMappings = uids, gidMappings = gids } do
    if not list[1] then
      check.refuse(ctx.at, "linux." .. name, nil,
        "is missing, and there is a user namespace to map")
    end
  end
  local facts = ctx.facts
  local root = facts.uid == 0
  local own = is_own_only(uids, facts.uid) and is_own_only(gids, facts.gid)
  return { mode = "config", uid_map = map_text(uids), gid_map = map_text(gids),
    helper = not root and not own, setgroups = root or not own,
    uid = first_id(uids), gid = first_id(gids), rootless = not root }
end

---Sets norm.identity: what init becomes before it does anything inside.
---@param ctx table
function M.identity(ctx)
  local linux, facts, norm = ctx.config.linux, ctx.facts, ctx.norm
  local uids, gids = linux.uidMappings or {}, linux.gidMappings or {}
  if ctx.new.user then
    norm.identity = new_user(ctx, uids, gids)
    return
  end
  if (uids[1] or gids[1]) and not ctx.joined.user then
    check.refuse(ctx.at, uids[1] and "linux.uidMappings" or "linux.gidMappings", nil,
      'needs a namespace of type "user" in linux.namespaces')
  end
  if not ctx.joined.user and facts.uid ~= 0 then
    check.refuse(ctx.at, "linux.namespaces", nil,
      'has no "user", and only root makes the others without one',
      "a user namespace, with linux.uidMappings and linux.gidMappings", "runc spec --rootless")
  end
  norm.identity = { mode = ctx.joined.user and "joined" or "host", setgroups = facts.uid == 0,
    uid = ctx.joined.user and 0 or facts.uid, gid = ctx.joined.user and 0 or facts.gid }
end

---Sets norm.hostname and norm.domainname.
---@param ctx table
function M.names(ctx)
  for _, name in ipairs { "hostname", "domainname" } do
    local value = ctx.config[name]
    if value and value ~= "" then
      if not ctx.new.uts and not ctx.joined.uts then
        check.refuse(ctx.at, name, value,
          'needs a namespace of type "uts": it would rename the host')
      elseif #value > 64 then
        check.refuse(ctx.at, name, value, "is too long", "at most 64 bytes")
      end
      ctx.norm[name] = value
    end
  end
end

-- What of /proc/sys is the namespace's own (namespaces(7), ipc_namespaces(7)); the rest is the
-- host's.
local IPC = {
  ["kernel.msgmax"] = true, ["kernel.msgmnb"] = true, ["kernel.msgmni"] = true,
  ["kernel.sem"] = true, ["kernel.shmall"] = true, ["kernel.shmmax"] = true,
  ["kernel.shmmni"] = true, ["kernel.shm_rmid_forced"] = true, ["kernel.msg_next_id"] = true,
  ["kernel.sem_next_id"] = true, ["kernel.shm_next_id"] = true, ["kernel.auto_msgmni"] = true,
}

local function owner_of(name)
  if name:find "^net%." then return "network" end
  if name:find "^fs%.mqueue%." or IPC[name] then return "ipc" end
  if name == "kernel.domainname" then return "uts" end
end

---Adds the sysctls to norm.ops.
---@param ctx table
function M.sysctls(ctx)
  local names = {}
  for name in pairs(ctx.config.linux.sysctl or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local field, value = "linux.sysctl." .. require("tidelock.error").printable(name),
      ctx.config.linux.sysctl[name]
    -- A name with slashes is the other spelling: net/ipv4/conf/eth0.1/forwarding.
    local dotted = name
    if name:find "/" and not (name:find "%." and name:find "%." < name:find "/") then
      dotted = name:gsub("[./]", { ["."] = "/", ["/"] = "." })
    end
    local owner = owner_of(dotted)
    if not owner then
      check.refuse(ctx.at, field, value, "is not of a namespace, but the whole host's",
        "net.*, fs.mqueue.*, and those of ipc: kernel.msgmax, kernel.sem, kernel.shmmax ...",
        name:find "name$" and "the host name is set by hostname and domainname" or nil)
    elseif not ctx.new[owner] and not ctx.joined[owner] then
      check.refuse(ctx.at, field, value,
        ("needs a namespace of type %q: it would change the host's"):format(owner))
    elseif ("." .. dotted):find "%.[./]" or #dotted > 200 or value == "" then
      -- A slash is a dot of a file's name: at the beginning of one it could make "..".
      check.refuse(ctx.at, field, value, "is no sysctl with a value")
    end
    ctx.norm.ops[#ctx.norm.ops + 1] = { at = "mounts", op = "sysctl",
      fields = { name = dotted, value = value }, origin = ctx.at .. ", " .. field }
  end
end

return M
