--- Signals by number and by name (x86-64 and arm64 numbers).

local M = {}

local RTMIN, RTMAX = 34, 64

---@type table<integer, string>
M.names = {
  "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
  "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
  "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
}

---@type table<string, integer>
M.number = { IOT = 6, CLD = 17, POLL = 29 }
for number, name in ipairs(M.names) do M.number[name] = number end

local function real_time(name)
  local sign, offset = name:match("^RTMIN([+]?)(%d*)$")
  local base, step = RTMIN, 1
  if not sign then
    sign, offset = name:match("^RTMAX([-]?)(%d*)$")
    base, step = RTMAX, -1
  end
  if not sign or (sign == "") ~= (offset == "") then return nil end
  local number = base + step * (tonumber(offset) or 0)
  return number >= RTMIN and number <= RTMAX and number or nil
end

---The number of "TERM", "SIGTERM", "15" or 15. Nil if there is none such.
---@param value any
---@return integer?
function M.parse(value)
  if type(value) == "string" then
    local name = value:upper():gsub("^SIG", "")
    local number = M.number[name] or real_time(name)
    if number then return number end
    value = value:find("^%d+$") and tonumber(value) or nil
  end
  if type(value) ~= "number" or value % 1 ~= 0 then return nil end
  return value >= 1 and value <= RTMAX and value or nil
end

---The number of a signal that a caller gave. Raises for what is none.
---@param value any
---@return integer
function M.check(value)
  local number = M.parse(value)
  if number then return number end
  local text = type(value) == "string" and value:upper():gsub("^SIG", "") or nil
  require("tidelock.error").refuse {
    field = "signal", value = value, why = "is not a signal",
    at = require("tidelock.origin").find(), accepted = "names as in signal(7), or numbers",
    hint = text and require("tidelock.suggest").hint(text, M.list()),
  }
end

---"TERM" for 15, "RTMIN+2" for 36, the number itself where there is no name.
---@param number integer
---@return string
function M.name(number)
  if M.names[number] then return M.names[number] end
  if number == RTMIN then return "RTMIN" end
  if number > RTMIN and number <= RTMAX then return "RTMIN+" .. (number - RTMIN) end
  return tostring(number)
end

---All names, sorted.
---@return string[]
function M.list()
  local list = {}
  for number, name in ipairs(M.names) do list[number] = name end
  table.sort(list)
  return list
end

return M
