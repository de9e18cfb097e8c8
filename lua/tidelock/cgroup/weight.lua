--- Weights of block devices and of processors, from one scale to another. cgroup v2 has 1 to
--- 10000 and takes 100 for what nobody weighed; BFQ has 1 to 1000 and 100, CFQ had 10 to 1000 and
--- 500, and that last one is OCI's.

local M = {}

---@param weight number  1 to 10000
---@return integer bfq  1 to 1000, alike where 100 is
---@return integer cfq  10 to 1000
function M.of_v2(weight)
  local bfq = weight <= 100 and weight or 100 + (weight - 100) * 900 / 9900
  return math.floor(bfq), math.floor(math.min(1000, math.max(10, weight * 5)))
end

---OCI's weight of a block device as that of io.weight, as crun and runc have it.
---@param weight number  10 to 1000
---@return integer
function M.of_blkio(weight)
  return math.floor(1 + (weight - 10) * 9999 / 990)
end

---OCI's shares as cpu.weight, as crun and runc brought it up with v2: 2 to 262144 is 1 to 10000.
---@param shares number|string
---@return integer
function M.of_shares(shares)
  local value = math.min(math.max(tonumber(shares), 2), 262144)
  return math.floor(1 + (value - 2) * 9999 / 262142)
end

return M
