--- Checks that the fields of the schema are made of: each takes a value, where it was asked for and
--- the field's name, and returns a value of its own (never the caller's table) or raises.

local errors = require "tidelock.error"

local M = {}

-- PATH_MAX and MAX_ARG_STRLEN of the kernel, less the byte that ends the string.
M.LONGEST_PATH = 4095
M.LONGEST_WORD = 131071

---Raises: `field` cannot be `value`.
---@param field string
---@param value any
---@param at string?
---@param why string?
---@param accepted string?
---@param hint string?
function M.refuse(field, value, at, why, accepted, hint)
  local origin = require "tidelock.origin"
  errors.refuse {
    field = field, value = value, at = origin.refine(at, field), why = why, accepted = accepted,
    hint = hint,
  }
end

---`"a", "b", "c"`
---@param words string[]
---@return string
function M.quoted(words)
  local list = {}
  for i, word in ipairs(words) do list[i] = '"' .. word .. '"' end
  return table.concat(list, ", ")
end

---Names (string keys) of a table, sorted. Raises for a key of another kind unless it is in 1..`n`.
---@param t table
---@param field string
---@param at string?
---@param n integer?
---@return string[]
function M.names(t, field, at, n)
  local names = {}
  for key in pairs(t) do
    if type(key) == "string" then
      names[#names + 1] = key
    elseif not (n and type(key) == "number" and key >= 1 and key <= n and key % 1 == 0) then
      M.refuse(field, nil, at, "unknown key " .. errors.show(key), "names")
    end
  end
  table.sort(names)
  return names
end

---The length of a list, after a check that it has no hole.
---@param t table
---@param field string
---@param at string?
---@return integer
function M.length(t, field, at)
  local n = table.maxn(t)
  local there = 0
  for key in pairs(t) do
    if type(key) == "number" and key >= 1 and key % 1 == 0 then there = there + 1 end
  end
  if there ~= n then
    local hole = 1
    while t[hole] ~= nil do hole = hole + 1 end
    M.refuse(field, nil, at, ("a hole: item %d of %.0f is nil"):format(hole, n),
      "a list without holes", "a variable or a function's result there is nil")
  end
  return n
end

---A list and nothing else.
---@param value any
---@param at string?
---@param field string
---@param accepted string
---@return integer n
function M.list(value, at, field, accepted)
  if type(value) ~= "table" then
    M.refuse(field, value, at, "is not a list", accepted)
  end
  local n = M.length(value, field, at)
  local names = M.names(value, field, at, n)
  if names[1] then
    M.refuse(field, nil, at, "unknown key " .. errors.show(names[1]), accepted)
  end
  return n
end

---Raises for a key of `t` that `known` does not list.
---@param t table
---@param known string[]
---@param at string?
---@param field string
---@param n integer?  length of the array part
function M.known(t, known, at, field, n)
  for _, name in ipairs(M.names(t, field, at, n)) do
    local found = false
    for _, candidate in ipairs(known) do found = found or candidate == name end
    if not found then
      M.refuse(field, nil, at, "unknown field " .. errors.show(name), table.concat(known, ", "),
        require("tidelock.suggest").hint(name, known))
    end
  end
end

---A string without NUL bytes, not empty, not longer than `longest`.
---@return string
function M.text(value, at, field, accepted, longest)
  if type(value) ~= "string" then
    M.refuse(field, value, at, "is not a string", accepted)
  end
  if value == "" then M.refuse(field, value, at, "is empty", accepted) end
  if value:find("%z") then M.refuse(field, value, at, "has a NUL byte in it", accepted) end
  if longest and #value > longest then
    M.refuse(field, value, at, ("is %d bytes long"):format(#value),
      ("at most %d bytes"):format(longest))
  end
  return value
end

---@return string
function M.path(value, at, field)
  return M.text(value, at, field, "a path", M.LONGEST_PATH)
end

---@return boolean
function M.boolean(value, at, field)
  if type(value) ~= "boolean" then
    M.refuse(field, value, at, "is not a boolean", "true, false")
  end
  return value
end

---One of `words`.
---@return string
function M.one_of(value, at, field, words)
  for _, word in ipairs(words) do
    if value == word then return word end
  end
  M.refuse(field, value, at, nil, M.quoted(words), require("tidelock.suggest").hint(value, words))
end

---@return number
function M.duration(value, at, field)
  local seconds, why, accepted = require("tidelock.units").duration(value)
  if seconds == 0 then
    seconds, why, accepted = nil, "is no time at all", require("tidelock.units").DURATIONS
  end
  if not seconds then M.refuse(field, value, at, why, accepted) end
  return seconds
end

---@return number
function M.size(value, at, field)
  local bytes, why, accepted, hint = require("tidelock.units").size(value)
  if not bytes then M.refuse(field, value, at, why, accepted, hint) end
  return bytes
end

---@return integer
function M.integer(value, at, field, least, most, accepted)
  if type(value) ~= "number" or value % 1 ~= 0 or value < least or value > most then
    accepted = accepted or ("a whole number from %.0f to %.0f"):format(least, most)
    M.refuse(field, value, at, nil, accepted)
  end
  return value
end

---Removes what says nothing: "//", "/./", a "/" at the end.
---@param path string
---@return string
function M.tidy(path)
  if not path:find("//", 1, true) and not path:find("/.", 1, true) and path:byte(-1) ~= 47
    and path:sub(1, 2) ~= "./" then
    return path
  end
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part ~= "." then parts[#parts + 1] = part end
  end
  local joined = table.concat(parts, "/")
  if path:byte(1) == 47 then return "/" .. joined end
  return joined == "" and "." or joined
end

---Where something is mounted: absolute, without "..", tidied.
---@return string
function M.target(value, at, field)
  M.path(value, at, field)
  if value:byte(1) ~= 47 then
    M.refuse(field, value, at, "is not an absolute path", "a path that begins with /")
  end
  if ("/" .. value .. "/"):find("/../", 1, true) then
    M.refuse(field, value, at, 'has ".." in it', 'a target without ".."')
  end
  return M.tidy(value)
end

return M
