--- Raw keys of cgroup v2, `unified = { ["memory.zswap.max"] = "0" }`: a file's name and what is
--- written to it, with no word of tidelock's in between.

local M = {}

M.ACCEPTED = "a file of cgroup v2, such as memory.zswap.max"

local CONTROLLERS = {
  cgroup = true, cpu = true, cpuset = true, dmem = true, hugetlb = true, io = true, memory = true,
  misc = true, perf_event = true, pids = true, rdma = true,
}
-- Who is in the box, whether it runs and what it hands down is not said here.
local KEPT = {
  ["cgroup.procs"] = "takes processes", ["cgroup.threads"] = "takes threads",
  ["cgroup.subtree_control"] = "is written for delegate",
  ["cgroup.kill"] = "kills the box", ["cgroup.freeze"] = "stops the box",
  ["cgroup.type"] = "changes what may be in the box",
}
local LONGEST_NAME, LONGEST_VALUE = 255, 4095

---What is wrong with the name of a file, or nil.
---@param key string
---@return string? why
function M.problem(key)
  if key:find("/", 1, true) then return "has a / in it" end
  if key:sub(1, 1) == "." or key:find("..", 1, true) then return "is no plain name of a file" end
  local controller = key:match("^([%l_]+)%.[%w_.]+$")
  if not controller or #key > LONGEST_NAME then return "is no file of a controller" end
  if not CONTROLLERS[controller] then
    return ("begins with no controller's name, %s"):format(controller)
  end
  if KEPT[key] then return ("is not to be written here: it %s"):format(KEPT[key]) end
end

---What is wrong with a value, or nil.
---@param value any
---@return string? why
function M.value_problem(value)
  if type(value) ~= "string" then return "is not a string" end
  if not value:find("%S") then return "is empty" end
  if value:find("%z") then return "has a NUL byte in it" end
  if #value > LONGEST_VALUE then return "is longer than the kernel takes" end
end

---The controller that a file belongs to; nil: it is in every cgroup.
---@param key string
---@return string?
function M.controller(key)
  local name = key:match("^[^.]+")
  return name ~= "cgroup" and name or nil
end

---The lines of a value: the kernel takes them one at a time.
---@param value string
---@return string[]
function M.lines(value)
  local list = {}
  for line in value:gmatch("[^\n]+") do
    if line:find("%S") then list[#list + 1] = line end
  end
  return list
end

return M
