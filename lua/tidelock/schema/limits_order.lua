--- Which of two limits of one key allows more: for `within` and for the warnings.

local M = {}

-- What is not asked for: no protection and the kernel's own weight. Of all others it is no limit.
local ABSENT = {
  memory_low = 0, memory_min = 0, cpu_weight = 100, io_weight = 100, weight = 100, cpu_burst = 0,
  delegate = false, oom = "group", cpu_idle = false,
}
local RANK = { [false] = 0, group = 0, [true] = 1, process = 1 }

local function kind_of(key)
  local name, _, setting = require("tidelock.schema.limits").parts(key)
  return setting or name
end

---What counts where nobody said anything; nil is no limit.
---@param key string
---@return any
function M.absent(key) return ABSENT[kind_of(key)] end

---Does `a` allow more than `b`? Nil is what nobody asked for.
---@param key string  flat: tidelock.schema.limits
---@param a any
---@param b any
---@return boolean
function M.wider(key, a, b)
  local kind = kind_of(key)
  -- A raw key means what the kernel makes of it.
  if kind == "unified" then return a ~= b end
  local absent = ABSENT[kind]
  if a == nil then a = absent end
  if b == nil then b = absent end
  if kind == "cpuset" or kind == "cpuset_mems" then
    return b ~= nil and (a == nil or require("tidelock.cgroup.cpulist").missing(a, b) ~= nil)
  elseif kind == "cpu_idle" then
    return b == true and a ~= true
  elseif RANK[a] then
    return RANK[a] > RANK[b]
  end
  return b ~= nil and (a == nil or a > b)
end

---Limits with what they come to where memory is limited and swap is not spoken of: none of it.
---@param flat table<string, any>
---@return table<string, any>
function M.effective(flat)
  if flat.memory and flat.swap == nil then flat.swap = 0 end
  return flat
end

return M
