--- Lists of processors and of memory nodes, as the kernel writes them: "0-3,5" (cpuset(7), "List
--- format").

local M = {}

-- CONFIG_NR_CPUS is at most 8192, MAX_NUMNODES 1024.
local MOST = 8191

---@param text string
---@return { [1]: integer, [2]: integer }[]? ranges  in order, apart from one another
---@return string? why
function M.parse(text)
  local ranges = {}
  for part in (text .. ","):gmatch("([^,]*),") do
    local first, last = part:match("^(%d+)%-(%d+)$")
    first = first or part:match("^%d+$")
    last = last or first
    if not first or #first > 5 or #last > 5 then return nil, "is not a list of numbers" end
    first, last = tonumber(first), tonumber(last)
    if first > last then return nil, ("has a range that runs backwards, %s"):format(part) end
    if last > MOST then return nil, ("has a number above %d"):format(MOST) end
    ranges[#ranges + 1] = { first, last }
  end
  table.sort(ranges, function(a, b) return a[1] < b[1] end)
  local apart = {}
  for _, range in ipairs(ranges) do
    local before = apart[#apart]
    if before and range[1] <= before[2] + 1 then
      before[2] = math.max(before[2], range[2])
    else
      apart[#apart + 1] = range
    end
  end
  return apart
end

---@param ranges { [1]: integer, [2]: integer }[]
---@return string
function M.format(ranges)
  local parts = {}
  for i, range in ipairs(ranges) do
    parts[i] = range[1] == range[2] and ("%d"):format(range[1])
      or ("%d-%d"):format(range[1], range[2])
  end
  return table.concat(parts, ",")
end

---The first number of `a` that `b` has not; nil where `b` has all of them.
---@param a string  a list
---@param b string  another
---@return integer?
function M.missing(a, b)
  local theirs = M.parse(b) or {}
  for _, range in ipairs(M.parse(a) or {}) do
    local next_one = range[1]
    for _, other in ipairs(theirs) do
      if other[1] <= next_one and next_one <= other[2] then next_one = other[2] + 1 end
    end
    if next_one <= range[2] then return next_one end
  end
end

return M
