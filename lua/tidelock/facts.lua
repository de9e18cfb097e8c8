--- What normalise needs to know of the host. Nothing is read before it is asked for, and nothing
--- twice: a facts object describes one moment. It also holds the box's range of ids, so it is to
--- be kept for as long as the box lives.
---
--- Users and groups are those of the files in /etc: a static program cannot load NSS, so that the
--- users of a directory service (LDAP, SSSD, systemd-homed) are unknown here.

local M = {}

local DATABASE_LIMIT = 4 * 1024 * 1024
local RANGE = 65536
-- Above what login.defs and the engines hand out by default, below what a signed id can hold.
local RANGE_BASE = 1879048192
local RANGE_SLOTS = 4096

local CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN = 6, 7, 21

local function memoise(call)
  local known = {}
  return function(path)
    local result = known[path]
    if not result then
      result = { call(path) }
      known[path] = result
    end
    return result[1], result[2]
  end
end

local function has(mask, number)
  return math.floor(mask / 2 ^ number) % 2 == 1
end

--- The fields of the line of a colon-separated database whose first or third field is `key`.
---@param text string begins with a newline
---@param key string|number a name, or an id
---@return string[]? fields
function M.find_line(text, key)
  local at
  if type(key) == "number" then
    at = text:find(("\n[^:\n]*:[^:\n]*:%.0f:"):format(key))
  else
    at = not key:find("[:\n]") and text:find("\n" .. key .. ":", 1, true)
  end
  local line = at and text:match("^[^\n]*", at + 1)
  if not line or line:sub(1, 1) == "#" then return nil end
  local fields = {}
  for field in (line .. ":"):gmatch("([^:]*):") do fields[#fields + 1] = field end
  return fields
end

--- The largest range that /etc/subuid or /etc/subgid gives to a user.
---@param text string
---@param name string?
---@param uid integer
---@return table? range { start, count }
function M.find_range(text, name, uid)
  local best
  for who, start, count in text:gmatch("([^:\n]+):(%d+):(%d+)") do
    start, count = tonumber(start), tonumber(count)
    if (who == name or who == tostring(uid)) and count > 0 and (not best or count > best.count) then
      best = { start = start, count = count }
    end
  end
  return best
end

local function maps_range(text)
  for inside, _, count in text:gmatch("(%d+)%s+(%d+)%s+(%d+)") do
    inside, count = tonumber(inside), tonumber(count)
    if inside <= RANGE_BASE and inside + count >= RANGE_BASE + RANGE then return true end
  end
  return false
end

local function privileged(facts, host)
  if facts.uid ~= 0 then return false end
  local mask = tonumber(facts.ids.caps_effective)
  if not (has(mask, CAP_SETGID) and has(mask, CAP_SETUID) and has(mask, CAP_SYS_ADMIN)) then
    return false
  end
  return maps_range(host.read("/proc/self/uid_map", 65536) or "")
    and maps_range(host.read("/proc/self/gid_map", 65536) or "")
end

local function subordinate(facts, host, file)
  local known = facts.passwd(facts.uid)
  return M.find_range(host.read(file, DATABASE_LIMIT) or "", known and known.name, facts.uid)
end

local function environment(host)
  local env = {}
  for _, text in ipairs(host.environ()) do
    local name, value = text:match("^([^=]+)=(.*)$")
    if name and env[name] == nil then env[name] = value end
  end
  return env
end

-- Plain values that are computed at their first use.
local lazy = {}

function lazy.ids(_, host) return host.ids() end
function lazy.uid(facts) return facts.ids.euid end
function lazy.gid(facts) return facts.ids.egid end
function lazy.groups(facts) return facts.ids.groups end
function lazy.last_cap(facts) return facts.ids.last_cap end
function lazy.privileged(facts, host) return privileged(facts, host) end
-- What outlives a box: its state, and compiled filters.
function lazy.state(facts)
  if facts.uid == 0 then return "/run/tidelock" end
  local own = facts.env.XDG_RUNTIME_DIR
  return own and own .. "/tidelock" or ("/tmp/tidelock-%.0f"):format(facts.uid)
end
function lazy.cache(facts)
  if facts.uid == 0 then return "/var/cache/tidelock" end
  local base = facts.env.XDG_CACHE_HOME or facts.env.HOME and facts.env.HOME .. "/.cache"
  return base and base .. "/tidelock" or false
end
function lazy.cwd(_, host) return host.getcwd() or false end
function lazy.env(_, host) return environment(host) end
function lazy.cgroups() return require("tidelock.cgroup.host").read(require "tidelock.core") end
function lazy.subuid(facts, host) return subordinate(facts, host, "/etc/subuid") or false end
function lazy.subgid(facts, host) return subordinate(facts, host, "/etc/subgid") or false end

local function databases(facts, host)
  local read = memoise(function(key)
    local root, path = key:match("^(%Z*)%z(.*)$")
    if root == "" then return "\n" .. (host.read(path, DATABASE_LIMIT) or "") end
    return "\n" .. (host.read_in_root(root, path, DATABASE_LIMIT) or "")
  end)

  local function find(path, key, root)
    return M.find_line(read((root or "") .. "\0" .. path), key)
  end

  --- A user by name or number; of the directory root where one is given.
  function facts.passwd(key, root)
    local line = find("/etc/passwd", key, root)
    local parse = require("tidelock.normalise.identity").parse_id
    local uid, gid = line and parse(line[3]), line and parse(line[4] or "")
    if not uid or not gid then return nil end
    local home = line[6] ~= "" and line[6] or nil
    return { name = line[1], uid = uid, gid = gid, home = home, shell = line[7] }
  end

  function facts.group(key, root)
    local line = find("/etc/group", key, root)
    local gid = line and require("tidelock.normalise.identity").parse_id(line[3] or "")
    return gid and { name = line[1], gid = gid } or nil
  end
end

local function files(facts, host)
  facts.stat = memoise(function(path) return host.stat(path, true) end)
  facts.lstat = memoise(function(path) return host.stat(path, false) end)
  facts.readlink = memoise(host.readlink)
  facts.realpath = memoise(host.realpath)

  facts.read = memoise(function(path) return host.read(path, 65536) end)
  facts.writable = memoise(function(path) return host.access(path, "w") end)

  --- Why a box can have no new procfs or sysfs, or nil: see tidelock.probe.cause.
  facts.hidden = memoise(function(fstype)
    return require("tidelock.probe.cause").hidden(host, fstype)
  end)

  --- What an open descriptor of this process is.
  function facts.descriptor(fd) return host.stat("/proc/self/fd/" .. fd, true) end

  --- The pathnames of the unix sockets of this network namespace, sorted.
  function facts.sockets()
    local list, seen = {}, {}
    for path in (host.read("/proc/net/unix", 16 * 1024 * 1024) or ""):gmatch(" (/[^\n]*)") do
      if not seen[path] then
        seen[path] = true
        list[#list + 1] = path
      end
    end
    table.sort(list)
    return list
  end
end

local function refuse_range(state, code)
  local errors = require "tidelock.error"
  local path = state .. "/ranges"
  error(errors.new { op = "range", code = code, path = path,
    message = code == "EAGAIN"
      and ("no free range of ids for the box: all %d are taken"):format(RANGE_SLOTS)
      or ("no range of ids for the box: %s cannot be locked: %s"):format(path, code) }, 0)
end

--- A range of ids that no other box has: of root's own subordinate ids, else of a fixed area. The
--- lock belongs to this object and ends with it.
local function allocate(facts, host, state)
  local uids, gids = facts.subuid, facts.subgid
  local slots = uids and gids and math.floor(math.min(uids.count, gids.count) / RANGE) or 0
  host.mkdir(state, 448)
  local index, holder
  local base, gid_base = RANGE_BASE, RANGE_BASE
  if slots > 0 then
    index, holder = host.range_lock(state .. "/ranges.subordinate", slots)
    base, gid_base = uids.start, gids.start
  end
  -- The usual entry is for one box; the next ones take from the fixed area.
  if not index and (slots == 0 or holder == "EAGAIN") then
    index, holder = host.range_lock(state .. "/ranges", RANGE_SLOTS)
    base, gid_base = RANGE_BASE, RANGE_BASE
  end
  if not index then refuse_range(state, holder) end
  facts.range_holder = holder
  return { base = base + index * RANGE, gid_base = gid_base + index * RANGE, count = RANGE }
end

--- Facts about the host that this process runs on.
---@param core table? tidelock.core
---@param options { state: string?, cache: string? }? directories in the place of the usual ones
---@return table facts
function M.new(core, options)
  core = core or require "tidelock.core"
  options = options or {}
  local host = core.host
  local facts = setmetatable({}, {
    __index = function(self, name)
      local compute = lazy[name]
      if not compute then return nil end
      local value = compute(self, host)
      rawset(self, name, value)
      return value
    end,
  })
  facts.state, facts.cache = options.state, options.cache
  files(facts, host)
  databases(facts, host)

  --- Gives back what the box has here, its range of ids and its record: for its end.
  function facts.release()
    if facts.range_holder then facts.range_holder:close() end
    if facts.record then facts.record:remove() end
  end

  function facts.range()
    local range = allocate(facts, host, facts.state)
    facts.range = function() return range end
    return range
  end

  --- A name that no other box has.
  function facts.box_name() return require("tidelock.state").new_name(core) end

  --- Soft and hard limit of a resource; math.huge is unlimited.
  function facts.rlimit(_, number)
    local soft, hard = host.rlimit(number)
    local function amount(value) return value == "unlimited" and math.huge or tonumber(value) end
    return amount(soft), amount(hard)
  end

  --- The compiled filter of a name or a file, or nil and why there is none.
  function facts.filter(name, capabilities)
    if name == "default" then
      return require("tidelock.seccomp.cache").load(capabilities, facts.cache or nil, core)
    end
    return require("tidelock.seccomp.required").load_file(name, core.filter)
  end

  return facts
end

return M
