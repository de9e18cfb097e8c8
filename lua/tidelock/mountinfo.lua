--- /proc/PID/mountinfo (proc_pid_mountinfo(5)), and what the kernel reads from the same list: may a
--- user namespace have a procfs or a sysfs of its own?

local M = {}

---Octal escapes: a space in a path is "\040".
---@param text string
---@return string
function M.unescape(text)
  if not text:find("\\", 1, true) then return text end
  return (text:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits, 8)) end))
end

---@class tidelock.Mount
---@field id string
---@field parent string
---@field root string     what of its file system is shown
---@field target string
---@field options string  of the mount: "ro,nosuid"
---@field type string
---@field super string    options of the file system

---@param text string
---@return tidelock.Mount[]
function M.parse(text)
  local list, unescape = {}, M.unescape
  for line in text:gmatch("[^\n]+") do
    local id, parent, root, target, options, type, super =
      line:match("^(%d+) (%d+) %S+ (%S+) (%S+) (%S+) .-%- (%S+) %S+ (%S+)")
    if id then
      list[#list + 1] = { id = id, parent = parent, root = unescape(root),
        target = unescape(target), options = options, type = unescape(type), super = super }
    end
  end
  return list
end

---Has the list of options this one?
---@param options string
---@param name string
---@return boolean
function M.has(options, name)
  return ("," .. options .. ","):find("," .. name .. ",", 1, true) ~= nil
end

-- Directories that the kernel keeps empty for ever, as places for a mount: what is mounted there
-- hides nothing.
local EMPTY = {
  ["/fs/bpf"] = true, ["/fs/cgroup"] = true, ["/fs/fuse/connections"] = true, ["/fs/nfsd"] = true,
  ["/fs/pstore"] = true, ["/fs/resctrl"] = true, ["/fs/selinux"] = true, ["/fs/smackfs"] = true,
  ["/firmware/efi/efivars"] = true, ["/kernel/config"] = true, ["/kernel/debug"] = true,
  ["/kernel/security"] = true, ["/kernel/tracing"] = true, ["/sys/fs/binfmt_misc"] = true,
  ["/xen"] = true,
}

local function above(mount, mounts)
  local list = {}
  for _, other in ipairs(mounts) do
    local place = mount.target == "/" and other.target or other.target:sub(#mount.target + 1)
    if other.parent == mount.id and not EMPTY[place] then list[#list + 1] = other end
  end
  return list
end

-- Every flag of a mount is locked in a namespace of less rights: what is new may have no more. The
-- new ones are relatime, which is what mount(2) makes of no flag.
local function denied(mount, mounts, writable)
  local covers = above(mount, mounts)
  if covers[1] then
    local more = #covers > 1 and (" (and %d more)"):format(#covers - 1) or ""
    return { why = ("%s is covered by a mount of %s%s"):format(covers[1].target, covers[1].type,
      more), path = covers[1].target }
  elseif writable and (M.has(mount.options, "ro") or M.has(mount.super, "ro")) then
    return { why = mount.target .. " is mounted read-only", path = mount.target, option = "rw" }
  elseif not M.has(mount.options, "relatime") then
    return { why = mount.target .. " is mounted without relatime", path = mount.target,
      option = "relatime" }
  end
end

---Why the kernel gives a new user namespace no new file system of this type: one of the namespace's
---must be there in full (mount_too_revealing() in fs/namespace.c). Nil: it does.
---@param mounts tidelock.Mount[]
---@param fstype "proc"|"sysfs"
---@return { why: string, path: string?, option: string? }?
function M.hidden(mounts, fstype)
  local first
  for _, mount in ipairs(mounts) do
    if mount.type == fstype and mount.root == "/" then
      local why = denied(mount, mounts, fstype == "proc")
      if not why then return nil end
      first = first or why
    end
  end
  return first or { why = ("no whole %s is mounted here"):format(fstype) }
end

return M
