--- Why this host refuses something, and the command that mends it. One definition for `doctor`, and
--- for the hints of a run that failed: only then is anything here looked at.

local M = {}

---@class tidelock.Cause
---@field cause string
---@field remedy string?

---@param cause string
---@param remedy string?
---@return tidelock.Cause
local function because(cause, remedy)
  return { cause = cause, remedy = remedy }
end

---In one line, as a hint.
---@param found tidelock.Cause
---@return string
function M.text(found)
  return found.cause .. (found.remedy and ": " .. found.remedy or "")
end

local function word(host, path)
  return (host.read(path, 4096) or ""):match("^%S+")
end

local function status(host, name)
  return (host.read("/proc/self/status", 65536) or ""):match("\n" .. name .. ":%s*(%S+)")
end

-- As /proc/sys/user spells them, and /proc/self/ns.
local LIMIT = { mount = "mnt", network = "net" }

local function limit_name(namespace)
  return ("user.max_%s_namespaces"):format(LIMIT[namespace] or namespace)
end

---The limit on namespaces of this kind in this user namespace.
---@param host table  core.host
---@param namespace string
---@return integer?
function M.limit(host, namespace)
  local text = word(host, "/proc/sys/" .. limit_name(namespace):gsub("%.", "/"))
  return tonumber(text)
end

local ENOUGH, MANY = 15000, 1048576

local function too_many(host, namespace)
  local name, most = limit_name(namespace), M.limit(host, namespace)
  if most == 0 then
    return because(name .. " is 0 here", ("sysctl -w %s=%d"):format(name, ENOUGH))
  end
  local there = ("no more %s namespaces: %s (%s) is reached, here or in a user namespace around"
    .. " this one, or 32 of them lie in one another"):format(namespace, name, most or "unknown")
  -- Where it is as good as none, it is not this one.
  if most and most > MANY then
    return because(there, "fewer containers in one another, or a higher limit on the host")
  end
  return because(there, ("sysctl -w %s=%d"):format(name, math.max(ENOUGH, 2 * (most or 0))))
end

-- Are all paths of this process below a directory that is no mount?
local function in_chroot(host)
  local mounts = require("tidelock.mountinfo").parse(host.read("/proc/self/mountinfo", 4194304)
    or "")
  for _, mount in ipairs(mounts) do
    if mount.target == "/" then return false end
  end
  return mounts[1] ~= nil
end

local function mapped(map, id)
  for inside, count in map:gmatch("(%d+)%s+%d+%s+(%d+)") do
    if id >= tonumber(inside) and id < tonumber(inside) + tonumber(count) then return true end
  end
  return false
end

local APPARMOR = "kernel/apparmor_restrict_unprivileged_userns"
-- For this program alone, which is better than for all.
local PROFILE = [[printf 'abi <abi/4.0>,\nprofile tidelock "%s" flags=(unconfined) { userns, }\n']]
  .. " > /etc/apparmor.d/tidelock && apparmor_parser -r /etc/apparmor.d/tidelock"

---Ubuntu's restriction: user namespaces can be made, and all rights in them are refused.
---@param host table
---@return tidelock.Cause?
function M.apparmor(host)
  if host.ids().euid == 0 or word(host, "/proc/sys/" .. APPARMOR) ~= "1" then return nil end
  return because("AppArmor lets no unprivileged program have rights in a user namespace"
    .. " (kernel.apparmor_restrict_unprivileged_userns is 1)",
    PROFILE:format(host.readlink("/proc/self/exe") or "/usr/local/bin/tidelock")
      .. "; or for every program: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
end

local function filtered(host, what)
  if status(host, "Seccomp") ~= "2" then return nil end
  return because(what .. " is refused by a filter of system calls around this process, as container"
    .. " engines have one", "docker run --security-opt seccomp=unconfined ... (podman alike)")
end

local function forbidden(host)
  local ids = host.ids()
  if ids.euid ~= 0 and word(host, "/proc/sys/kernel/unprivileged_userns_clone") == "0" then
    return because("kernel.unprivileged_userns_clone is 0",
      "sysctl -w kernel.unprivileged_userns_clone=1")
  end
  local uids, gids = host.read("/proc/self/uid_map", 65536), host.read("/proc/self/gid_map", 65536)
  if uids and gids and not (mapped(uids, ids.euid) and mapped(gids, ids.egid)) then
    return because(("the caller's ids, %.0f and %.0f, are not mapped in its own user namespace")
      :format(ids.euid, ids.egid), "newuidmap and newgidmap, where that namespace was made")
  elseif in_chroot(host) then
    return because("this process is in a chroot, and the kernel gives it no user namespace there",
      "pivot_root or switch_root in the place of chroot")
  end
  return M.apparmor(host) or filtered(host, "a user namespace")
    or because("a user namespace is refused by a security module (" ..
      (word(host, "/sys/kernel/security/lsm") or "which one is unknown") .. ")",
      "dmesg | tail # or the audit log, which name the rule")
end

local function without(host, names)
  for _, name in ipairs(names) do
    local file = "/proc/self/ns/" .. (LIMIT[name] or name)
    if not host.stat(file, true) then
      return because(("this kernel has no %s namespaces"):format(name),
        ("a kernel with CONFIG_%s_NS"):format(({ network = "NET" })[name] or name:upper()))
    end
  end
end

-- Which of them it is, only trying tells: the limit may be that of a namespace around this one.
local function full_one(core, names)
  for _, name in ipairs(names) do
    if M.limit(core.host, name) == 0 then return name end
  end
  for _, name in ipairs(names) do
    local _, code = require("tidelock.probe.child").try(core, name)
    if code == "ENOSPC" or code == "EUSERS" then return name end
  end
  return names[1]
end

---Why new namespaces of these kinds were refused.
---@param core table
---@param names string[]  "user" first, where they are to be in one
---@param code string  of clone3(2) or unshare(2)
---@return tidelock.Cause?
function M.namespaces(core, names, code)
  local host = core.host
  if code == "ENOSPC" or code == "EUSERS" then return too_many(host, full_one(core, names)) end
  local denied = code == "EPERM" or code == "EACCES"
  if denied and names[1] ~= "user" then
    return because("namespaces without a user namespace around them are for SYS_ADMIN alone",
      "run it as root, or with a user namespace")
  end
  if denied then return forbidden(host) end
  if code == "EINVAL" then return without(host, names) end
  if code == "ENOSYS" then
    return filtered(host, "clone3(2)") or because("this kernel has no clone3(2)", "Linux 5.12")
  end
end

-- What was covered in the namespace of a container is uncovered only where that was made.
local function uncover(found)
  if found.option then
    return ("mount -o remount,bind,%s %s"):format(found.option, found.path)
  elseif found.path then
    return ("umount %s where that was mounted (docker: --security-opt systempaths=unconfined,"
      .. " podman: --security-opt unmask=ALL)"):format(found.path)
  end
end

---Why a box can have no new procfs or sysfs of its own, or nil.
---@param host table
---@param fstype "proc"|"sysfs"
---@return tidelock.Cause?
function M.hidden(host, fstype)
  local info = require "tidelock.mountinfo"
  local found = info.hidden(info.parse(host.read("/proc/self/mountinfo", 4194304) or ""), fstype)
  if not found then return nil end
  local place = fstype == "proc" and "/proc" or "/sys"
  local remedy = uncover(found)
  return because(("%s, and the kernel gives a user namespace no new %s then"):format(
    require("tidelock.error").printable(found.why, 200), fstype),
    ("%s%s--hide %s runs without"):format(remedy or "", remedy and "; " or "", place))
end

---@param host table
---@return tidelock.Cause
function M.mounts(host)
  local most = tonumber(word(host, "/proc/sys/fs/mount-max"))
  return because(("too many mounts: fs.mount-max is %s"):format(most or "unknown"),
    ("sysctl -w fs.mount-max=%d"):format(2 * (most or 100000)))
end

-- A range above all that others have.
local function free_range(facts)
  local first = 100000
  for _, path in ipairs { "/etc/subuid", "/etc/subgid" } do
    for start, count in (facts.read(path) or ""):gmatch(":(%d+):(%d+)") do
      first = math.max(first, tonumber(start) + tonumber(count))
    end
  end
  return first
end

---Why the caller has no subordinate ids to use, or nil: see normalise.identity.
---@param facts table
---@return tidelock.Cause?
function M.subids(facts)
  if require("tidelock.normalise.identity").has_subids(facts) then return nil end
  local known = facts.passwd(facts.uid)
  local name = known and known.name or ("%.0f"):format(facts.uid)
  for _, kind in ipairs { "uid", "gid" } do
    if not facts["sub" .. kind] then
      local first = free_range(facts)
      local range = ("%d-%d"):format(first, first + 65535)
      return because(("%s has no line in /etc/sub%s"):format(name, kind), known
        and ("usermod --add-subuids %s --add-subgids %s %s"):format(range, range, name)
        or ("echo %s:%d:65536 | tee -a /etc/subuid /etc/subgid"):format(name, first))
    end
  end
  return because("newuidmap and newgidmap are not installed", "apt-get install uidmap")
end

---Why newuidmap or newgidmap did not write a map.
---@param host table
---@return tidelock.Cause
function M.helpers(host)
  for _, path in ipairs { "/usr/bin/newuidmap", "/usr/bin/newgidmap" } do
    local stat = host.stat(path, true)
    if not stat then return because(path .. " is not installed", "apt-get install uidmap") end
    -- Where it is not set-uid it may have file capabilities: that is not seen from here.
    if status(host, "NoNewPrivs") == "1" then
      return because("no_new_privs is set, and " .. path .. " gains no rights",
        "start it from a service without NoNewPrivileges, a container without no-new-privileges")
    elseif math.floor(stat.mode / 2048) % 2 == 0 then
      return because(path .. " is not set-uid root, and was refused", "chmod u+s " .. path)
    end
  end
  return because("newuidmap refused the range", "grep -H . /etc/subuid /etc/subgid")
end

local CONTROLLER = { memory = "memory", pids = "pids", cpus = "cpu" }

---Why a limit cannot be had, or nil.
---@param facts table
---@param name "memory"|"pids"|"cpus"
---@return tidelock.Cause?
function M.limits(facts, name)
  return require("tidelock.probe.controller").cause(facts, CONTROLLER[name])
end

return M
