--- The check of `limits`: what a whole box may use, with all that runs in it.

local check = require "tidelock.schema.check"
local suggest = require "tidelock.suggest"

local M = {}

---In the order in which they are told.
M.NAMES = { "memory", "pids", "cpus" }

-- What other tools call them.
local ALIAS = { mem = "memory", cpu = "cpus", processes = "pids", pid = "pids", tasks = "pids" }

-- Less than this kills the box's own set-up; a kernel's PID_MAX_LIMIT; the kernel's shortest quota.
local LEAST_MEMORY, MOST_PIDS, LEAST_CPUS, MOST_CPUS = 1048576, 4194304, 0.01, 8192

local function number(value)
  if type(value) == "string" and (value:find("^%d+$") or value:find("^%d*%.%d+$")) then
    return tonumber(value)
  end
  return value
end

local kinds = {}

function kinds.memory(value, at, field)
  local bytes = check.size(value, at, field)
  if bytes < LEAST_MEMORY then
    check.refuse(field, value, at, "is too little for a box", "at least 1M")
  end
  return bytes
end

function kinds.pids(value, at, field)
  value = number(value)
  return check.integer(value, at, field, 1, MOST_PIDS)
end

function kinds.cpus(value, at, field)
  local cpus = number(value)
  if type(cpus) ~= "number" or not (cpus >= LEAST_CPUS and cpus <= MOST_CPUS) then
    check.refuse(field, value, at, "is not a number of processors",
      ("a number from %s to %d, such as 0.5 or 2"):format(LEAST_CPUS, MOST_CPUS))
  end
  return cpus
end

---By name: bytes, processes, processors; false takes a limit away.
---@return table<string, number|false>
function M.limits(value, at, field)
  if type(value) ~= "table" then
    check.refuse(field, value, at, "is not a table", '{ memory = "512M", pids = 64, cpus = 2 }')
  end
  local result = {}
  for _, name in ipairs(check.names(value, field, at)) do
    if not kinds[name] then
      local near = ALIAS[name]
      check.refuse(field, name, at, "is not a limit of a box", table.concat(M.NAMES, ", "),
        near and ("did you mean %s?"):format(near) or suggest.hint(name, M.NAMES))
    end
    result[name] = value[name] ~= false and kinds[name](value[name], at, field .. "." .. name)
  end
  return result
end

---A limit for people: "512M", "64", "0.5".
---@param name string
---@param value number
---@return string
function M.text(name, value)
  if name == "memory" then return require("tidelock.units").format_size(value) end
  return ("%.14g"):format(value)
end

return M
