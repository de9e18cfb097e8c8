--- Specs: immutable values made of parts and of fields, each field with the line that set it.

local errors = require "tidelock.error"
local origin = require "tidelock.origin"
local state_of = require "tidelock.spec.state"

local M = {}

-- What a spec holds is out of reach: the object itself is empty, so that nothing can change it.
local states = setmetatable({}, { __mode = "k" })

---@class tidelock.Spec
local methods = {}

---Methods of specs; others add theirs (`run`, `start`) here.
M.methods = methods

local meta = { __index = methods }

function meta.__newindex(_, name)
  errors.refuse {
    why = "a spec cannot be changed: " .. errors.show(name) .. " was assigned",
    accepted = "a new spec, tidelock.spec { old, " .. errors.printable(name) .. " = ... }",
    at = origin.find(),
  }
end

function meta.__tostring() return "tidelock.spec" end
meta.__metatable = "tidelock.spec"

local function wrap(state)
  local object = setmetatable({}, meta)
  states[object] = state
  return object
end

---Is this a spec?
---@param x any
---@return boolean
function M.is(x)
  return states[x] ~= nil
end

-- What `fs = {...}` takes from fs.bind{...} and the like.
local function entries_of(x)
  local state = states[x]
  if not state then return nil end
  local list = {}
  for i, cell in ipairs(state.lists.fs or {}) do list[i] = cell[1] end
  return list
end

local DEEPEST = 64
local build

local function part_state(part, index, at, depth)
  if states[part] then return states[part] end
  local plain = type(part) == "table" and not state_of.is_replace(part)
  if plain then return build(part, at, depth + 1) end
  errors.refuse {
    field = "spec", value = part, at = at,
    why = ("(item %d) is not a spec"):format(index), accepted = "specs, fs.bind{...} and the like",
    hint = type(part) == "string" and 'a command is given as command = { "make", "test" }' or nil,
  }
end

function build(t, at, depth)
  if depth > DEEPEST then
    errors.refuse { field = "spec", at = at, why = "parts nested too deep",
      accepted = ("at most %d levels"):format(DEEPEST) }
  end
  local state = state_of.new()
  local n = table.maxn(t)
  if n > 0 then
    local check = require "tidelock.schema.check"
    check.length(t, "spec", at)
    for i = 1, n do state_of.merge(state, part_state(t[i], i, at, depth)) end
  end
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then
      names[#names + 1] = name
    elseif type(name) ~= "number" or name < 1 or name > n or name % 1 ~= 0 then
      errors.refuse { field = "spec", why = "unknown field " .. errors.show(name), at = at,
        accepted = "names and a list of parts" }
    end
  end
  if names[1] then
    table.sort(names)
    local own = state_of.new()
    for _, name in ipairs(names) do state_of.put(own, name, t[name], at, t, entries_of) end
    state_of.merge(state, own)
  end
  return state
end

---A spec: the array part is other specs, merged in order; the named fields win over them.
---@param t table
---@return tidelock.Spec
function M.new(t)
  local at = origin.find()
  if states[t] then return t end
  if type(t) ~= "table" then
    errors.refuse { field = "spec", value = t, why = "is not a table", at = at,
      accepted = "tidelock.spec { part, ..., field = value, ... }" }
  end
  return wrap(build(t, at, 1))
end

---A spec of settings that each have an origin of their own, in order: { { name, value, at }, ... }.
---@param settings table[]
---@return tidelock.Spec
function M.of(settings)
  local state = state_of.new()
  for _, setting in ipairs(settings) do
    state_of.put(state, setting[1], setting[2], setting[3], nil, entries_of)
  end
  return wrap(state)
end

M.replace = state_of.replace

local function self_state(self, method)
  local state = states[self]
  if not state then
    errors.refuse { field = "spec:" .. method, value = self, why = "is not a spec",
      at = origin.find(), accepted = ("a colon: spec:%s(...)"):format(method) }
  end
  return state
end

---The merged fields as plain tables of the caller's own; absent is what nobody set.
---@return table<string, any>
function methods:fields()
  return state_of.fields(self_state(self, "fields"))
end

---Where "net", "env.PATH" or "fs./src" was asked for: "ci.lua:8". Nil where nobody did.
---@param name string
---@return string?
function methods:where(name)
  return origin.refine(state_of.where(self_state(self, "where"), name), name)
end

---What widens an included part: { text = "...", at = "ci.lua:9" }.
---@return {text: string, at: string?, field: string}[]
function methods:warnings()
  local list, seen = {}, {}
  for _, warning in ipairs(self_state(self, "warnings").warnings) do
    local text = require("tidelock.spec.widening").text(warning)
    local at = origin.refine(warning.at, warning.field)
    local key = text .. "\0" .. tostring(at)
    if not seen[key] then
      list[#list + 1] = { text = text, at = at, field = warning.field }
      seen[key] = true
    end
  end
  return list
end

---Itself, if nothing in it is wider than the ceiling; otherwise raises and names both lines.
---@param ceiling tidelock.Spec
---@return tidelock.Spec
function methods:within(ceiling)
  self_state(self, "within")
  if not states[ceiling] then
    errors.refuse { field = "spec:within", value = ceiling, why = "is not a spec",
      at = origin.find(), accepted = "a spec" }
  end
  require("tidelock.within").check(self, ceiling)
  return self
end

---The fields with their origins, sorted by name: keys and entries one by one.
---@return {name: string, value: any, at: string?}[]
function methods:explain_fields()
  local list = {}
  for name, value in pairs(self:fields()) do
    local field = require("tidelock.schema").fields[name]
    if field.merge == "key" then
      local keys = field.parts and require("tidelock.schema." .. field.module).flat(value) or value
      for key, item in pairs(keys) do
        list[#list + 1] = { name = name .. "." .. key, value = item }
      end
    else
      list[#list + 1] = { name = name, value = value }
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  for _, item in ipairs(list) do item.at = self:where(item.name) end
  return list
end

return M
