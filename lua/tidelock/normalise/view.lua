--- What is in the box before the user adds anything: the directories of the host, /dev, /proc,
--- /sys, and what of them is hidden.

local paths = require "tidelock.normalise.path"

local M = {}

local MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
local DATA = MS_NOSUID + MS_NODEV
local QUIET = MS_NOSUID + MS_NODEV + MS_NOEXEC

local SYSTEM = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt" }

-- Name and major:minor, as st_rdev of old spells it: the numbers are the kernel's, not the host's
-- word for them, so that a replaced /dev/null is noticed.
local NODES = {
  { "null", 0x103 }, { "zero", 0x105 }, { "full", 0x107 }, { "random", 0x108 },
  { "urandom", 0x109 }, { "tty", 0x500 },
}
local LINKS = {
  { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" },
  { "stderr", "/proc/self/fd/2" }, { "ptmx", "pts/ptmx" },
}

-- As the engines do. Each costs a mount, so what is not there, or is closed to everybody but the
-- host's root by its own mode, is left out.
local MASKS = {
  "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
  "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
  "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
}
local READONLY = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" }

local function add(list, entry)
  entry.origin = entry.origin or "default"
  entry.class = "default"
  list[#list + 1] = entry
end

local function tmpfs(list, target, mode, flags)
  add(list, { kind = "tmpfs", target = target, mode = mode, flags = flags or DATA })
end

local function bind_system(ctx, list, source)
  add(list, { kind = "bind", source = source, target = source, readonly = true, recursive = true })
  ctx.system[#ctx.system + 1] = source
end

--- A merged /usr is shown as it is: /bin stays a link to usr/bin. A link to a place that will not
--- be there is followed instead.
local function system_directories(ctx, list)
  local facts, links = ctx.facts, {}
  for _, path in ipairs(SYSTEM) do
    local stat = facts.lstat(path)
    if stat and stat.type == "link" then
      links[#links + 1] = path
    elseif stat and stat.type == "dir" then
      bind_system(ctx, list, path)
    end
  end
  for _, path in ipairs(links) do
    local to, seen = facts.readlink(path), false
    local place = paths.join("/", to)
    if paths.climbs(place) then place = facts.realpath(path) end
    for _, dir in ipairs(ctx.system) do
      seen = seen or place and paths.within(place, dir)
    end
    if seen then
      add(list, { kind = "symlink", target = path, to = to })
    elseif facts.realpath(path) then
      bind_system(ctx, list, path)
    end
  end
end

--- $HOME: an empty writable directory, unless the home lies in what is shown anyway.
local function home(ctx, list)
  local dir, user, identity = ctx.norm.user.home, ctx.norm.user, ctx.norm.identity
  for _, system in ipairs(ctx.system) do
    if paths.within(dir, system) or paths.within(system, dir) then return end
  end
  if paths.within("/var/tmp", dir) or paths.within("/dev", dir) or paths.within(dir, "/proc")
    or paths.within(dir, "/sys") or paths.within("/run", dir) then
    return
  end
  add(list, {
    kind = "tmpfs", target = dir, mode = 448, flags = DATA,
    owner = (user.uid ~= identity.uid or user.gid ~= identity.gid) and user or nil,
  })
end

--- The design's empty /home /root /mnt /media are plain directories of the root, which is an empty
--- tmpfs itself and read-only in the end: a tmpfs for each would cost 15 us and show the same.
local function system_view(ctx, list)
  system_directories(ctx, list)
  for _, path in ipairs { "/home", "/media", "/mnt", "/root" } do
    if path ~= ctx.norm.user.home then add(list, { kind = "dir", target = path, mode = 493 }) end
  end
  tmpfs(list, "/run", 493)
  tmpfs(list, "/tmp", 1023)
  add(list, { kind = "symlink", target = "/var/run", to = "/run" })
  tmpfs(list, "/var/tmp", 1023)
  home(ctx, list)
end

local function dev(ctx, list)
  tmpfs(list, "/dev", 493, MS_NOSUID + MS_NOEXEC)
  for _, node in ipairs(NODES) do
    local path = "/dev/" .. node[1]
    add(list, { kind = "bind", source = path, target = path, file = true, device = true,
      rdev = node[2] })
  end
  for _, link in ipairs(LINKS) do
    add(list, { kind = "symlink", target = "/dev/" .. link[1], to = link[2] })
  end
  local data = "newinstance,ptmxmode=0666,mode=0620"
  if require("tidelock.normalise.identity").maps_gid(ctx.norm, 5) then data = data .. ",gid=5" end
  add(list, { kind = "devpts", target = "/dev/pts", flags = MS_NOSUID + MS_NOEXEC, data = data })
  tmpfs(list, "/dev/shm", 1023, QUIET)
  if ctx.new.ipc then add(list, { kind = "mqueue", target = "/dev/mqueue", flags = QUIET }) end
end

-- What lies over a path that engines mask is on another device. That costs nothing, the same paths
-- are looked at below. Only then is the list of mounts read, and what the kernel reads from it.
local function sysfs_refused(ctx)
  local facts, own = ctx.facts, ctx.facts.lstat("/sys")
  for _, path in ipairs(MASKS) do
    local stat = own and paths.within(path, "/sys") and facts.lstat(path)
    if stat and stat.dev ~= own.dev then return facts.hidden("sysfs") end
  end
end

-- The user hides all of it: there is no need for one of the box's own, which cannot be had
-- everywhere.
local function hides(ctx, target)
  for _, entry in ipairs(ctx.raw.fs or {}) do
    if entry.kind == "hide" and paths.clean(entry.target) == target then return true end
  end
  return false
end

--- A sysfs of one's own shows the network namespace that one owns; of another's it may not be
--- mounted, and the host's is shown instead. So it is where the host's is covered in part.
local function sys(ctx, list)
  local refused = ctx.new.network and sysfs_refused(ctx)
  if refused then
    ctx.note("/sys is the host's, with the names of its network interfaces: " .. refused.cause,
      "default")
  end
  if ctx.new.network and not refused then
    add(list, { kind = "sysfs", target = "/sys", flags = QUIET + MS_RDONLY })
  else
    add(list, { kind = "bind", source = "/sys", target = "/sys", readonly = true, recursive = true,
      noexec = true })
  end
end

local function proc_and_sys(ctx, list)
  if hides(ctx, "/proc") then
    add(list, { kind = "dir", target = "/proc", mode = 493 })
  else
    add(list, { kind = "proc", target = "/proc", flags = QUIET })
  end
  if hides(ctx, "/sys") then
    add(list, { kind = "dir", target = "/sys", mode = 493 })
  else
    sys(ctx, list)
  end
end

--- A link out of what is shown: the file it leads to is bound, alone.
local function resolver(ctx, list)
  local facts, file = ctx.facts, "/etc/resolv.conf"
  local link = facts.readlink(file)
  local real = link and facts.realpath(file)
  if not real then return end
  local target = paths.join("/etc", link)
  if paths.climbs(target) then target = real end
  for _, dir in ipairs(ctx.system) do
    if paths.within(target, dir) then return end
  end
  add(list, { kind = "bind", source = real, target = target, readonly = true, file = true })
end

--- The default mounts of the view, in no order yet.
---@param ctx table
---@return table[] entries
function M.entries(ctx)
  local list, norm = {}, ctx.norm
  if norm.rootfs then
    for _, place in ipairs { { "/run", 493 }, { "/tmp", 1023 }, { "/var/tmp", 1023 } } do
      tmpfs(list, place[1], place[2])
    end
  elseif norm.view == "system" then
    system_view(ctx, list)
    if norm.net == "host" then resolver(ctx, list) end
  elseif norm.view == "none" then
    tmpfs(list, "/tmp", 1023)
  end
  dev(ctx, list)
  proc_and_sys(ctx, list)
  return list
end

--- What of /proc and /sys is hidden and what is read-only, after all mounts.
---@param ctx table
---@return table[] entries
function M.closed(ctx)
  local list, facts = {}, ctx.facts
  -- Where the box's root is the host's, the files' own modes keep nothing from it.
  local root = ctx.facts.uid == 0 and ctx.norm.identity.mode ~= "range"
  local function close(kind, names, others)
    for _, path in ipairs(names) do
      local stat = facts.lstat(path)
      local open = stat and (root or stat.type == "dir"
        or math.floor(stat.mode / others) % 2 == 1)
      if open then add(list, { kind = kind, target = path }) end
    end
  end
  close("mask", MASKS, 4)
  close("readonly", READONLY, 2)
  return list
end

return M
