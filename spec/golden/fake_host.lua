--- A small host that never changes: facts for the golden texts and the unit specs.

local M = {}

local TREE = {
  dirs = {
    "/", "/usr", "/usr/bin", "/etc", "/opt", "/home", "/home/alice", "/home/alice/src",
    "/home/alice/src/.git", "/home/alice/src/.git/hooks", "/home/alice/src/build", "/root", "/run",
    "/tmp", "/tmp/job", "/var", "/var/tmp", "/var/lib", "/proc", "/proc/acpi", "/proc/bus",
      "/proc/fs",
    "/proc/irq", "/proc/scsi", "/proc/sys", "/sys", "/sys/firmware", "/dev", "/srv", "/srv/data",
    "/images", "/images/debian", "/images/debian/etc", "/images/debian/proc", "/images/debian/sys",
    "/images/debian/dev", "/images/debian/tmp", "/images/debian/usr", "/images/debian/work",
    "/images/debian/usr/bin", "/run/resolver",
  },
  files = {
    "/etc/passwd", "/usr/bin/newuidmap", "/usr/bin/newgidmap", "/home/alice/src/.git/config",
    "/home/alice/src/ci.lua", "/home/alice/src/Makefile", "/run/resolver/resolv.conf",
    "/srv/data/file",
  },
  links = {
    ["/bin"] = "usr/bin", ["/lib64"] = "usr/lib64", ["/var/run"] = "/run",
    ["/etc/resolv.conf"] = "../run/resolver/resolv.conf",
      ["/home/alice/src/.envrc"] = "/srv/data/file",
    ["/images/debian/bin"] = "usr/bin", ["/srv/link"] = "/srv/data",
  },
  sockets = { "/run/bus", "/home/alice/src/agent.sock", "/tmp/.X11" },
  chars = {
    ["/dev/null"] = 0x103, ["/dev/zero"] = 0x105, ["/dev/full"] = 0x107, ["/dev/random"] = 0x108,
    ["/dev/urandom"] = 0x109, ["/dev/tty"] = 0x500, ["/dev/kvm"] = 0xae8,
  },
}

local CLOSED = { ["/root"] = 448, ["/proc/kcore"] = 256, ["/proc/sysrq-trigger"] = 128 }

local function nodes()
  local all = {}
  for _, path in ipairs(TREE.dirs) do all[path] = { type = "dir", mode = CLOSED[path] or 493 } end
  for _, path in ipairs(TREE.files) do all[path] = { type = "file", mode = 420 } end
  for _, path in ipairs(TREE.sockets) do all[path] = { type = "socket", mode = 511 } end
  for path, rdev in pairs(TREE.chars) do all[path] = { type = "char", mode = 438, rdev = rdev } end
  for path, to in pairs(TREE.links) do all[path] = { type = "link", mode = 511, to = to } end
  all["/usr/lib64"] = { type = "dir", mode = 493 }
  all["/proc/kcore"] = { type = "file", mode = 256 }
  all["/proc/keys"] = { type = "file", mode = 292 }
  all["/proc/sysrq-trigger"] = { type = "file", mode = 128 }
  return all
end

-- Follows links as realpath(3) does; the last one only if `follow`.
local function walk(all, path, follow)
  local left, at, links = {}, "", 0
  local function push(text)
    local parts = {}
    for part in text:gmatch("[^/]+") do parts[#parts + 1] = part end
    for i = #parts, 1, -1 do left[#left + 1] = parts[i] end
  end
  push(path)
  while #left > 0 do
    local name = table.remove(left)
    if name == ".." then
      at = at:match("^(.*)/") or ""
    elseif name ~= "." then
      local full = at .. "/" .. name
      local node = all[full]
      if not node then return nil, "ENOENT" end
      if node.type == "link" and (follow or #left > 0) and links < 40 then
        links = links + 1
        if node.to:sub(1, 1) == "/" then at = "" end
        push(node.to)
      else
        at = full
      end
    end
  end
  return at == "" and "/" or at
end

local PASSWD = {
  { name = "root", uid = 0, gid = 0, home = "/root", shell = "/bin/sh" },
  { name = "alice", uid = 1000, gid = 1000, home = "/home/alice", shell = "/bin/sh" },
  { name = "games", uid = 5, gid = 60, home = "/usr/games", shell = "/bin/sh" },
  { name = "big", uid = 70000, gid = 70000, home = "/", shell = "/bin/sh" },
}
local INSIDE = { { name = "worker", uid = 33, gid = 44, home = "/work", shell = "/bin/sh" } }
local GROUPS = {
  { name = "root", gid = 0 }, { name = "alice", gid = 1000 }, { name = "docker", gid = 999 },
}

local function find(list, key, number)
  for _, item in ipairs(list) do
    if item.name == key or item[number] == key then return item end
  end
end

--- Facts of the fake host. `who` overrides: uid, gid, groups, privileged, cwd, env, subuid, subgid.
---@param who table?
---@return table facts
function M.new(who)
  local all, facts = nodes(), {
    uid = 1000, gid = 1000, groups = { 1000 }, privileged = false, cwd = "/home/alice/src",
    last_cap = 40, subuid = false, subgid = false,
    env = {
      PATH = "/usr/local/bin:/usr/bin:/bin", HOME = "/home/alice", TERM = "xterm", LANG = "C.UTF-8",
      LC_TIME = "C", TZ = "UTC", SECRET = "x", LD_PRELOAD = "/tmp/evil.so",
    },
  }
  for name, value in pairs(who or {}) do facts[name] = value end
  for path, node in pairs(facts.nodes or {}) do all[path] = node or nil end

  local function stat(path, follow)
    local real, code = walk(all, path, follow)
    if not real then return nil, code end
    local node = all[real]
    return { type = node.type, mode = node.mode, rdev = node.rdev, uid = 0, gid = 0, dev = 1,
      ino = 1 }
  end
  function facts.stat(path) return stat(path, true) end
  function facts.lstat(path) return stat(path, false) end
  function facts.realpath(path) return walk(all, path, true) end
  function facts.readlink(path)
    local real = walk(all, path, false)
    return real and all[real].to or nil
  end
  function facts.descriptor(fd)
    if fd == 7 then return { type = "dir" } end
    return fd < 20 and { type = "file" } or nil
  end
  function facts.passwd(key, root) return find(root and INSIDE or PASSWD, key, "uid") end
  function facts.group(key) return find(GROUPS, key, "gid") end
  function facts.read() return nil end
  function facts.writable() return true end
  function facts.box_name() return "100-200-1" end
  facts.cgroups = facts.cgroups or { version = 1, v1 = {
    memory = { mount = "/sys/fs/cgroup/memory", dir = "/sys/fs/cgroup/memory/jobs" },
    pids = { mount = "/sys/fs/cgroup/pids", dir = "/sys/fs/cgroup/pids" },
    cpu = { mount = "/sys/fs/cgroup/cpu,cpuacct", dir = "/sys/fs/cgroup/cpu,cpuacct" },
    cpuacct = { mount = "/sys/fs/cgroup/cpu,cpuacct", dir = "/sys/fs/cgroup/cpu,cpuacct" },
    freezer = { mount = "/sys/fs/cgroup/freezer", dir = "/sys/fs/cgroup/freezer" },
  } }
  function facts.range() return { base = 1879048192, count = 65536 } end
  function facts.sockets() return TREE.sockets end
  function facts.rlimit() return 1024, 4096 end
  function facts.filter(name)
    if name == "default" or name == "/filter.bpf" then return ("\6\0\0\0\0\0\255\127") end
    return nil, "no such file"
  end
  return facts
end

--- The fake host as its root sees it.
---@param who table?
function M.root(who)
  local facts = { uid = 0, gid = 0, groups = { 0 }, privileged = true }
  for name, value in pairs(who or {}) do facts[name] = value end
  return M.new(facts)
end

--- With subordinate ids.
---@param who table?
function M.subids(who)
  local range = { start = 100000, count = 65536 }
  local facts = { subuid = range, subgid = range, groups = { 1000, 999 } }
  for name, value in pairs(who or {}) do facts[name] = value end
  return M.new(facts)
end

--- A spec of raw fields, every one of them asked for at ci.lua:LINE by name.
---@param fields table
---@param lines table<string, integer>?
function M.spec(fields, lines)
  return {
    fields = function() return fields end,
    where = function(_, name)
      local field = name:match("^[^.]+")
      if fields[field] == nil then return nil end
      return "ci.lua:" .. (lines and (lines[name] or lines[field]) or 1)
    end,
  }
end

--- The normalised spec of raw fields.
---@param fields table
---@param facts table?
function M.norm(fields, facts)
  local norm, complete = require("tidelock.normalise").normalise(M.spec(fields), facts or M.new())
  complete()
  return norm
end

--- The text of the error that normalising raises.
---@param fields table
---@param facts table?
---@return string
function M.refusal(fields, facts)
  local good, err = pcall(M.norm, fields, facts)
  assert(not good, "this was accepted")
  assert(require("tidelock.error").is(err), "not an error object: " .. tostring(err))
  return tostring(err)
end

return M
