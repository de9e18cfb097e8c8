--- Warnings: a later part, or a spec's own field, allows more than an included part did.

local width = require "tidelock.schema.width"

local M = {}

local function add(list, field, new, at, old, old_at)
  list[#list + 1] = { field = field, new = new, at = at, old = old, old_at = old_at }
end

local function singles(list, into, from)
  for name, cell in pairs(from.single) do
    local old = into.single[name]
    if old and old[1] ~= cell[1] and width.wider(name, cell[1], old[1]) then
      add(list, name, width.show(name, cell[1]), cell[2], width.show(name, old[1]), old[2])
    end
  end
end

local function limit(list, field, name, new, at, old)
  if not old or not old[1] or not width.above(field, name, new or nil, old[1]) then return end
  add(list, field .. "." .. name, new and width.show_key(field, name, new) or "no limit", at,
    width.show_key(field, name, old[1]), old[2])
end

local function limits(list, into, from, field)
  local before = into.keyed[field] or {}
  local covers = field == "limits" and require("tidelock.schema.limits").covers
  for name, cell in pairs(from.keyed[field]) do
    limit(list, field, name, cell[1], cell[2], before[name])
    -- A whole that is taken away, and of its parts those that do not come again.
    for part, old in pairs(covers and cell[1] == false and before or {}) do
      if part ~= name and covers(name, part) and not from.keyed[field][part] then
        limit(list, field, part, false, cell[2], old)
      end
    end
  end
end

local function capabilities(list, into, from)
  local rights = require "tidelock.schema.rights"
  local steps, after_at = {}, {}
  local function set_of(cells)
    for _, cell in ipairs(cells) do
      steps[#steps + 1] = cell[1]
      if not cell[1].drop then after_at[cell[1].name] = cell[2] end
    end
    return width.capability_set(rights.resolve_capabilities(steps))
  end
  local old = set_of(into.lists.capabilities)
  if from.replaced.capabilities then steps = {} end
  local new = set_of(from.lists.capabilities or {})
  local at = into.last.capabilities
  for name in pairs(new) do
    if not old[name] then
      add(list, "capabilities." .. name, "added", after_at[name] or after_at.ALL,
        "capabilities without it", at)
    end
  end
end

local function mounts(list, into, from)
  local key = require("tidelock.schema.mounts").key
  local describe = require("tidelock.schema.mounts").describe
  local before = {}
  for _, cell in ipairs(into.lists.fs) do before[key(cell[1])] = cell end
  local said = {}
  for _, cell in ipairs(from.lists.fs or {}) do
    local entry = cell[1]
    local old = before[key(entry)]
    said[key(entry)] = true
    local was = old and old[1].kind
    local hidden = was == "hide" and entry.kind ~= "hide" and entry.kind ~= "tmpfs"
    local opened = (was == "bind" or was == "ro" or was == "rw")
      and width.access(entry) > width.access(old[1])
    if hidden or opened then
      local note = was == "bind" and width.access(old[1]) == 1 and ", read-only" or ""
      add(list, "fs." .. key(entry), describe(entry), cell[2], describe(old[1]) .. note, old[2])
    end
  end
  if not from.replaced.fs then return end
  for target, cell in pairs(before) do
    if cell[1].kind == "hide" and not said[target] then
      local at = from.last.fs
      add(list, "fs." .. target, "replace{...}", at, describe(cell[1]), cell[2])
    end
  end
end

---@param into tidelock.State  what is there
---@param from tidelock.State  what comes over it
---@return table[]
function M.find(into, from)
  local list = {}
  singles(list, into, from)
  if from.keyed.rlimits then limits(list, into, from, "rlimits") end
  if from.keyed.limits then limits(list, into, from, "limits") end
  if into.lists.capabilities and from.last.capabilities then capabilities(list, into, from) end
  if into.lists.fs and (from.lists.fs or from.replaced.fs) then mounts(list, into, from) end
  table.sort(list, function(a, b) return a.field < b.field end)
  return list
end

local function place(at)
  return at and " (" .. at .. ")" or ""
end

---@param warning table
---@return string
function M.text(warning)
  local origin = require "tidelock.origin"
  local field = require("tidelock.error").printable(warning.field)
  return ("%s: %s widens %s%s"):format(field, warning.new, warning.old,
    place(origin.refine(warning.old_at, warning.field)))
end

return M
