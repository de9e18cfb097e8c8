--- The entries of `fs`: their checks, and what a merged list of them means.

local check = require "tidelock.schema.check"
local errors = require "tidelock.error"

local M = {}

M.MOST = 512

local KINDS = { "bind", "tmpfs", "overlay", "rw", "ro", "hide", "remove" }

local FIELDS = {
  bind = { "source", "target", "readonly", "optional" },
  tmpfs = { "target", "size", "mode" },
  overlay = { "source", "target", "size" },
  rw = { "source", "all" },
  ro = { "source" },
  hide = { "target" },
  remove = { "target" },
}

local function target(value, at, field, entry)
  if entry.kind == "remove" then return check.tidy(check.path(value, at, field)) end
  local path = check.target(value, at, field)
  if path == "/" and entry.kind ~= "overlay" then
    check.refuse(field, value, at, "is the root itself", "a target below /",
      'rootfs = "DIR" or fs.overlay { "DIR" } give another root')
  end
  return path
end

local function mode(value, at, field)
  local number = value
  if type(value) == "string" and value:find("^[0-7]+$") then number = tonumber(value, 8) end
  return check.integer(number, at, field, 0, 4095, 'an octal string such as "1777"')
end

local function source(value, at, field)
  return check.tidy(check.path(value, at, field))
end

local CHECK = {
  source = source, target = target, size = check.size, mode = mode, readonly = check.boolean,
  optional = check.boolean, all = check.boolean,
}

local REQUIRED = { source = true, target = true }

-- Switches that are always there in an entry, so that nobody has to know their default.
local SWITCHES = { bind = "readonly", rw = "all" }

---One entry, checked, as a new table with `.at`.
---@param value any
---@param at string?
---@return table
function M.entry(value, at)
  if type(value) ~= "table" then
    check.refuse("fs", value, at, "is not a mount", "fs.bind{...}, fs.tmpfs{...} and the like")
  end
  local kind = check.one_of(value.kind, at, "fs.kind", KINDS)
  local known = FIELDS[kind]
  at = type(value.at) == "string" and value.at or at
  local all = { "kind", "at", unpack(known) }
  check.known(value, all, at, "fs." .. kind)
  local entry = { kind = kind, at = at }
  for _, name in ipairs(known) do
    local item = value[name]
    if item ~= nil then
      entry[name] = CHECK[name](item, at, "fs." .. name, entry)
    elseif REQUIRED[name] and not (kind == "overlay" and name == "target") then
      check.refuse("fs." .. name, nil, at, "is missing", "a path")
    end
  end
  -- An overlay without a target lies on its source's own path.
  if kind == "overlay" and not entry.target and entry.source:byte(1) == 47 then
    entry.target = check.target(entry.source, at, "fs.source")
  end
  local switch = SWITCHES[kind]
  if switch and entry[switch] == nil then entry[switch] = false end
  return entry
end

---The `fs` field: a list of entries and of what fs.bind{...} and the like return.
---@param value any
---@param at string?
---@param entries_of fun(x: any): table[]?  the entries of a spec, nil if it is none
---@return table[]
function M.list(value, at, entries_of)
  local n = check.list(value, at, "fs", "a list of mounts")
  M.count(n, at)
  local list = {}
  for i = 1, n do
    local inner = entries_of(value[i])
    if inner then
      for _, entry in ipairs(inner) do list[#list + 1] = entry end
    else
      list[#list + 1] = M.entry(value[i], at)
    end
  end
  return list
end

---Raises when there are too many mounts.
---@param n integer
---@param at string?
function M.count(n, at)
  if n > M.MOST then
    check.refuse("fs", nil, at, ("%d mounts"):format(n), ("at most %d"):format(M.MOST))
  end
end

---What an entry is known by: two entries with one key are two mounts on one target.
---@param entry table
---@return string
function M.key(entry)
  return entry.target or entry.source
end

---"bind src on /src", for messages.
---@param entry table
---@return string
function M.describe(entry)
  local show = errors.show
  if entry.kind == "bind" or (entry.kind == "overlay" and entry.target) then
    return ("%s of %s on %s"):format(entry.kind, show(entry.source), show(entry.target))
  end
  return entry.kind .. " " .. show(M.key(entry))
end

local function replace_same(entries)
  local list, position = {}, {}
  for _, entry in ipairs(entries) do
    local key = M.key(entry)
    local index = position[key]
    local other = index and list[index]
    if entry.kind == "remove" and other and other.kind ~= "remove" then
      list[index], position[key] = false, nil
    elseif index then
      list[index] = entry
    else
      list[#list + 1] = entry
      position[key] = #list
    end
  end
  return list
end

local function refuse_cover(parent, child)
  errors.refuse {
    field = "fs", at = parent.at,
    why = ("the %s would cover the %s%s"):format(M.describe(parent), M.describe(child),
      child.at and " of " .. child.at or ""),
    accepted = "parents before what is mounted below them",
    hint = "mount " .. errors.show(M.key(parent)) .. " first",
  }
end

local function parents(path)
  local at = #path
  return function()
    while at > 1 do
      at = at - 1
      if path:byte(at) == 47 then return at == 1 and "/" or path:sub(1, at - 1) end
    end
  end
end

---What a merged list means: a later mount replaces an earlier one on its target, a "remove" takes
---away what came before (one that finds nothing stays, it may mean a default), and a parent that
---would cover an earlier child raises.
---@param entries table[]
---@return table[]
function M.resolve(entries)
  local list, below = {}, {}
  for _, entry in ipairs(replace_same(entries)) do
    if entry then
      list[#list + 1] = entry
      local key = M.key(entry)
      if below[key] and entry.kind ~= "remove" then refuse_cover(entry, below[key]) end
      if entry.kind ~= "remove" then
        for parent in parents(key) do below[parent] = below[parent] or entry end
      end
    end
  end
  local last = list[#list]
  M.count(#list, last and last.at)
  return list
end

return M
