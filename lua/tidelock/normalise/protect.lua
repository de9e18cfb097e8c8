--- What a writable directory must not give away: files that the caller's own tools run later,
--- outside (SEQUENCES.md, trap 24).

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

--- The binds that keep the existing files of a writable bind as they are. `.git` is bound onto
--- itself, so that moving it away is EBUSY; the read-only parts lie on top.
---@param ctx table
---@param writable table a writable bind of a directory
---@return table[] binds
function M.entries(ctx, writable)
  local list = {}
  for _, name in ipairs(NAMES) do protect(ctx, list, writable, name, true) end
  local git = protect(ctx, list, writable, ".git", false)
  if git and git.type == "dir" then
    for _, name in ipairs(GIT) do protect(ctx, list, writable, name, true) end
  end
  return list
end

return M
