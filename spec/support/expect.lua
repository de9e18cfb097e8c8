-- Compares what a command printed with what a document shows.
--   `...` on a line of its own stands for any lines, none included.
--   <number> 12, 3.5    <time> 0.012 s, 1.5ms, 2m    <size> 3.4M, 512 KiB    <hex> 1f3a    <word>
local M = {}

local variable = {
  number = "%-?[%d.,]*%d",
  time = "[%d.]*%d ?[nmµu]?[smhd]i?n?",
  size = "[%d.]*%d ?[KMGTkmgt]?i?B?",
  hex = "%x+",
  word = "%S+",
}

local function pattern_of(line)
  local escaped = line:gsub("%s+$", ""):gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
  return "^" .. escaped:gsub("<(%a+)>", variable) .. "%s*$"
end

local function match_from(expected, e, actual, a)
  while e <= #expected do
    if expected[e] == "..." then
      for skip = a, #actual + 1 do
        if match_from(expected, e + 1, actual, skip) then return true end
      end
      return false
    end
    if a > #actual or not actual[a]:find(pattern_of(expected[e])) then return false end
    e, a = e + 1, a + 1
  end
  return a > #actual
end

---The lines of a text, without the empty ones at its end.
---@param text string
---@return string[]
function M.lines(text)
  local list = {}
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do list[#list + 1] = line end
  while list[#list] and list[#list]:match("^%s*$") do list[#list] = nil end
  return list
end

---Raise, showing both, unless the lines match.
---@param expected string[]
---@param actual string[]
---@param what string
function M.verify(expected, actual, what)
  if not match_from(expected, 1, actual, 1) then
    error(("%s\n  expected:\n    %s\n  printed:\n    %s"):format(what,
      table.concat(expected, "\n    "), table.concat(actual, "\n    ")), 2)
  end
end

return M
