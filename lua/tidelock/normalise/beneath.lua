--- Sources that lie in a directory which the box may write: what an earlier run left there is the
--- box's word, not the caller's. A link in it is not followed out of it (CVE-2024-42472), and the
--- source is found at launch beneath that directory, so that nobody swaps it meanwhile.

local errors = require "tidelock.error"
local paths = require "tidelock.normalise.path"

local M = {}

local MAX_LINKS = 40
local HELD = { dir = true, file = true }

--- The first link in `dir`, or below it, that the way to a path passes.
---@param facts table
---@param path string absolute
---@param dir string  its real path
---@return string? link
function M.link_in(facts, path, dir)
  local todo, here, links = {}, "", 0
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
    if name == ".." then
      here = here:match "^(.*)/[^/]*$" or ""
    elseif stat and stat.type == "link" then
      if paths.within(here == "" and "/" or here, dir) then return full end
      links = links + 1
      local to = facts.readlink(full) or ""
      if to:sub(1, 1) == "/" then here = "" end
      push(to)
    elseif name ~= "." then
      here = full
    end
  end
end

-- The outermost of the writable directories that a source is in, but for its own.
local function holder(entry, writable)
  local found
  for _, other in ipairs(writable) do
    if other ~= entry and entry.real ~= other.real and paths.within(entry.real, other.real)
      and (not found or #other.real < #found.real) then
      found = other
    end
  end
  return found
end

local function refuse_link(ctx, entry, writable)
  for _, other in ipairs(writable) do
    local link = other ~= entry and not paths.within(entry.real, other.real)
      and M.link_in(ctx.facts, entry.source, other.real)
    if link then
      errors.refuse { field = "fs", value = entry.source, at = entry.origin,
        why = ("leads out of %s, which the box may write, by the link %s"):format(
          errors.printable(other.source), errors.printable(link)),
        hint = "whoever wrote there may have made it; if it is yours, give the directory that it"
          .. " leads to: " .. errors.printable(entry.real) }
    end
  end
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
  if not writable[1] then return end
  for _, entry in ipairs(mounts) do
    if entry.real and entry.stat then
      refuse_link(ctx, entry, writable)
      local above = HELD[entry.stat.type] and holder(entry, writable)
      if above then
        entry.base, entry.beneath = above.real, paths.rest(entry.real, above.real):sub(2)
      end
    end
  end
end

return M
