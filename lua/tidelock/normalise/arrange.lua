--- Puts all mounts in their order, parents first, and finds each a place.

local errors = require "tidelock.error"
local cwd = require "tidelock.normalise.cwd"
local inside = require "tidelock.normalise.inside"
local paths = require "tidelock.normalise.path"
local view = require "tidelock.normalise.view"

local M = {}

local PRIVATE = { "class", "real", "stat", "backing", "order", "protect", "owner" }

--- The defaults without those that the user replaced, at or below a mount of theirs, or removed.
local function remaining(defaults, user, removed)
  local gone = {}
  for target in pairs(removed) do gone[target] = true end
  for _, entry in ipairs(user) do
    if entry.kind ~= "mask" then gone[entry.target] = true end
  end
  if next(gone) == nil then return defaults end
  local kept = {}
  for _, entry in ipairs(defaults) do
    local dir, keep = entry.target, true
    while keep and dir ~= "/" do
      keep = not gone[dir]
      dir = paths.parent(dir)
    end
    if keep then kept[#kept + 1] = entry end
  end
  return kept
end

local function with_protection(ctx, user)
  local list = {}
  for _, entry in ipairs(user) do list[#list + 1] = entry end
  for _, entry in ipairs(user) do
    if entry.protect and not entry.file then
      local named = {}
      for _, other in ipairs(user) do named[other.target] = true end
      for _, bind in ipairs(require("tidelock.normalise.protect").entries(ctx, entry)) do
        if not named[bind.target] then list[#list + 1] = bind end
      end
    end
  end
  return list
end

--- Parents before children; among equals the order in which they came.
local function by_depth(lists)
  local buckets, deepest, sorted = {}, 0, {}
  for _, list in ipairs(lists) do
    for _, entry in ipairs(list) do
      local depth = paths.depth(entry.target)
      deepest = math.max(deepest, depth)
      buckets[depth] = buckets[depth] or {}
      table.insert(buckets[depth], entry)
    end
  end
  for depth = 0, deepest do
    for _, entry in ipairs(buckets[depth] or {}) do sorted[#sorted + 1] = entry end
  end
  return sorted
end

local function no_place(ctx, entry, why)
  if entry.class == "default" then
    ctx.note(("%s is not mounted: %s"):format(entry.target, why), "default")
    return
  end
  errors.refuse { field = entry.class == "cwd" and "cwd" or "fs", value = entry.target, why = why,
    at = entry.origin }
end

--- A link may stand anywhere but in place of what is there; everything else follows links.
local function place(ctx, tree, entry)
  if entry.kind == "symlink" then
    local above = tree:resolve(paths.parent(entry.target))
    if not tree:make(above, false) then return false end
    local base = above.path == "/" and "" or above.path
    tree:add(base .. "/" .. entry.target:match("[^/]+$"), entry)
    return true
  end
  local found = tree:resolve(entry.target)
  if found.missing then
    if not tree:make(found, entry.file == true) then
      local first = (found.parent == "/" and "" or found.parent) .. "/" .. found.missing[1]
      no_place(ctx, entry, ("there is no %s, and nothing may be made there"):format(
        errors.printable(first)))
      return false
    end
  else
    local is_file = found.back.type ~= "dir" and found.back.type ~= "unknown"
    if found.back.type ~= "unknown" and is_file ~= (entry.file == true) then
      no_place(ctx, entry, is_file and "is a file in the box, and the source is a directory"
        or "is a directory in the box, and the source is a file")
      return false
    end
  end
  if entry.class ~= "default" and paths.within(found.path, "/proc") then
    no_place(ctx, entry, ("leads to %s, and a mount in /proc could make the kernel's own files lie")
      :format(errors.printable(found.path)))
  end
  local covered = tree.covers[found.path]
  if covered and entry.class ~= "default" then
    no_place(ctx, entry,
      ("leads to %s, where it would cover %s"):format(found.path, covered.target))
  end
  tree:add(found.path, entry)
  return true
end

local function tmpfs_data(entry)
  local data = ("mode=%o"):format(entry.mode)
  if entry.size then data = ("%s,size=%.0f"):format(data, entry.size) end
  if entry.owner then data = ("%s,uid=%d,gid=%d"):format(data, entry.owner.uid, entry.owner.gid) end
  return data
end

local function is_writable(entry)
  if entry.class == "protect" then return false end
  return entry.kind == "tmpfs" or entry.kind == "overlay"
    or entry.kind == "bind" and not entry.readonly and not entry.device
end

local function hide(ctx, tree, user, list)
  for _, entry in ipairs(view.closed(ctx)) do
    local found = tree:resolve(entry.target)
    if not found.missing then list[#list + 1] = entry end
  end
  for _, entry in ipairs(user) do
    local found = entry.kind == "mask" and tree:resolve(entry.target)
    if found and found.missing then
      ctx.note(("%s is not in the box, so there is nothing to hide"):format(
        errors.printable(entry.target)), entry.origin)
    elseif found then
      entry.target = found.path
      list[#list + 1] = entry
    end
  end
end

local function root_of(ctx)
  local root = ctx.norm.root
  if root.kind == "tmpfs" then return { creatable = true } end
  return { host = root.source, creatable = root.overlay or false, mount = root }
end

--- Sets norm.mounts, norm.writable and norm.cwd; leaves the tree in ctx.tree, and in the mounts
--- what only normalising needs until finish() takes it away.
---@param ctx table
function M.arrange(ctx)
  local norm = ctx.norm
  local user, removed = {}, {}
  if ctx.raw.fs then user, removed = require("tidelock.normalise.mounts").entries(ctx) end
  local defaults = remaining(view.entries(ctx), user, removed)
  local current = cwd.choose(ctx, defaults, user)
  user = with_protection(ctx, user)
  local visible = {}
  for _, entry in ipairs(user) do
    if entry.kind ~= "mask" then visible[#visible + 1] = entry end
  end

  local tree = inside.new(ctx.facts, root_of(ctx))
  ctx.tree = tree
  local placed = {}
  for _, entry in ipairs(by_depth { defaults, { current }, visible }) do
    if place(ctx, tree, entry) then placed[#placed + 1] = entry end
  end
  hide(ctx, tree, user, placed)
  norm.mounts, norm.writable = placed, {}
  if not norm.root.readonly or norm.root.overlay then norm.writable[1] = "/" end
  for _, entry in ipairs(placed) do
    if entry.kind == "tmpfs" then entry.data = tmpfs_data(entry) end
    if is_writable(entry) then norm.writable[#norm.writable + 1] = entry.target end
  end
  cwd.verify(ctx, tree)
end

--- Leaves plain data in norm.mounts.
---@param norm table
function M.finish(norm)
  for _, entry in ipairs(norm.mounts) do
    for _, name in ipairs(PRIVATE) do entry[name] = nil end
  end
end

return M
