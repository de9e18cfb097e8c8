--- Absolute paths as text. Nothing here looks at a file system.
local M = {}

--- Without empty and `.` components and without a slash at the end; `..` stays.
---@param path string
---@return string
function M.clean(path)
  if not (path:find("//", 1, true) or path:find("/.", 1, true) or path:sub(-1) == "/") then
    return path
  end
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part ~= "." then parts[#parts + 1] = part end
  end
  return "/" .. table.concat(parts, "/")
end

---@param base string an absolute path
---@param path string absolute, or relative to base
---@return string
function M.join(base, path)
  if path:sub(1, 1) == "/" then return M.clean(path) end
  return M.clean(base .. "/" .. path)
end

--- A path of the host, from the caller's directory. Raises where that was removed.
---@param facts table
---@param path string
---@param field string
---@param at string?
---@return string
function M.from_here(facts, path, field, at)
  if path:sub(1, 1) == "/" then return M.clean(path) end
  if facts.cwd then return M.join(facts.cwd, path) end
  require("tidelock.error").refuse { field = field, value = path, at = at,
    why = "is relative, and the current directory was removed", accepted = "an absolute path" }
end

---@param path string
---@return boolean
function M.climbs(path)
  return ("/" .. path .. "/"):find("/../", 1, true) ~= nil
end

---@param path string
---@return string
function M.parent(path)
  local parent = path:match("^(.*)/[^/]*$")
  return parent == "" and "/" or parent
end

--- Whether path is dir or lies below it.
---@param path string
---@param dir string
---@return boolean
function M.within(path, dir)
  if dir == "/" or path == dir then return true end
  return path:sub(1, #dir + 1) == dir .. "/"
end

--- What follows dir in a path within it: "" or "/...".
---@param path string
---@param dir string
---@return string
function M.rest(path, dir)
  if dir == "/" then return path == "/" and "" or path end
  return path:sub(#dir + 1)
end

---@param path string
---@return integer
function M.depth(path)
  if path == "/" then return 0 end
  return select(2, path:gsub("/", ""))
end

return M
