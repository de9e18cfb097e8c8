--- One line on why a workload may have failed, from what is known of the box: its mounts, and what
--- the network namespace counted. Never from what the workload printed.

local errors = require "tidelock.error"

local M = {}

local function holder(mounts, path)
  local deepest
  for _, mount in ipairs(mounts) do
    local target = mount.target
    if mount.kind ~= "symlink" and (path == target or path:sub(1, #target + 1) == target .. "/")
      and (not deepest or #target >= #deepest.target) then
      deepest = mount
    end
  end
  return deepest
end

local function absolute(norm, word)
  if word:sub(1, 1) == "/" then return word end
  return norm.cwd .. "/" .. word
end

-- A path that the command names, that the host has, and that the box has not.
local function hidden(norm, host)
  for i = 2, #norm.command do
    local word = norm.command[i]
    if word:sub(1, 1) == "/" and #word > 1 then
      local mount = holder(norm.mounts, word)
      local empty = not mount and norm.root.kind == "tmpfs"
        or mount and (mount.kind == "tmpfs" or mount.kind == "dir" or mount.kind == "mask")
      if empty and host.stat(word, false) then
        return ("%s is on the host and not in the sandbox (--ro %s shows it)"):format(
          errors.printable(word), errors.printable(word))
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

-- A path that the command names, that does not exist, and that would lie on a read-only mount. Only
-- words with a slash: others need not be paths.
local function read_only(norm, host)
  for i = 2, #norm.command do
    local word = norm.command[i]
    if word:find("/", 1, true) and word:find("^[%w./_-]+$") and word:sub(1, 1) ~= "-" then
      local path = absolute(norm, word)
      local mount = holder(norm.mounts, path)
      if mount and mount.kind == "bind" and mount.readonly and not host.stat(path, false)
        and host.stat((path:gsub("/[^/]*$", "")), true) then
        return ("%s would be on a read-only mount (--rw %s makes it writable)"):format(
          errors.printable(path), errors.printable(mount.target))
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
