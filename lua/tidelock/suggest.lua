--- The nearest known word, for "did you mean".

local M = {}

local min, abs = math.min, math.abs

-- Optimal string alignment: a swap of two neighbours ("memroy") is one mistake, as people make it.
local function distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = min(row[j], before[j - 2] + 1)
      end
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

---The word of `list` nearest to `word`: at most two edits, and at most a third of its length.
---@param word string
---@param list string[]
---@return string?
function M.nearest(word, list)
  if type(word) ~= "string" or #word > 64 then return nil end
  local lower = word:lower()
  local limit = min(2, math.floor(#word / 3))
  local best, least
  for i = 1, #list do
    local candidate = list[i]
    if abs(#candidate - #word) <= limit then
      local d = distance(lower, candidate:lower())
      if d <= limit and (not least or d < least or (d == least and candidate < best)) then
        best, least = candidate, d
      end
    end
  end
  return best
end

---`did you mean "memory"?`, or nil if nothing is near.
---@param word string
---@param list string[]
---@param prefix string?  put before the word, such as "--"
---@return string?
function M.hint(word, list, prefix)
  local near = M.nearest(word, list)
  if not near then return nil end
  if prefix then return ("did you mean %s%s?"):format(prefix, near) end
  return ('did you mean "%s"?'):format(near)
end

return M
