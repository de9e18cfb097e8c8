--- The options of a mount in config.json (runtime-spec, config.md, "Linux mount options"): flags of
--- mount(2) for a new file system, attributes of mount_setattr(2) for a bind, propagation, and what
--- is left is the file system's own data.

local M = {}

-- MS_*, mount(2).
local REMOUNT, BIND, REC = 32, 4096, 16384

-- Set, and cleared, in mount(2).
local FLAGS = {
  ro = 1, nosuid = 2, nodev = 4, noexec = 8, sync = 16, remount = REMOUNT, mand = 64,
  dirsync = 128, nosymfollow = 256, noatime = 1024, nodiratime = 2048, bind = BIND,
  rbind = BIND + REC, silent = 32768, relatime = 2097152, iversion = 8388608,
  strictatime = 16777216, lazytime = 33554432,
}
local CLEARS = {
  rw = "ro", suid = "nosuid", dev = "nodev", exec = "noexec", async = "sync", nomand = "mand",
  symfollow = "nosymfollow", atime = "noatime", diratime = "nodiratime", loud = "silent",
  norelatime = "relatime", noiversion = "iversion", nostrictatime = "strictatime",
  nolazytime = "lazytime",
}

-- MOUNT_ATTR_*, mount_setattr(2): those that a bind, or all mounts below one, can have.
local ATIME = 0x70
local ATTRIBUTES = {
  ro = { 1 }, nosuid = { 2 }, nodev = { 4 }, noexec = { 8 }, nosymfollow = { 0x200000 },
  nodiratime = { 0x80 }, relatime = { 0, ATIME }, noatime = { 0x10, ATIME },
  strictatime = { 0x20, ATIME },
}
-- As they are said of all mounts below: "rro", and what takes it back.
local RECURSIVE_CLEARS = {
  rrw = 1, rsuid = 2, rdev = 4, rexec = 8, rsymfollow = 0x200000, rdiratime = 0x80,
  ratime = ATIME, rnorelatime = ATIME, rnostrictatime = ATIME,
}

local PROPAGATION = {
  unbindable = 0x20000, private = 0x40000, slave = 0x80000, shared = 0x100000,
}

M.PROPAGATION = PROPAGATION

-- The runtime's own words, no file system's.
local NOT_YET = {
  tmpcopyup = "files are not copied into a tmpfs yet",
  ["copy-symlink"] = "symbolic links are not copied yet",
  ["src-nofollow"] = "sources are followed", ["dest-nofollow"] = "targets are followed",
}

---@class tidelock.oci.MountOptions
---@field flags table<string, boolean>   words of FLAGS that are on
---@field data string[]                  the file system's own
---@field propagation integer?           MS_*
---@field recursive_propagation boolean?
---@field set integer                    attributes of all mounts below
---@field clear integer
---@field bind boolean
---@field recursive boolean              rbind
---@field idmap string?                 "idmap", or "ridmap": all mounts below too

local function add(mask, value)
  local sum, bit = mask, 1
  while bit <= value do
    if math.floor(value / bit) % 2 == 1 and math.floor(mask / bit) % 2 == 0 then sum = sum + bit end
    bit = bit * 2
  end
  return sum
end

local function common(a, b)
  return a + b - add(a, b)
end

local function recursive_attribute(found, word)
  local plain = word:sub(1, 1) == "r" and ATTRIBUTES[word:sub(2)]
  if plain then
    if plain[2] then found.set = found.set - math.floor(found.set / 16) % 8 * 16 end
    found.set = add(found.set, plain[1])
    if plain[2] then found.clear = add(found.clear, plain[2]) end
    return true
  end
  if RECURSIVE_CLEARS[word] then
    found.set = found.set - common(found.set, RECURSIVE_CLEARS[word])
    found.clear = add(found.clear, RECURSIVE_CLEARS[word])
    return true
  end
end

local function propagation(found, word)
  local name = word:gsub("^r", "")
  local value = PROPAGATION[word] or PROPAGATION[name]
  if not value then return false end
  found.propagation, found.recursive_propagation = value, PROPAGATION[word] == nil
  return true
end

---@param options string[]?
---@param refuse fun(index: integer, why: string)  index from 0
---@return tidelock.oci.MountOptions
function M.parse(options, refuse)
  local found = { flags = {}, data = {}, set = 0, clear = 0, bind = false, recursive = false }
  for i, word in ipairs(options or {}) do
    if word == "idmap" or word == "ridmap" then
      found.idmap = word
    elseif NOT_YET[word] then
      refuse(i - 1, "cannot be done: " .. NOT_YET[word])
    elseif FLAGS[word] then
      if ATTRIBUTES[word] and ATTRIBUTES[word][2] then
        -- Of the three ways to keep access times the last one counts.
        found.flags.noatime, found.flags.relatime, found.flags.strictatime = nil, nil, nil
      end
      found.flags[word] = true
      found.bind = found.bind or word == "bind" or word == "rbind"
      found.recursive = found.recursive or word == "rbind"
    elseif CLEARS[word] then
      found.flags[CLEARS[word]] = nil
    elseif word ~= "defaults" and not recursive_attribute(found, word)
      and not propagation(found, word) then
      if word == "" or word:find "%z" then refuse(i - 1, "is no option") end
      found.data[#found.data + 1] = word
    end
  end
  return found
end

---The flags of mount(2) for a file system that is mounted new.
---@param found tidelock.oci.MountOptions
---@return integer
function M.mount_flags(found)
  local sum = 0
  for word in pairs(found.flags) do
    if word ~= "bind" and word ~= "rbind" then sum = sum + FLAGS[word] end
  end
  if found.flags.remount and found.bind then sum = sum + BIND end
  return sum
end

---The attributes of mount_setattr(2) for a bind: what is set, and what must be cleared for that.
---@param found tidelock.oci.MountOptions
---@return integer set
---@return integer clear
function M.bind_attributes(found)
  local set, clear = 0, 0
  for word in pairs(found.flags) do
    local attribute = ATTRIBUTES[word]
    if attribute then
      set = set + attribute[1]
      if attribute[2] then clear = ATIME end
    end
  end
  return set, clear
end

return M
