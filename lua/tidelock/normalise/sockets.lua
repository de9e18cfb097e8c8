--- Unix sockets of the host that the box can connect to: a new network namespace does not hide
--- those that are reachable as files, and a read-only bind does not stop connect(2).

local paths = require "tidelock.normalise.path"

local M = {}

local function masked(norm, path)
  for _, entry in ipairs(norm.mounts) do
    if entry.kind == "mask" and paths.within(path, entry.target) then return true end
  end
  return false
end

--- Sorted pathnames inside the box.
---@param ctx table after the mounts were arranged
---@return string[]
function M.reachable(ctx)
  local norm, found, seen = ctx.norm, {}, {}
  local binds = {}
  if norm.root.kind == "tree" then
    binds[1] = { real = norm.root.source, target = "/" }
  end
  for _, entry in ipairs(norm.mounts) do
    if entry.real then binds[#binds + 1] = entry end
  end
  if not binds[1] then return found end
  for _, socket in ipairs(ctx.facts.sockets()) do
    for _, bind in ipairs(binds) do
      if paths.within(socket, bind.real) then
        local inside = paths.clean((bind.target == "/" and "" or bind.target)
          .. paths.rest(socket, bind.real))
        local place = ctx.tree:resolve(inside)
        if not place.missing and place.back.host == socket and not seen[inside]
          and not masked(norm, inside) then
          seen[inside] = true
          found[#found + 1] = inside
        end
      end
    end
  end
  table.sort(found)
  return found
end

return M
