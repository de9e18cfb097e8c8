--- Finds the line of a field in the source text of the call that set it.

local M = {}

local texts = {}

local function read(path)
  if texts[path] == nil then
    local file = io.open(path, "rb")
    local text = file and file:read(1048576)
    if file then file:close() end
    texts[path] = text or false
  end
  return texts[path]
end

-- The end of a long bracket ("[[", "[=[") that opens at `at`, or nil.
local function long_end(text, at)
  local level = text:match("^%[(=*)%[", at)
  if not level then return nil end
  local _, stop = text:find("]" .. level .. "]", at, true)
  return (stop or #text) + 1
end

local function quoted_end(text, at)
  local quote = text:sub(at, at)
  local i = at + 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == "\\" then i = i + 1 elseif c == quote or c == "\n" then break end
    i = i + 1
  end
  return i + 1
end

-- The token at `at`: its kind ("word", "string", "space" or the character), its text, what follows.
local function token(text, at)
  local c = text:sub(at, at)
  if c:find("%s") then return "space", nil, text:match("^%s+()", at) end
  if c:find("[%a_]") then
    local word, after = text:match("^([%w_]+)()", at)
    return "word", word, after
  end
  if text:find("^%-%-", at) then
    return "space", nil, long_end(text, at + 2) or text:match("^[^\n]*()", at)
  end
  if c == '"' or c == "'" then
    local after = quoted_end(text, at)
    return "string", text:sub(at + 1, after - 2), after
  end
  local after = c == "[" and long_end(text, at)
  if after then return "string", nil, after end
  if text:find("^[=~<>]=", at) then return "operator", nil, at + 2 end
  return c, c, at + 1
end

local OPEN = { ["{"] = true, ["("] = true, ["["] = true }
local CLOSE = { ["}"] = true, [")"] = true, ["]"] = true }

-- The offset of `key =` directly inside the table whose brace is at `open`, and of the value.
local function find_key(text, open, key)
  local at, depth, name, name_at = open + 1, 1, nil, nil
  while at <= #text and depth > 0 do
    local kind, value, after = token(text, at)
    if kind == "=" and depth == 1 and name == key then return name_at, after end
    if kind == "[" and depth == 1 then
      -- ["PATH"] = ...
      local key_text, behind = text:match("^%[%s*[\"']([^\"'\n]*)[\"']%s*%]%s*()", at)
      if key_text then kind, name, name_at, after = "key", key_text, at, behind end
    end
    if kind == "word" then
      name, name_at = value, at
    elseif kind ~= "space" and kind ~= "key" then
      name = nil
    end
    if OPEN[kind] then depth = depth + 1 elseif CLOSE[kind] then depth = depth - 1 end
    at = after
  end
end

-- The brace of the call: the first after a word that ends in "spec", else the first of the line.
local function call_brace(text, at)
  local first, word
  while at <= #text do
    local kind, value, after = token(text, at)
    if kind == "{" then
      if word and word:find("spec$") then return at end
      first = first or at
    elseif first and kind == "space" and text:sub(at, after - 1):find("\n", 1, true) then
      break
    end
    if kind ~= "space" and kind ~= "(" then word = kind == "word" and value or nil end
    at = after
  end
  return first
end

-- Start of the given line; of the file's last `return` at the start of a line where it is 0.
local function start_of(text, line)
  if line == 0 then
    local last = text:find("^return%f[^%w_]") and 1
    for at in text:gmatch("\n()return%f[^%w_]") do last = at end
    return last
  end
  local at = 1
  for _ = 2, line do
    at = text:find("\n", at, true)
    if not at then return nil end
    at = at + 1
  end
  return at
end

local function line_of(text, offset)
  return select(2, text:sub(1, offset - 1):gsub("\n", "")) + 1
end

---The line of `field` in the call that begins on `line` (0: in what the file returns), or nil.
---@param path string
---@param line integer
---@param field string  "net", "env.PATH"
---@return integer?
function M.line(path, line, field)
  local text = read(path)
  local from = text and start_of(text, line)
  if not from then return nil end
  local open = call_brace(text, from)
  local found, rest = line == 0 and from or nil, field
  while open do
    -- Names of fields have no dots, keys may: the first part is a field, the rest one key.
    local key = rest == field and rest:match("^[^.]+") or rest
    local key_at, value_at = find_key(text, open, key)
    if not key_at then break end
    found = key_at
    if key == rest then break end
    rest = rest:sub(#key + 2)
    open = value_at and text:match("^[%s%w_.(]*(){", value_at)
  end
  return found and line_of(text, found)
end

return M
