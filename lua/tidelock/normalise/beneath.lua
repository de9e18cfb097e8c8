--- Sources that lie in a directory which the box may write: what an earlier run left there is the
--- box's word, not the caller's. A link in it is not followed out of it (CVE-2024-42472), and the
--- source is found at launch beneath that directory, so that nobody swaps it meanwhile.

local errors = require "tidelock.error"
local paths = require "tidelock.normalise.path"

local M = {}

local MAX_LINKS = 40

--- Whether the way to a path goes on below a directory, and the first link on it from there.
---@param facts table
---@param path string absolute
---@param dir string  its real path
---@return boolean passes
---@return string? link
function M.way(facts, path, dir)
  local todo, here, links, passes = {}, "", 0, false
  local function push(text)
    local parts = {}
    for part in text:gmatch "[^/]+" do parts[#parts + 1] = part end
    for i = #parts, 1, -1 do todo[#todo + 1] = parts[i] end
  end
  push(path)
  while #todo > 0 and links <= MAX_LINKS do
    local name = table.remove(todo)
    local full = here .. "/" .. name
    local stat = name ~= "." and name ~= ".." and facts.lstat(full)
    passes = passes or paths.within(here == "" and "/" or here, dir)
    if name == ".." then
      here = here:match "^(.*)/[^/]*$" or ""
    elseif stat and stat.type == "link" then
      if passes then return true, full end
      links = links + 1
      local to = facts.readlink(full) or ""
      if to:sub(1, 1) == "/" then here = "" end
      push(to)
    elseif name ~= "." then
      here = full
    end
  end
  return passes
end

-- One look says that there is a link and the next that there is none, where somebody swaps them: so
-- it is the way that counts.
local function check(ctx, entry, other)
  local passes, link = M.way(ctx.facts, entry.source, other.real)
  local inside = entry.real and paths.within(entry.real, other.real)
  if passes and not inside then
    errors.refuse { field = "fs", value = entry.source, at = entry.origin,
      why = ("leads out of %s, which the box may write, by the link %s"):format(
        errors.printable(other.source), errors.printable(link or entry.source)),
      hint = "whoever wrote there may have made it; if it is yours, give the directory that it"
        .. " leads to: " .. errors.printable(entry.real or "none") }
  end
  return inside and (passes or entry.real ~= other.real)
end

--- Checks the user's mounts against those of them that are writable.
---@param ctx table
---@param mounts table[]
function M.hold(ctx, mounts)
  local writable = {}
  for _, entry in ipairs(mounts) do
    if entry.kind == "bind" and not entry.readonly and not entry.file and entry.real then
      writable[#writable + 1] = entry
    end
  end
  for _, entry in ipairs(mounts) do
    local outermost
    for _, other in ipairs(entry.stat and writable or {}) do
      if other ~= entry and check(ctx, entry, other)
        and (not outermost or #other.real < #outermost.real) then
        outermost = other
      end
    end
    if outermost then
      local rest = paths.rest(entry.real, outermost.real):sub(2)
      entry.base, entry.beneath = outermost.real, rest ~= "" and rest or "."
      entry.any = entry.stat.type ~= "dir" and entry.stat.type ~= "file" or nil
    end
  end
end

return M
