--- The check of `limits`: what a whole box may use, with all that runs in it. What it gives is
--- flat, one key for each value that is asked for: "memory", "io./dev/sda.rbps", "hugetlb.2M",
--- "unified.memory.zswap.max". So each has a line, is merged and is taken away by itself.

local check = require "tidelock.schema.check"

local M = {}

---In the order in which they are told.
M.NAMES = {
  "memory", "memory_high", "memory_low", "memory_min", "swap", "oom", "pids", "cpus", "cpu_weight",
  "cpu_burst", "cpu_idle", "cpuset", "cpuset_mems", "io_weight", "io", "hugetlb", "delegate",
  "unified",
}

-- What other tools call them, in small letters and nothing else.
local ALIAS = {
  mem = "memory", memorymax = "memory", memorylimit = "memory", memorylimitinbytes = "memory",
  memoryreservation = "memory_low", reservation = "memory_low", memorysoftlimit = "memory_low",
  memswap = "swap", memoryswap = "swap", memoryswapmax = "swap", memswaplimit = "swap",
  oomgroup = "oom", oompolicy = "oom", memoryoomgroup = "oom", disableoomkiller = "oom",
  cpu = "cpus", quota = "cpus", cpuquota = "cpus", cpumax = "cpus", nanocpus = "cpus",
  cpuperiod = "cpus", shares = "cpu_weight", cpushares = "cpu_weight", weight = "cpu_weight",
  burst = "cpu_burst", cpumaxburst = "cpu_burst", idle = "cpu_idle",
  cpusetcpus = "cpuset", allowedcpus = "cpuset", mems = "cpuset_mems",
  allowedmemorynodes = "cpuset_mems",
  processes = "pids", pid = "pids", tasks = "pids", tasksmax = "pids", pidslimit = "pids",
  pidsmax = "pids", nproc = "pids", threads = "pids",
  blkioweight = "io_weight", blockioweight = "io_weight", blkio = "io", blockio = "io",
  iomax = "io", devicereadbps = "io", devicewritebps = "io", devicereadiops = "io",
  devicewriteiops = "io", ioreadbandwidthmax = "io", iowritebandwidthmax = "io",
  ioreadiopsmax = "io", iowriteiopsmax = "io",
  hugepages = "hugetlb", hugepagelimits = "hugetlb",
}

-- Less than this kills the box's own set-up; a kernel's PID_MAX_LIMIT; the kernel's shortest quota.
local LEAST_MEMORY, MOST_PIDS, LEAST_CPUS, MOST_CPUS = 1048576, 4194304, 0.01, 8192
local MOST_WEIGHT, MOST_OPERATIONS = 10000, 2 ^ 53
local BURSTS = 3600 -- s: far above what the kernel adds to a quota

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

kinds.memory_high = kinds.memory
kinds.memory_low, kinds.memory_min, kinds.swap = check.size, check.size, check.size

function kinds.oom(value, at, field)
  return check.one_of(value, at, field, { "group", "process" })
end

local function count(least, most)
  return function(value, at, field)
    return check.integer(number(value), at, field, least, most)
  end
end

kinds.pids = count(1, MOST_PIDS)
kinds.cpu_weight, kinds.io_weight = count(1, MOST_WEIGHT), count(1, MOST_WEIGHT)

function kinds.cpus(value, at, field)
  local cpus = number(value)
  if type(cpus) ~= "number" or not (cpus >= LEAST_CPUS and cpus <= MOST_CPUS) then
    check.refuse(field, value, at, "is not a number of processors",
      ("a number from %s to %d, such as 0.5 or 2"):format(LEAST_CPUS, MOST_CPUS))
  end
  return cpus
end

function kinds.cpu_burst(value, at, field)
  local seconds = check.duration(value, at, field)
  if seconds < 1e-6 or seconds > BURSTS then
    check.refuse(field, value, at, "is no time to save up", "such as 50ms")
  end
  return seconds
end

kinds.cpu_idle, kinds.delegate = check.boolean, check.boolean

function kinds.cpuset(value, at, field)
  local text = type(value) == "number" and ("%.14g"):format(value) or value
  if type(text) ~= "string" then check.refuse(field, value, at, "is not a list", '"0-3,5"') end
  local list = require "tidelock.cgroup.cpulist"
  local ranges, why = list.parse(text)
  if not ranges then check.refuse(field, value, at, why, '"0-3,5"') end
  return list.format(ranges)
end

kinds.cpuset_mems = kinds.cpuset

local IO = {
  rbps = check.size, wbps = check.size, riops = count(1, MOST_OPERATIONS),
  wiops = count(1, MOST_OPERATIONS), weight = count(1, MOST_WEIGHT),
}
local IO_NAMES = { "rbps", "wbps", "riops", "wiops", "weight" }
local IO_EXAMPLE = '{ ["/dev/sda"] = { rbps = "10M", wiops = 100 } }'

local function table_of(value, at, field, accepted)
  if type(value) ~= "table" then check.refuse(field, value, at, "is not a table", accepted) end
  return check.names(value, field, at)
end

local nested = {}

local function device(name, at, field)
  if name:find("^%d+:%d+$") and #name < 17 then return name end
  if name:sub(1, 1) ~= "/" then
    check.refuse(field, name, at, "is no block device", 'a path such as "/dev/sda", or "8:0"')
  end
  return check.target(name, at, field)
end

-- The limits of one device, or false to take them all away.
local function io_device(given, name, at, field, result)
  if given == false then
    result["io." .. name] = false
    return
  end
  local full = field .. "." .. name
  for _, key in ipairs(table_of(given, at, full, "{ rbps = SIZE, wbps, riops, wiops, weight }")) do
    if not IO[key] then
      check.refuse(full, key, at, "is not a limit of a device", table.concat(IO_NAMES, ", "),
        require("tidelock.suggest").hint(key, IO_NAMES))
    end
    local value = given[key]
    if value ~= false then value = IO[key](value, at, full .. "." .. key) end
    if value == 0 then
      check.refuse(full .. "." .. key, value, at, "would stop the box for ever", "more than 0")
    end
    result[("io.%s.%s"):format(name, key)] = value
  end
end

function nested.io(value, at, field, result)
  for _, name in ipairs(table_of(value, at, field, IO_EXAMPLE)) do
    io_device(value[name], device(name, at, field), at, field, result)
  end
end

-- "2M", and the kernel's "2MB" is the same: sizes of pages are powers of two.
local function page_size(name, at, field)
  local bytes = require("tidelock.units").size((name:gsub("([KMGT])B$", "%1")))
  local log = bytes and bytes >= 4096 and math.log(bytes) / math.log(2)
  if not log or math.abs(log - math.floor(log + 0.5)) > 1e-9 then
    check.refuse(field, name, at, "is no size of a page", 'such as "2M" or "1G"')
  end
  return require("tidelock.units").format_size(bytes)
end

function nested.hugetlb(value, at, field, result)
  for _, name in ipairs(table_of(value, at, field, '{ ["2M"] = "64M" }')) do
    local size = page_size(name, at, field)
    local amount = value[name]
    result["hugetlb." .. size] = amount ~= false
      and check.size(amount, at, ("%s.%s"):format(field, size))
  end
end

function nested.unified(value, at, field, result)
  local raw = require "tidelock.cgroup.raw"
  for _, key in ipairs(table_of(value, at, field, '{ ["memory.zswap.max"] = "0" }')) do
    local why = raw.problem(key)
    if why then check.refuse(field, key, at, why, raw.ACCEPTED) end
    local text = value[key]
    if type(text) == "number" and text == text then text = ("%.14g"):format(text) end
    local bad = text ~= false and raw.value_problem(text)
    if bad then
      check.refuse(("%s.%s"):format(field, key), value[key], at, bad, "what the file takes")
    end
    result["unified." .. key] = text
  end
end

local function refuse_unknown(name, at, field)
  local near = ALIAS[name:lower():gsub("[^%l]", "")]
  local accepted = table.concat(M.NAMES, ", ")
  local hint = near and ("did you mean %s?"):format(near)
  if name:find("/", 1, true) then
    check.refuse(field, name, at, "has a / in it", accepted)
  elseif not hint and name:find(".", 1, true) and not require("tidelock.cgroup.raw").problem(name)
    then
    hint = ("a file of cgroup v2 is written by unified = { [%q] = ... }"):format(name)
  end
  check.refuse(field, name, at, "is not a limit of a box", accepted,
    hint or require("tidelock.suggest").hint(name, M.NAMES))
end

---By key: bytes, processes, processors and so on; false takes a limit away.
---@return table<string, any>
function M.limits(value, at, field)
  if type(value) ~= "table" then
    check.refuse(field, value, at, "is not a table", '{ memory = "512M", pids = 64, cpus = 2 }')
  end
  local result = {}
  for _, name in ipairs(check.names(value, field, at)) do
    local given, full = value[name], field .. "." .. name
    if not kinds[name] and not nested[name] then refuse_unknown(name, at, field) end
    if given == false then
      result[name] = false
    elseif nested[name] then
      nested[name](given, at, full, result)
    else
      result[name] = kinds[name](given, at, full)
    end
  end
  return result
end

-- "io", "/dev/sda", "rbps"; "hugetlb", "2M"; "unified", "memory.zswap.max"
local function parts_of(key)
  local name, rest = key:match("^(%a+)%.(.+)$")
  if name == "io" then
    local path, setting = rest:match("^(.*)%.(%l+)$")
    return name, path, setting
  end
  return name or key, rest
end

M.parts = parts_of

---Is one key a part of the other: "io./dev/sda.rbps" of "io./dev/sda" and of "io"?
---@param whole string
---@param key string
---@return boolean
function M.covers(whole, key)
  local name, first = parts_of(key)
  return first ~= nil and (whole == name or whole == ("%s.%s"):format(name, first))
end

---As the user has it, from flat.
---@param flat table<string, any>
---@return table
function M.nest(flat)
  local result = {}
  for key, value in pairs(flat) do
    local name, first, second = parts_of(key)
    if not first then
      result[name] = value
    else
      result[name] = result[name] or {}
      if second then
        result[name][first] = result[name][first] or {}
        result[name][first][second] = value
      else
        result[name][first] = value
      end
    end
  end
  return result
end

---Flat, from what nest() gives.
---@param limits table?
---@return table<string, any>
function M.flat(limits)
  local result = {}
  for name, value in pairs(limits or {}) do
    if type(value) ~= "table" then
      result[name] = value
    else
      for first, inner in pairs(value) do
        if type(inner) ~= "table" then
          result[("%s.%s"):format(name, first)] = inner
        else
          for second, item in pairs(inner) do
            result[("%s.%s.%s"):format(name, first, second)] = item
          end
        end
      end
    end
  end
  return result
end

local SIZES = {
  memory = true, memory_high = true, memory_low = true, memory_min = true, swap = true,
  hugetlb = true, rbps = true, wbps = true,
}

---A limit for people: "512M", "64", "0.5".
---@param key string  flat
---@param value any
---@return string
function M.text(key, value)
  local name, _, setting = parts_of(key)
  if SIZES[setting or name] then return require("tidelock.units").format_size(value) end
  if name == "cpu_burst" then return require("tidelock.units").format_duration(value) end
  if type(value) == "number" then return ("%.14g"):format(value) end
  return value == true and "yes" or require("tidelock.error").printable(value)
end

return M
