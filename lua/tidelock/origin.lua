--- Where in the user's files something was asked for: "ci.lua:8".

local M = {}

local getinfo = debug.getinfo

-- The library's files stand beside this one, wherever that is: "@.../lua/tidelock/" in stock
-- luajit, "@tidelock/" in the binary.
local own = getinfo(1, "S").source
local prefix = own:match("^(.*)origin%.lua$") or own:match("^(.*)origin$") or "@tidelock/"

-- Names as shown, to the path that the source can be read from.
local files = {}
-- What is being loaded: `return tidelock.spec {...}` is a tail call and leaves no frame behind.
local loading = {}

---Is this chunk one of the library's own?
---@param source string  as debug.getinfo gives it
---@return boolean
function M.is_library(source)
  return source:sub(1, #prefix) == prefix
end

local function shown(info)
  local source = info.source
  if source:byte() ~= 64 then return (info.short_src:gsub("[%c\127-\255]", "?")) end
  local path = source:sub(2)
  local name = path:gsub("^%./+", "")
  if name:find("[^\32-\126]") then name = require("tidelock.error").printable(name, 200) end
  files[name] = path
  return name
end

---The first frame outside the library, as "ci.lua:8". Nil if there is none.
---@return string?
function M.find()
  for level = 2, 200 do
    local info = getinfo(level, "Slf")
    if not info or info.func == M.call then break end
    local line = info.currentline
    if line > 0 and not M.is_library(info.source) then return shown(info) .. ":" .. line end
  end
  return loading[#loading]
end

---Calls `f(...)` as the body of the file `path`: what that file returns by a tail call is then
---known to come from it. Raises what `f` raises.
---@param path string
---@param f function
function M.call(path, f, ...)
  local name = path:gsub("^%./+", "")
  files[name] = path
  loading[#loading + 1] = name
  local function done(ok, ...)
    loading[#loading] = nil
    if not ok then error((...), 0) end
    return ...
  end
  return done(pcall(f, ...))
end

---The line of the field itself where `at` is the line of the call that holds it: reads the source,
---so it is for messages. `at` itself where that is not to be found.
---@param at string?
---@param field string  "net", "env.PATH"
---@return string?
function M.refine(at, field)
  if not at then return nil end
  local name, line = at:match("^(.*):(%d+)$")
  if not name and files[at] then name, line = at, "0" end
  local path = name and files[name]
  if not path then return at end
  local found = require("tidelock.origin_source").line(path, tonumber(line), field)
  return found and name .. ":" .. found or at
end

return M
