--- Numbers in the files of a cgroup; nil where a file or a line is not there.

local M = {}

---@param group table  of core.cgroup
---@param file string
---@return number?
function M.number(group, file)
  return tonumber((group:read(file) or ""):match("^%d+"))
end

---@param group table
---@param file string
---@param key string  the word before the number
---@return number?
function M.named(group, file, key)
  return tonumber((group:read(file) or ""):match("%f[%w_]" .. key .. " (%d+)"))
end

return M
