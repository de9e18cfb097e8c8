-- Reading C and Lua sources for mutations: positions, balance, one exact place.

local M = {}

---@param path string
---@return string
function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

---The same text with comments and what stands in quotes as spaces, so that every brace, semicolon
---and operator that is left is one. `line` begins a comment to the end of the line.
---@param text string
---@param line "//"|"--"
---@return string
function M.blank(text, line)
  local out, at = {}, 1
  local function skip(to, keep)
    out[#out + 1] = keep and text:sub(at, to) or text:sub(at, to):gsub("[^\n]", " ")
    at = to + 1
  end
  while at <= #text do
    local two, one = text:sub(at, at + 1), text:sub(at, at)
    if two == "/*" and line == "//" then
      skip(select(2, text:find("*/", at + 2, true)) or #text)
    elseif two == line then
      skip((text:find("\n", at, true) or #text + 1) - 1)
    elseif one == '"' or one == "'" then
      local to = at + 1
      while text:sub(to, to) ~= one do
        to = to + (text:sub(to, to) == "\\" and 2 or 1)
        assert(to <= #text, "a quote without an end")
      end
      skip(to)
    else
      skip(at, true)
    end
  end
  return table.concat(out)
end

local CLOSES = { ["("] = ")", ["{"] = "}", ["["] = "]" }

---Where the bracket that opens here is closed.
---@param blank string  from M.blank
---@param from integer
---@return integer
function M.closing(blank, from)
  local open = blank:sub(from, from)
  local close, depth = CLOSES[open], 0
  for at = from, #blank do
    local c = blank:sub(at, at)
    if c == open then depth = depth + 1 elseif c == close then depth = depth - 1 end
    if depth == 0 then return at end
  end
  error("a bracket without an end at byte " .. from)
end

---The parts of an expression between an operator of two characters that stands outside brackets.
---@param blank string
---@param from integer
---@param to integer
---@param operator "||"|"&&"
---@return { from: integer, to: integer }[]
function M.operands(blank, from, to, operator)
  local parts, start, at = {}, from, from
  while at <= to do
    local c = blank:sub(at, at)
    if CLOSES[c] then
      at = M.closing(blank, at)
    elseif blank:sub(at, at + 1) == operator then
      parts[#parts + 1] = { from = start, to = at - 1 }
      start, at = at + 2, at + 1
    end
    at = at + 1
  end
  parts[#parts + 1] = { from = start, to = to }
  return parts
end

---The only place where a text stands; an error says when there is none or another.
---@param text string
---@param find string
---@param where string  for the error
---@return integer from
---@return integer to
function M.once(text, find, where)
  local from, to = text:find(find, 1, true)
  if not from then error(where .. ": no longer has the text\n" .. find, 0) end
  if text:find(find, from + 1, true) then
    error(where .. ": has more than once the text\n" .. find, 0)
  end
  return from, to
end

return M
