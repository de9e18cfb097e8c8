--- One line on why a workload may have failed, from what is known of the box: its mounts, and what
--- the network namespace counted. Never from what the workload printed.

local errors = require "tidelock.error"
local paths = require "tidelock.normalise.path"

local M = {}

-- The deepest mount at or above a path of the box.
local function holder(norm, path)
  local deepest
  for _, mount in ipairs(norm.mounts) do
    if mount.kind ~= "symlink" and paths.within(path, mount.target)
      and (not deepest or #mount.target >= #deepest.target) then
      deepest = mount
    end
  end
  return deepest
end

local OWN = { tmpfs = true, dir = true, mask = true, proc = true, sysfs = true, devpts = true }

---Does the box have a place of its own where the host has this path?
---@param norm table
---@param path string
---@return boolean
---@return table? mount  the box's own, if there is one
function M.is_hidden(norm, path)
  if norm.root.kind ~= "tmpfs" then return false end
  local mount = holder(norm, path)
  return not mount or OWN[mount.kind] or false, mount
end

-- A path that the command names, that the host has, and where the box has something of its own.
local function hidden(norm, host)
  for i = 2, #norm.command do
    local word = norm.command[i]
    if word:sub(1, 1) == "/" and #word > 1 then
      local own, mount = M.is_hidden(norm, paths.clean(word))
      if own and (not mount or mount.target ~= paths.clean(word)) and host.stat(word, false) then
        local shown = errors.printable(word)
        local text = "%s is the host's, and %s in the sandbox is its own (--ro %s shows it)"
        return text:format(shown, mount and mount.target or "/", shown)
      end
    end
  end
end

local function no_network(norm, finish)
  if norm.net == "none" and finish.no_routes > 0 then
    local packets = finish.no_routes == 1 and "1 packet" or finish.no_routes .. " packets"
    return ("the network is off, and %s had nowhere to go (--net host turns it on)"):format(packets)
  end
end

-- A path that the command names, that does not exist, in a directory of the caller's that is
-- read-only. Only words with a slash: others need not be paths.
local function read_only(norm, host)
  for i = 2, #norm.command do
    local word = norm.command[i]
    if word:find("/", 1, true) and word:find("^[%w./_-]+$") and word:sub(1, 1) ~= "-" then
      local path = paths.join(norm.cwd, word)
      local mount = holder(norm, path)
      local given = mount and (mount.origin ~= "default" or mount.target == norm.cwd)
      if given and mount.kind == "bind" and mount.readonly and mount.source == mount.target
        and not host.stat(path, false) and host.stat(paths.parent(path), true) then
        return ("%s does not exist, and %s is read-only in the sandbox (--rw %s)"):format(
          errors.printable(path), errors.printable(mount.target), errors.printable(mount.target))
      end
    end
  end
end

---@param norm table
---@param finish table
---@return string?
function M.find(norm, finish)
  local host = require("tidelock.core").host
  return no_network(norm, finish) or hidden(norm, host) or read_only(norm, host)
end

return M
