--- What a spec holds, and how parts merge. A state is filled once and never changed after.
---
--- Each value sits in a cell { value, at }. By merge kind of the field:
---   single[name] = cell        keyed[name][key] = cell        lists[name] = { cell, ... }
--- `replaced[name]` says that what came before this part is void; "remove" entries and `false` stay
--- in place for the same reason, so that merging is associative. They are resolved when read.

local schema = require "tidelock.schema"
local errors = require "tidelock.error"

local M = {}

---@class tidelock.State
---@return tidelock.State
function M.new()
  return { single = {}, keyed = {}, lists = {}, replaced = {}, last = {}, warnings = {} }
end

local replace_meta = {}

---A value that takes the place of what the parts say, where the field would otherwise merge.
---@param value table
---@return table
function M.replace(value)
  return setmetatable({ value = value }, replace_meta)
end

---@return boolean
function M.is_replace(x)
  return type(x) == "table" and getmetatable(x) == replace_meta
end

local function clear(state, name, at)
  state.replaced[name] = at or true
  state.keyed[name], state.lists[name] = nil, nil
end

local function put_also(state, also, own, at)
  for name, value in pairs(also) do
    if own and own[name] ~= nil and own[name] ~= value then
      errors.refuse {
        field = name, value = own[name], at = at,
        why = 'contradicts share = { "network" }', accepted = "one of them",
      }
    end
    state.single[name], state.last[name] = { value, at }, at
  end
end

-- Lays cells over those that are there. Of a limit with parts, `false` for the whole takes away the
-- parts that came before.
local function lay(keyed, cells, field)
  local covers = field.parts and require("tidelock.schema." .. field.module).covers
  for key, cell in pairs(covers and cells or {}) do
    if cell[1] == false then
      for other in pairs(keyed) do
        if covers(key, other) then keyed[other] = nil end
      end
    end
  end
  for key, cell in pairs(cells) do keyed[key] = cell end
  return keyed
end

---Checks `raw` and puts it into the field, after what is there.
---@param state tidelock.State
---@param name string
---@param raw any
---@param at string?
---@param own table?  the other fields given by the same call
---@param entries_of fun(x: any): table[]?
function M.put(state, name, raw, at, own, entries_of)
  local field = schema.field(name, at)
  if M.is_replace(raw) then
    if field.merge == "replace" then
      errors.refuse {
        field = name, at = at, why = "replace{...} has no use: this field is never merged",
        accepted = field.type,
      }
    end
    clear(state, name, at)
    raw = raw.value
  end
  local value, also = schema.check(name, raw, at, entries_of)
  if field.merge == "replace" then
    state.single[name] = { value, at }
  elseif field.merge == "key" then
    local cells = {}
    for key, item in pairs(value) do cells[key] = { item, at } end
    state.keyed[name] = lay(state.keyed[name] or {}, cells, field)
  else
    local list = state.lists[name] or {}
    for _, item in ipairs(value) do
      list[#list + 1] = { item, type(item) == "table" and name == "fs" and item.at or at }
    end
    state.lists[name] = list
  end
  state.last[name] = at
  if also then put_also(state, also, own, at) end
end

local function warn(into, from)
  local widening = require "tidelock.spec.widening"
  for _, warning in ipairs(widening.find(into, from)) do
    into.warnings[#into.warnings + 1] = warning
  end
end

-- True where the two speak of one field: only then can one widen the other.
local function overlap(into, from)
  for name in pairs(from.last) do
    if into.last[name] ~= nil then return true end
  end
end

---Merges `from` over `into`.
---@param into tidelock.State  changed
---@param from tidelock.State
function M.merge(into, from)
  for _, warning in ipairs(from.warnings) do into.warnings[#into.warnings + 1] = warning end
  if overlap(into, from) then warn(into, from) end
  for name, at in pairs(from.replaced) do clear(into, name, at) end
  for name, cell in pairs(from.single) do into.single[name] = cell end
  for name, cells in pairs(from.keyed) do
    into.keyed[name] = lay(into.keyed[name] or {}, cells, schema.fields[name])
  end
  for name, cells in pairs(from.lists) do
    local list = into.lists[name] or {}
    for _, cell in ipairs(cells) do list[#list + 1] = cell end
    into.lists[name] = list
  end
  for name, at in pairs(from.last) do into.last[name] = at end
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end

local function values(cells)
  local list = {}
  for i, cell in ipairs(cells) do list[i] = copy(cell[1]) end
  return list
end

local function sorted_set(cells)
  local list, seen = {}, {}
  for _, cell in ipairs(cells) do
    local value = cell[1]
    if not seen[value] then list[#list + 1] = value end
    seen[value] = true
  end
  table.sort(list)
  return list
end

local function pass_fds(cells)
  local list, by_target = {}, {}
  for _, cell in ipairs(cells) do
    local item, other = cell[1], by_target[cell[1].target]
    if other and other[1].fd ~= item.fd then
      errors.refuse {
        field = "pass_fds", value = item.target, at = cell[2],
        why = "is the target of two descriptors" .. (other[2] and ", also at " .. other[2] or ""),
        accepted = "one descriptor for a target",
      }
    end
    if not other then list[#list + 1] = copy(item) end
    by_target[item.target] = other or cell
  end
  table.sort(list, function(a, b) return a.target < b.target end)
  return list
end

local RESOLVE = {
  fs = function(cells) return require("tidelock.schema.mounts").resolve(values(cells)) end,
  capabilities = function(cells)
    return require("tidelock.schema.rights").resolve_capabilities(values(cells))
  end,
  share = sorted_set, require = sorted_set, pass_fds = pass_fds, hooks = values, ops = values,
}

local function check_root(fields, state)
  for _, entry in ipairs(fields.fs or {}) do
    -- An overlay of / on / lies over whatever the root is.
    local elsewhere = entry.source ~= "/" and entry.source ~= fields.rootfs
    if entry.kind == "overlay" and entry.target == "/" and elsewhere then
      local cell = state.single.rootfs
      errors.refuse {
        field = "rootfs", value = fields.rootfs, at = cell and cell[2],
        why = ("%s not what the overlay on / shows (%s%s)"):format(cell and "is" or "is missing,",
          errors.show(entry.source), entry.at and " of " .. entry.at or ""),
        accepted = "one root", hint = 'fs.remove "/" takes the overlay away',
      }
    end
  end
end

---What a state means: plain tables of the caller's own, lists in their order or sorted.
---@param state tidelock.State
---@return table<string, any>
function M.fields(state)
  local fields = {}
  for name, cell in pairs(state.single) do fields[name] = copy(cell[1]) end
  for name, cells in pairs(state.keyed) do
    local result = {}
    for key, cell in pairs(cells) do
      -- A variable taken away must also not come from the caller; a limit is just not there.
      if cell[1] ~= false or name == "env" then result[key] = copy(cell[1]) end
    end
    local field = schema.fields[name]
    if field.parts then result = require("tidelock.schema." .. field.module).nest(result) end
    if next(result) ~= nil then fields[name] = result end
  end
  for name, cells in pairs(state.lists) do
    local value = cells[1] and RESOLVE[name](cells)
    if value and (value[1] or value.add) then fields[name] = value end
  end
  check_root(fields, state)
  return fields
end

local function in_list(name, cells, key)
  local found
  local mounts = name == "fs" and require "tidelock.schema.mounts"
  for _, cell in ipairs(cells) do
    local item = cell[1]
    local name_of = item
    if mounts then
      name_of = mounts.key(item)
    elseif type(item) == "table" then
      name_of = item.name or tostring(item.target)
    end
    if name_of == key then found = cell[2] end
  end
  return found
end

---Where a field ("net"), a key of one ("env.PATH") or an entry ("fs./src") was asked for. Nil where
---nobody did.
---@param state tidelock.State
---@param name string
---@return string?
function M.where(state, name)
  if state.single[name] then return state.single[name][2] end
  local field, key = name:match("^([%w_]+)%.(.+)$")
  if not field then return state.last[name] end
  if state.keyed[field] then
    local cell = state.keyed[field][key]
    return cell and cell[2]
  end
  if state.lists[field] then return in_list(field, state.lists[field], key) end
end

return M
