--- What a writable directory must not give away: files that the caller's own tools run later,
--- outside (SEQUENCES.md, trap 24).

local paths = require "tidelock.normalise.path"

local M = {}

local NAMES = { ".envrc", ".vscode", "ci.lua" }
-- Of a git directory: what git runs or obeys. The modules are the git directories of submodules.
local GIT = { "config", "hooks", "modules" }
-- And what makes it look elsewhere for these; usually not there, so that it can only be watched.
local GIT_ELSEWHERE = { "commondir", "config.worktree" }

--- What is at a path of the host, as text to compare with later: "none" where nothing is.
---@param stat table?  of lstat
---@return string
function M.signature(stat)
  if not stat then return "none" end
  return ("%s %.0f:%.0f %.9f"):format(stat.type, stat.dev or 0, stat.ino or 0, stat.mtime or 0)
end

local function watch(ctx, path, stat)
  ctx.norm.watch[#ctx.norm.watch + 1] = path
  ctx.norm.watched[path] = M.signature(stat)
end

-- Each is found again at launch beneath the writable directory itself, and through no link: who
-- writes there now may swap it.
local function add(list, writable, source, stat, readonly)
  local is_dir = stat.type == "dir"
  list[#list + 1] = {
    kind = "bind", class = "protect", source = source, real = source, stat = stat,
    base = writable.base, beneath = source:sub(#writable.base + 2),
    target = writable.target .. source:sub(#writable.source + 1),
    readonly = readonly, recursive = is_dir, file = not is_dir, idmap = writable.idmap,
    origin = writable.origin,
  }
end

local function protect(ctx, list, writable, name, readonly)
  local source = writable.source .. "/" .. name
  local stat = ctx.facts.lstat(source)
  if not stat or stat.type ~= "dir" and stat.type ~= "file" then
    watch(ctx, source, stat)
    return nil
  end
  readonly = readonly or stat.type ~= "dir"
  if readonly then ctx.norm.protected[#ctx.norm.protected + 1] = source end
  add(list, writable, source, stat, readonly)
  return stat
end

-- `.git` is bound onto itself, so that moving it away is EBUSY; the read-only parts lie on top.
local function protect_directory(ctx, list, writable)
  for _, name in ipairs(NAMES) do protect(ctx, list, writable, name, true) end
  local git = protect(ctx, list, writable, ".git", false)
  if not git or git.type ~= "dir" then return end
  for _, name in ipairs(GIT) do protect(ctx, list, writable, ".git/" .. name, true) end
  for _, name in ipairs(GIT_ELSEWHERE) do
    protect(ctx, list, writable, ".git/" .. name, true)
  end
end

--- The binds that keep the existing files of a writable directory as they are: of the directory
--- itself, and of those from there down to the current one, where the caller works. Those in
--- between are bound onto themselves too: who moves one away moves what is protected in it.
---@param ctx table
---@param writable table a writable bind of a directory at its own path
---@return table[] binds
function M.entries(ctx, writable)
  local list, dir = {}, ctx.norm.cwd
  local function part(path)
    return { source = path, target = path, base = writable.source, idmap = writable.idmap,
      origin = writable.origin }
  end
  local own = part(writable.source)
  own.target = writable.target
  protect_directory(ctx, list, own)
  while #dir > #writable.target and paths.within(dir, writable.target) do
    local stat = ctx.facts.lstat(dir)
    if stat and stat.type == "dir" then
      add(list, own, dir, stat, false)
      protect_directory(ctx, list, part(dir))
    end
    dir = paths.parent(dir)
  end
  return list
end

return M
