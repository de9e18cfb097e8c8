--- The part of `within` that is about files: mounts, the root, the directory to start in.
---
--- Paths are compared as text and never looked up, and a path below an allowed one may be a
--- symbolic link to anywhere: so a source is inside the ceiling only by the same name, on the same
--- target.

local check = require "tidelock.schema.check"
local errors = require "tidelock.error"
local mounts = require "tidelock.schema.mounts"
local width = require "tidelock.schema.width"

local M = {}

-- The parts of the host that view = "system" shows.
local SYSTEM = { "/usr", "/bin", "/sbin", "/etc", "/opt", "/sys", "/proc", "/dev" }

local function by_key(entries)
  local map = {}
  for _, entry in ipairs(entries or {}) do map[mounts.key(entry)] = entry end
  return map
end

local function below(path, parent)
  return parent == "/" or path == parent or path:sub(1, #parent + 1) == parent .. "/"
end

-- Where a relative path leads is not known here: it may be below anything, and above.
local function maybe_below(path, parent)
  return path:byte(1) ~= 47 or parent:byte(1) ~= 47 or below(path, parent)
end

local function smaller_tmpfs(a, b)
  return not b.size or (a.size ~= nil and a.size <= b.size)
end

-- Nil if `a` gives away no more than `b`, which is on the same target.
local function not_wider(a, b)
  if a.kind == "hide" then return true end
  if a.kind == "remove" then return b.kind == "remove" end
  if a.kind == "tmpfs" then return b.kind ~= "tmpfs" or smaller_tmpfs(a, b) end
  if a.source ~= b.source or width.access(a) > width.access(b) then return false end
  -- A mount that may be missing may uncover what is below it.
  if a.optional and not b.optional then return false end
  return a.kind ~= "overlay" or b.kind ~= "overlay" or smaller_tmpfs(a, b)
end

local function tell(entry)
  local access = width.access(entry)
  local text = mounts.describe(entry)
  if entry.size then text = text .. " of " .. require("tidelock.units").format_size(entry.size) end
  if entry.kind == "bind" then text = text .. (access == 1 and ", read-only" or ", writable") end
  if entry.kind == "rw" and entry.all then text = text .. " with its protected files" end
  return text
end

local function fs_name(key) return "fs." .. key end

-- An overlay on a root that the ceiling gives away whole writes nothing to it.
local function is_overlaid_root(entry, theirs)
  return entry.kind == "overlay" and entry.target == "/"
    and (entry.source == theirs.rootfs or entry.source == "/")
end

local function added(list, mine, theirs, allowed, found)
  for _, entry in ipairs(mine.fs or {}) do
    local key = mounts.key(entry)
    local other = allowed[key]
    -- What is new and shows nothing of the host hides at most.
    local harmless = not other and (entry.kind == "tmpfs" or entry.kind == "hide")
    local ok = harmless or (not other and is_overlaid_root(entry, theirs))
    if not ok and not (other and not_wider(entry, other)) then
      found(list, "fs", tell(entry), other and tell(other) or "mounts without it", fs_name(key),
        other and fs_name(key) or "fs")
    end
  end
end

-- Does this spec show, at `target`, more of the host than `access` while nothing is mounted there?
local function shows(mine, own, target, access)
  for key, entry in pairs(own) do
    if width.access(entry) > access and maybe_below(target, key) then return true end
  end
  if mine.rootfs then return true end
  local view = mine.view or "system"
  if access > 0 or view == "none" then return false end
  if view == "host" or target:find("^/lib") then return true end
  for _, path in ipairs(SYSTEM) do
    if below(target, path) then return true end
  end
  return false
end

-- Shows at its own path what would be there anyway: without it there is no more than with it,
-- unless something above gives more.
local function at_own_path(entry)
  if entry.kind == "ro" or entry.kind == "rw" then return true end
  return entry.source ~= nil and entry.source == mounts.key(entry)
end

-- What the ceiling covers must be covered here too, or what is below comes out.
local function uncovered(list, mine, theirs, own, found)
  for _, entry in ipairs(theirs.fs or {}) do
    local key = mounts.key(entry)
    if not own[key] and entry.kind ~= "remove" then
      local access = at_own_path(entry) and width.access(entry) or 0
      if entry.kind == "hide" or shows(mine, own, key, access) then
        found(list, "fs", ("no mount on %s"):format(errors.show(key)), tell(entry), fs_name(key))
      end
    end
  end
end

---@param found function  (list, field, mine, theirs, name, ceiling_name)
function M.compare(list, mine, theirs, found)
  local own, allowed = by_key(mine.fs), by_key(theirs.fs)
  added(list, mine, theirs, allowed, found)
  uncovered(list, mine, theirs, own, found)
end

local function overlaid(fields)
  local root = by_key(fields.fs)["/"]
  return root ~= nil and root.kind == "overlay"
end

---The root: the same, and where the ceiling throws changes away, here too.
function M.compare_root(list, mine, theirs, found)
  local function text(fields)
    if not fields.rootfs then return "a root made of the view" end
    return errors.show(fields.rootfs) .. (overlaid(fields) and ", changes thrown away" or "")
  end
  local view = mine.view or (mine.rootfs and "none" or "system")
  local empty = not mine.rootfs and view == "none"
  local opened = mine.rootfs and overlaid(theirs) and not overlaid(mine)
  if (mine.rootfs ~= theirs.rootfs and not empty) or opened then
    found(list, "rootfs", text(mine), text(theirs))
  end
end

-- Does a mount of this spec hold the directory? One that no mount holds is shown from the host.
local function held(mine, path)
  if ("/" .. path .. "/"):find("/../", 1, true) then return false end
  for _, entry in ipairs(mine.fs or {}) do
    local key = mounts.key(entry)
    -- What changes the root itself, or may not be there, holds nothing for sure.
    local holds = entry.kind ~= "hide" and entry.kind ~= "remove" and key ~= "/"
      and not entry.optional
    if holds and below(check.tidy(path), key) then return true end
  end
  return mine.view == "none" or (mine.rootfs ~= nil and mine.view == nil)
end

---The directory to start in: the ceiling's, or one inside this spec's mounts.
function M.compare_cwd(list, mine, theirs, found)
  local a, b = mine.cwd, theirs.cwd
  if a == b or (b == nil and held(mine, a)) then return end
  found(list, "cwd", a and errors.show(a) or "the caller's directory",
    b and errors.show(b) or "the caller's directory")
end

return M
