--- Where the command starts, and whether the caller's directory has to be shown for that.

local errors = require "tidelock.error"
local paths = require "tidelock.normalise.path"

local M = {}

local NEVER = { ["/"] = true, ["/run"] = true, ["/tmp"] = true, ["/var/tmp"] = true }

local function refuse(ctx, value, why, hint)
  errors.refuse { field = "cwd", value = value, why = why, at = ctx.where("cwd"), hint = hint }
end

--- The mount that a path lies in: the deepest at or above it.
local function holder(mounts, path)
  local deepest
  for _, entry in ipairs(mounts) do
    if entry.kind ~= "mask" and paths.within(path, entry.target)
      and (not deepest or #entry.target >= #deepest.target) then
      deepest = entry
    end
  end
  return deepest
end

local function above_default(defaults, path)
  for _, entry in ipairs(defaults) do
    if entry.target ~= path and paths.within(entry.target, path) then return entry.target end
  end
end

--- To the box's root the host's root is a stranger: a directory closed to strangers on the way
--- cannot be passed.
local function passable(ctx, path)
  if ctx.norm.identity.mode ~= "range" then return true end
  while path ~= "/" do
    path = paths.parent(path)
    local stat = ctx.facts.stat(path)
    if not stat or stat.mode % 2 == 0 then return false, path end
  end
  return true
end

local function go_home(ctx, path, why)
  ctx.start_home = true
  ctx.note(("the current directory %s is not bound (%s): starting in $HOME"):format(
    errors.printable(path), why), ctx.where("cwd"))
end

local function as_bind(ctx, path, stat)
  return {
    kind = "bind", class = "cwd", source = path, real = ctx.facts.realpath(path) or path,
    target = path, stat = stat, readonly = true, recursive = true,
    idmap = ctx.norm.identity.mode == "range",
    origin = ctx.raw.cwd and ctx.where("cwd") or "default",
  }
end

--- Why a directory that nobody named is not shown at its own path, or nil.
local function reason(ctx, defaults, path)
  if path == ctx.norm.user.home then return "it is $HOME" end
  if NEVER[path] then return path == "/" and "it is the whole host" or "the box has its own" end
  local below = above_default(defaults, path)
  if below then return "it holds " .. below end
end

local function host_directory(ctx, defaults, user)
  local explicit = ctx.raw.cwd
  if not explicit and not ctx.facts.cwd then
    ctx.norm.cwd = ctx.norm.user.home
    go_home(ctx, "", "it was removed")
    return nil
  end
  local path = paths.from_here(ctx.facts, explicit or ctx.facts.cwd, "cwd", ctx.where("cwd"))
  if paths.climbs(path) then
    path = ctx.facts.realpath(path) or refuse(ctx, explicit, "does not exist on the host")
  end
  ctx.norm.cwd = path
  if holder(user, path) then return nil end
  local why = reason(ctx, defaults, path)
  if why then
    if not explicit then go_home(ctx, path, why) end
    return nil
  end
  local shown = holder(defaults, path)
  if shown and shown.kind ~= "tmpfs" and shown.kind ~= "dir" then return nil end
  if ctx.norm.view == "host" and ctx.norm.identity.mode ~= "range" and not shown then return nil end
  local stat, code = ctx.facts.stat(path)
  if not stat then
    if explicit then return nil end
    go_home(ctx, path, code == "ENOENT" and "it was removed" or code)
    return nil
  end
  if stat.type ~= "dir" then refuse(ctx, path, "is not a directory") end
  local passes, closed = true, nil
  if ctx.norm.view == "host" then passes, closed = passable(ctx, path) end
  if not passes then
    if explicit then
      refuse(ctx, path, "lies below " .. closed .. ", which is closed to the box")
    end
    go_home(ctx, path, closed .. " is closed to the box")
    return nil
  end
  return as_bind(ctx, path, stat)
end

--- Sets norm.cwd; returns the bind that shows it, where one is needed.
---@param ctx table
---@param defaults table[]
---@param user table[]
---@return table? mount
function M.choose(ctx, defaults, user)
  local norm = ctx.norm
  if norm.view ~= "none" then return host_directory(ctx, defaults, user) end
  local path = ctx.raw.cwd or "/"
  if path:sub(1, 1) ~= "/" then
    refuse(ctx, path, "is not absolute", "with this view it is a path inside the box")
  end
  if paths.climbs(path) then refuse(ctx, path, "climbs with ..") end
  norm.cwd = paths.clean(path)
end

local function is_directory(tree, path)
  local found = tree:resolve(path)
  return not found.missing and (found.back.type == "dir" or found.back.type == "unknown")
end

--- Whether the box's root may go there: in a tree of the host's ids it is a stranger.
local function is_open(ctx, tree, path)
  local found = tree:resolve(path)
  if found.missing then return false end
  local back = found.back
  if ctx.norm.identity.mode ~= "range" or not back.host or back.mount and back.mount.idmap then
    return true
  end
  local stat = ctx.facts.stat(back.host)
  return stat ~= nil and stat.mode % 2 == 1 and (passable(ctx, path))
end

--- The last word, when it is known what the box will contain.
---@param ctx table
---@param tree table
function M.verify(ctx, tree)
  local norm = ctx.norm
  if not ctx.start_home then
    if is_directory(tree, norm.cwd) then return end
    if ctx.raw.cwd then refuse(ctx, ctx.raw.cwd, "is not a directory inside the box") end
    go_home(ctx, norm.cwd, "another mount covers it")
  end
  local home = norm.user.home
  norm.cwd = is_directory(tree, home) and is_open(ctx, tree, home) and home or "/"
end

return M
