--- Sizes ("512M") and durations ("1m30s"), read and written.

local M = {}

local floor = math.floor
local LARGEST = 2 ^ 53
local LONGEST = 10000 * 86400

M.SIZES = "512M, 1G, bytes as a number"
M.DURATIONS = "500ms, 30s, 10m, 1m30s, 2h, 1d, seconds as a number"

local SHIFT = { [""] = 1, K = 2 ^ 10, M = 2 ^ 20, G = 2 ^ 30, T = 2 ^ 40 }

-- Not tonumber alone: it takes "0x10", "1e3", "inf" and spaces.
local function decimal(text)
  if text:find("^%d+$") or text:find("^%d+%.%d+$") then return tonumber(text) end
end

local function whole(bytes)
  if bytes ~= bytes or bytes < 0 then return nil, "is not a size" end
  if bytes > LARGEST then return nil, "is too large a size" end
  if bytes ~= floor(bytes) then return nil, "is not a whole number of bytes" end
  return bytes
end

---A size in bytes, or nil, what is wrong with it, what is accepted, and a hint.
---@param value any
---@return number? bytes
---@return string? why
---@return string? accepted
---@return string? hint
function M.size(value)
  local bytes, why
  if type(value) == "number" then
    bytes, why = whole(value)
  elseif type(value) == "string" then
    local digits, unit = value:match("^([%d%.]+)(%a*)$")
    local letter = unit and unit:upper()
    if letter and letter:find("^[KMGT]B$") then
      local l = letter:sub(1, 1)
      return nil, "is ambiguous", M.SIZES,
        ("use %s or %siB, which are 1024-based"):format(l, l)
    end
    letter = letter and letter:match("^([KMGT])IB$") or letter
    local number = digits and SHIFT[letter] and decimal(digits)
    if number then bytes, why = whole(number * SHIFT[letter]) else why = "is not a size" end
  else
    why = "is not a size"
  end
  if bytes then return bytes end
  return nil, why, M.SIZES
end

local SECONDS = { d = 86400, h = 3600, m = 60, s = 1, ms = 1 / 1000 }

local function combined(text)
  local total, last, at = 0, math.huge, 1
  while at <= #text do
    local digits, unit, after = text:match("^([%d%.]+)(%l+)()", at)
    local number, scale = digits and decimal(digits), SECONDS[unit]
    if not number or not scale or scale >= last then return nil end
    total, last, at = total + number * scale, scale, after
  end
  return last < math.huge and total or nil
end

---A duration in seconds, or nil, what is wrong with it, and what is accepted.
---@param value any
---@return number? seconds
---@return string? why
---@return string? accepted
function M.duration(value)
  local seconds = value
  if type(value) == "string" then seconds = decimal(value) or combined(value) end
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    return nil, "is not a duration", M.DURATIONS
  end
  if seconds > LONGEST then return nil, "is too long a duration", "at most 10000d" end
  return seconds
end

-- One decimal, and none where it would be zero.
local function short(number)
  return (("%.1f"):format(number):gsub("%.0$", ""))
end

---A size for people: "512M", "1.4G", "100 bytes".
---@param bytes number
---@return string
function M.format_size(bytes)
  if bytes < 1024 then return ("%d byte%s"):format(bytes, bytes == 1 and "" or "s") end
  local letters = "KMGT"
  local scaled, i = bytes / 1024, 1
  -- 1023.95K would round to "1024K".
  while scaled >= 1023.95 and i < #letters do scaled, i = scaled / 1024, i + 1 end
  return short(scaled) .. letters:sub(i, i)
end

local function pair(amount, large, small, ratio)
  local rest = amount % ratio
  local text = ("%d%s"):format(floor(amount / ratio), large)
  return rest > 0 and text .. ("%d%s"):format(rest, small) or text
end

---A duration for people: "3 ms", "1.2 s", "10m", "1h30m".
---@param seconds number
---@return string
function M.format_duration(seconds)
  if seconds < 0.00995 and seconds > 0 then return short(seconds * 1000) .. " ms" end
  if seconds < 0.9995 and seconds > 0 then return ("%.0f ms"):format(seconds * 1000) end
  if seconds < 59.95 then return short(seconds) .. " s" end
  local rounded = floor(seconds + 0.5)
  if rounded < 3600 then return pair(rounded, "m", "s", 60) end
  local minutes = floor(rounded / 60 + 0.5)
  if minutes < 1440 then return pair(minutes, "h", "m", 60) end
  return pair(floor(minutes / 60 + 0.5), "d", "h", 24)
end

return M
