--- What a writable directory must not give away: files that the caller's own tools run later,
--- outside (SEQUENCES.md, trap 24).

local paths = require "tidelock.normalise.path"

local M = {}

local NAMES = { ".envrc", ".vscode", "ci.lua" }
local GIT = { ".git/config", ".git/hooks" }

local function protect(ctx, list, writable, name, readonly)
  local facts = ctx.facts
  local source = writable.source .. "/" .. name
  local stat = facts.lstat(source)
  if not stat or stat.type == "link" then
    ctx.norm.watch[#ctx.norm.watch + 1] = source
    return nil
  end
  local is_dir = stat.type == "dir"
  if readonly or not is_dir then ctx.norm.protected[#ctx.norm.protected + 1] = source end
  list[#list + 1] = {
    kind = "bind", class = "protect", source = source, real = source, stat = stat,
    target = writable.target .. "/" .. name, readonly = readonly or not is_dir, recursive = is_dir,
    file = not is_dir, idmap = writable.idmap, origin = writable.origin,
  }
  return stat
end

-- `.git` is bound onto itself, so that moving it away is EBUSY; the read-only parts lie on top.
local function protect_directory(ctx, list, writable)
  for _, name in ipairs(NAMES) do protect(ctx, list, writable, name, true) end
  local git = protect(ctx, list, writable, ".git", false)
  if git and git.type == "dir" then
    for _, name in ipairs(GIT) do protect(ctx, list, writable, name, true) end
  end
end

--- The binds that keep the existing files of a writable directory as they are: of the directory
--- itself, and of those from there down to the current one, where the caller works.
---@param ctx table
---@param writable table a writable bind of a directory at its own path
---@return table[] binds
function M.entries(ctx, writable)
  local list, dir = {}, ctx.norm.cwd
  protect_directory(ctx, list, writable)
  while #dir > #writable.target and paths.within(dir, writable.target) do
    protect_directory(ctx, list, {
      source = dir, target = dir, idmap = writable.idmap, origin = writable.origin,
    })
    dir = paths.parent(dir)
  end
  return list
end

return M
