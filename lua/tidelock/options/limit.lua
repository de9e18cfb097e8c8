--- `--limit NAME=VALUE`: any limit of a spec, as text.

local M = {}

local ACCEPTED = "NAME=VALUE, such as swap=1G"

local function refuse(origin, text, why, accepted)
  require("tidelock.error").refuse { field = origin, value = text, why = why,
    accepted = accepted or ACCEPTED }
end

-- "/dev/sda:rbps=10M,wiops=100"; a device may be "8:0".
local function io(origin, text, value)
  local device, settings = value:match("^(.-):(%a+=.*)$")
  if not device or device == "" then
    refuse(origin, text, "is no limit of a device", "io=DEVICE:rbps=SIZE,wiops=COUNT")
  end
  local result = {}
  for setting in (settings .. ","):gmatch("([^,]*),") do
    local name, amount = setting:match("^(%a+)=(.+)$")
    if not name then
      refuse(origin, text, "is no limit of a device", "io=DEVICE:rbps=SIZE,wiops=COUNT")
    end
    result[name] = amount
  end
  return { [device] = result }
end

local function hugetlb(origin, text, value)
  local size, amount = value:match("^(%w+):(%w+)$")
  if not size then refuse(origin, text, "is no limit of huge pages", "hugetlb=SIZE:AMOUNT") end
  return { [size] = amount }
end

local BOOLEAN = { ["true"] = true, yes = true, ["false"] = false, no = false }

---What the text says, for the field "limits"; "false" takes a limit away.
---@param text string
---@param origin string
---@return table
function M.parse(text, origin)
  local name, value = text:match("^([^=]+)=(.*)$")
  if not name then refuse(origin, text, "is not a limit") end
  if value == "" then refuse(origin, text, "has no value") end
  if name:find(".", 1, true) then return { unified = { [name] = value ~= "false" and value } } end
  local flag = BOOLEAN[value]
  if flag ~= nil then return { [name] = flag } end
  if name == "io" then return { io = io(origin, text, value) } end
  if name == "hugetlb" then return { hugetlb = hugetlb(origin, text, value) } end
  return { [name] = value }
end

return M
