--- Errors as objects: fields for programs, text for people.

local M = {}

local raise = error
local CUT = 80

---@class tidelock.Error
---@field message string
---@field op string?        the operation or function that failed
---@field code string?      "EPERM"
---@field errno integer?
---@field index integer?    of the operation in the plan
---@field lane string?
---@field path string?
---@field field string?     of the spec
---@field value any
---@field at string?        "ci.lua:8"
---@field hint string?
---@field cause any

local meta = {}

local function first_line(self)
  if self.message then return self.message end
  local text = self.op or self.field or "error"
  if self.path then text = text .. " " .. M.printable(self.path) end
  if self.code then text = text .. ": " .. self.code end
  return text
end

function meta.__tostring(self)
  local text = first_line(self)
  if self.at then text = text .. "\n  asked for at " .. M.printable(self.at, math.huge) end
  if self.hint then text = text .. "\n  hint: " .. self.hint end
  return M.plain(text)
end

-- Any other byte or code point is shown by its number.
local NAMED = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

-- Characters that print as nothing or turn the text around could make an error say something else.
local function invisible(point)
  return point < 0xA0
    or (point >= 0x200B and point <= 0x200F) or (point >= 0x2028 and point <= 0x202E)
    or (point >= 0x2066 and point <= 0x2069) or point == 0xFEFF
end

-- Lead byte: length, its payload mask, the smallest code point that needs this length.
local function sequence(lead)
  if lead >= 0xC2 and lead <= 0xDF then return 2, lead - 0xC0, 0x80 end
  if lead >= 0xE0 and lead <= 0xEF then return 3, lead - 0xE0, 0x800 end
  if lead >= 0xF0 and lead <= 0xF4 then return 4, lead - 0xF0, 0x10000 end
end

---The length in bytes and the code point of the UTF-8 character at `from`, or nil if there is none.
---@param s string
---@param from integer
---@return integer? length
---@return integer? point
function M.utf8(s, from)
  local lead = s:byte(from)
  if lead < 0x80 then return 1, lead end
  local length, point, least = sequence(lead)
  if not length then return nil end
  for i = from + 1, from + length - 1 do
    local byte = s:byte(i)
    if not byte or byte < 0x80 or byte > 0xBF then return nil end
    point = point * 64 + byte - 0x80
  end
  if point < least or point > 0x10FFFF or (point >= 0xD800 and point <= 0xDFFF) then return nil end
  return length, point
end

local function character(s, from)
  local length, point = M.utf8(s, from)
  if not length then return hex(s:sub(from, from)), 1, 4 end
  local bytes = s:sub(from, from + length - 1)
  if length == 1 then
    if point >= 32 and point < 127 then return bytes, 1, 1 end
    local text = NAMED[bytes] or hex(bytes)
    return text, 1, #text
  end
  if invisible(point) then return hex(bytes), length, 4 * length end
  return bytes, length, 1
end

---Text that is safe on a terminal: control characters, escape sequences, characters that turn text
---around and invalid UTF-8 are shown as \x1b, and what is longer than 80 characters is cut.
---@param s any
---@param width integer?  other than 80
---@return string
function M.printable(s, width)
  s = tostring(s)
  width = width or CUT
  if #s <= width and not s:find("[^\32-\126]") then return s end
  local out, used, fits, i = {}, 0, 0, 1
  while i <= #s do
    local text, length, columns = character(s, i)
    used = used + columns
    if used > width then
      return table.concat(out, "", 1, fits) .. "..."
    end
    out[#out + 1] = text
    if used <= width - 3 then fits = #out end
    i = i + length
  end
  return table.concat(out)
end

---Text of many lines that is safe on a terminal, uncut: for what is made of parts that should be
---printable already. Where one was forgotten (the name of a script, a message of the system's) this
---is the last place to see to it.
---@param text string
---@return string
function M.plain(text)
  if not text:find("[^\n\t\32-\126]") then return text end
  return (text:gsub("[^\n\t]+", function(part) return M.printable(part, math.huge) end))
end

---A value as an error shows it: strings quoted, tables by what they are.
---@param value any
---@return string
function M.show(value)
  local kind = type(value)
  if kind == "string" then return '"' .. M.printable(value) .. '"' end
  if kind == "number" then
    local whole = value % 1 == 0 and math.abs(value) < 2 ^ 53
    return whole and ("%.0f"):format(value) or tostring(value)
  end
  if kind == "boolean" or kind == "nil" then return tostring(value) end
  return "a " .. kind
end

---@param t table  see tidelock.Error
---@return tidelock.Error
function M.new(t)
  local object = {}
  for key, value in pairs(t) do object[key] = value end
  return setmetatable(object, meta)
end

---@param x any
---@return boolean
function M.is(x)
  return type(x) == "table" and getmetatable(x) == meta
end

---What is wrong with a value that the caller gave: `FIELD: VALUE WHY (accepted: ACCEPTED)`.
---Without `value` the text is `FIELD: WHY (accepted: ACCEPTED)`.
---@param t table  field, value, why, accepted, at, hint: all optional
---@return tidelock.Error
function M.invalid(t)
  local why = t.why or "is not accepted"
  local text = t.value ~= nil and M.show(t.value) .. " " .. why or why
  if t.field then text = M.printable(t.field) .. ": " .. text end
  if t.accepted then text = text .. " (accepted: " .. t.accepted .. ")" end
  return M.new {
    message = text, field = t.field, value = t.value, accepted = t.accepted, at = t.at,
    hint = t.hint, code = "EINVAL",
  }
end

---Raises `error.invalid(t)`: for a mistake of the caller.
---@param t table
function M.refuse(t)
  raise(M.invalid(t), 0)
end

return M
