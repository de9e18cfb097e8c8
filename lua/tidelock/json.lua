--- JSON: canonical output (sorted keys, one text for one value), input by cjson.

local M = {}

local array_meta, object_meta = {}, {}

---A list, also when it is empty.
---@param t table
---@return table t
function M.array(t) return setmetatable(t, array_meta) end

---An object, also when it is empty.
---@param t table
---@return table t
function M.object(t) return setmetatable(t, object_meta) end

---JSON's null.
M.null = setmetatable({}, { __tostring = function() return "null" end })

local DEEPEST = 128
local SHORT = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t",
}

local function control(byte)
  return SHORT[byte] or ("\\u%04x"):format(byte:byte())
end

-- U+FFFD for each byte that is no UTF-8.
local function valid(s)
  local utf8 = require("tidelock.error").utf8
  local out, i = {}, 1
  while i <= #s do
    local plain = s:match("^[%z\1-\127]+", i)
    if plain then
      out[#out + 1], i = plain, i + #plain
    else
      local length = utf8(s, i)
      out[#out + 1] = length and s:sub(i, i + length - 1) or "\239\191\189"
      i = i + (length or 1)
    end
  end
  return table.concat(out)
end

-- Controls of the terminal beyond ASCII, and what turns text around or prints as nothing: the
-- same string to who reads it, harmless to who looks at it.
local UNSEEN = {
  "\194[\128-\159]", "\226\128[\139-\143\168-\174]", "\226\129[\166-\169]", "\239\187\191",
}

local function escaped(bytes)
  local _, point = require("tidelock.error").utf8(bytes, 1)
  return ("\\u%04x"):format(point)
end

local function quoted(s)
  local beyond = s:find("[\128-\255]")
  if beyond then s = valid(s) end
  if s:find('[%c"\\]') then s = s:gsub('[%z\1-\31"\\\127]', control) end
  if beyond then
    for _, pattern in ipairs(UNSEEN) do s = s:gsub(pattern, escaped) end
  end
  return '"' .. s .. '"'
end

local function refuse(value, path, why)
  require("tidelock.error").refuse {
    field = "json" .. path, value = value, why = why,
    accepted = "strings, finite numbers, booleans, lists, tables with string keys",
  }
end

local function number(n, path)
  if n ~= n or n == math.huge or n == -math.huge then refuse(n, path, "has no JSON") end
  if n % 1 == 0 and math.abs(n) <= 2 ^ 53 then return n == 0 and "0" or ("%.0f"):format(n) end
  local short = ("%.14g"):format(n)
  return tonumber(short) == n and short or ("%.17g"):format(n)
end

-- The length if it is to be written as a list, else its sorted keys.
local function shape(t, path)
  local meta = getmetatable(t)
  local keys, count, largest = {}, 0, 0
  for key in pairs(t) do
    if type(key) == "number" and key >= 1 and key % 1 == 0 then
      count, largest = count + 1, math.max(largest, key)
    elseif type(key) == "string" then
      keys[#keys + 1] = key
    else
      refuse(key, path, "cannot be a key")
    end
  end
  if largest ~= count then refuse(nil, path, "a list with a hole") end
  if count > 0 and keys[1] then refuse(nil, path, "a table with both items and names") end
  if (count > 0 and meta == object_meta) or (keys[1] and meta == array_meta) then
    refuse(nil, path, "a table that is not what it was declared to be")
  end
  if count > 0 or meta == array_meta or (not keys[1] and meta ~= object_meta) then return count end
  table.sort(keys)
  return nil, keys
end

local write

local function write_list(t, n, out, indent, path, depth)
  if n == 0 then out[#out + 1] = "[]" return end
  local inner = indent and indent .. "  "
  out[#out + 1] = "["
  for i = 1, n do
    if i > 1 then out[#out + 1] = "," end
    if inner then out[#out + 1] = inner end
    write(t[i], out, inner, path .. "[" .. i .. "]", depth)
  end
  out[#out + 1] = (indent or "") .. "]"
end

local function write_object(t, keys, out, indent, path, depth)
  if not keys[1] then out[#out + 1] = "{}" return end
  local inner = indent and indent .. "  "
  out[#out + 1] = "{"
  for i, key in ipairs(keys) do
    if i > 1 then out[#out + 1] = "," end
    if inner then out[#out + 1] = inner end
    out[#out + 1] = quoted(key) .. (inner and ": " or ":")
    write(t[key], out, inner, path .. "." .. key, depth)
  end
  out[#out + 1] = (indent or "") .. "}"
end

function write(value, out, indent, path, depth)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = quoted(value)
  elseif kind == "number" then
    out[#out + 1] = number(value, path)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == nil or value == M.null then
    out[#out + 1] = "null"
  elseif kind == "table" then
    if depth >= DEEPEST then refuse(nil, "", "nested too deep, or in a circle") end
    local n, keys = shape(value, path)
    if n then
      write_list(value, n, out, indent, path, depth + 1)
    else
      write_object(value, keys, out, indent, path, depth + 1)
    end
  else
    refuse(value, path, "has no JSON")
  end
end

---Keys are sorted; a table is a list if it has items or is empty, unless array() or object() says.
---@param value any
---@param pretty boolean?  one item a line
---@return string
function M.encode(value, pretty)
  local out = {}
  write(value, out, pretty and "\n" or nil, "", 0)
  return table.concat(out)
end

---@param text string
---@return any? value
---@return tidelock.Error?
function M.decode(text)
  local ok, value = pcall(require("cjson").decode, text)
  if ok then return value end
  return nil, require("tidelock.error").new {
    op = "read JSON", code = "EINVAL", cause = value,
    message = "not JSON: " .. require("tidelock.error").printable(value, 200),
  }
end

return M
