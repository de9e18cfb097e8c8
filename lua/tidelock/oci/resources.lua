--- linux.resources and linux.cgroupsPath: the directories of cgroups to make, and what is to be
--- written there; for devices see tidelock.oci.devices. Conversions between v1 and v2 are those
--- that the ecosystem agreed on (runtime-spec, config-linux.md; kernel, cgroup-v2.rst).

local check = require "tidelock.oci.check"

local M = {}

local DRIVERS = { "tidelock.cgroup.v1", "tidelock.cgroup.v2" }

-- A number as the kernel's files take it; nil for what asks for nothing.
local function amount(value, unlimited)
  if type(value) == "table" then return value[1] end
  if value == nil or value == 0 then return nil end
  if value < 0 then return unlimited end
  return ("%.0f"):format(value)
end

---@class tidelock.oci.Setting
---@field controller string
---@field file string
---@field value string
---@field field string      of config.json

local function adder(list)
  return function(controller, file, value, field, optional)
    if value then
      list[#list + 1] = { controller = controller, file = file, value = value, field = field,
        optional = optional }
    end
  end
end

local v1, v2 = {}, {}

function v1.memory(memory, add)
  local name = "linux.resources.memory."
  add("memory", "memory.limit_in_bytes", amount(memory.limit, "-1"), name .. "limit")
  add("memory", "memory.memsw.limit_in_bytes", amount(memory.swap, nil), name .. "swap")
  add("memory", "memory.soft_limit_in_bytes", amount(memory.reservation, "-1"),
    name .. "reservation")
  add("memory", "memory.kmem.tcp.limit_in_bytes", amount(memory.kernelTCP, nil), name
    .. "kernelTCP")
  if memory.swappiness then
    add("memory", "memory.swappiness", ("%.0f"):format(memory.swappiness), name .. "swappiness")
  end
  add("memory", "memory.oom_control", memory.disableOOMKiller and "1" or nil,
    name .. "disableOOMKiller")
end

function v1.cpu(cpu, add)
  local name = "linux.resources.cpu."
  add("cpu", "cpu.shares", amount(cpu.shares), name .. "shares")
  add("cpu", "cpu.cfs_period_us", amount(cpu.period), name .. "period")
  add("cpu", "cpu.cfs_quota_us", amount(cpu.quota, "-1"), name .. "quota")
  add("cpu", "cpu.cfs_burst_us", amount(cpu.burst), name .. "burst")
  add("cpu", "cpu.rt_period_us", amount(cpu.realtimePeriod), name .. "realtimePeriod")
  add("cpu", "cpu.rt_runtime_us", amount(cpu.realtimeRuntime, "-1"), name .. "realtimeRuntime")
  add("cpu", "cpu.idle", amount(cpu.idle), name .. "idle")
end

function v1.pids(pids, add)
  add("pids", "pids.max", amount(pids.limit, "max"), "linux.resources.pids.limit")
end

-- v1 counts memory and swap together, v2 swap alone.
local function swap_alone(memory)
  local swap, limit = amount(memory.swap, "max"), amount(memory.limit, "max")
  if not swap or swap == "max" then return swap end
  if not limit or limit == "max" then return nil end
  return ("%.0f"):format(math.max(0, tonumber(swap) - tonumber(limit)))
end

function v2.memory(memory, add)
  local name = "linux.resources.memory."
  add("memory", "memory.max", amount(memory.limit, "max"), name .. "limit")
  add("memory", "memory.swap.max", swap_alone(memory), name .. "swap", true)
  add("memory", "memory.low", amount(memory.reservation, "max"), name .. "reservation")
end

-- 2 to 262144 becomes 1 to 10000.
local function weight(shares)
  local value = amount(shares)
  return value and ("%d"):format(1 + (math.max(tonumber(value), 2) - 2) * 9999 / 262142)
end

function v2.cpu(cpu, add)
  local name = "linux.resources.cpu."
  add("cpu", "cpu.weight", weight(cpu.shares), name .. "shares")
  local quota, period = amount(cpu.quota, "max"), amount(cpu.period)
  if quota or period then
    add("cpu", "cpu.max", ("%s %s"):format(quota or "max", period or "100000"),
      name .. (quota and "quota" or "period"))
  end
  add("cpu", "cpu.max.burst", amount(cpu.burst), name .. "burst")
  add("cpu", "cpu.idle", amount(cpu.idle), name .. "idle")
end

v2.pids = v1.pids

local NOT_ON_V2 = {
  memory = { "swappiness", "disableOOMKiller", "kernelTCP" },
  cpu = { "realtimePeriod", "realtimeRuntime" },
}

local function refuse_unknown(ctx, resources, version)
  for _, name in ipairs { "cpus", "mems" } do
    if resources.cpu and (resources.cpu[name] or "") ~= "" then
      check.refuse(ctx.at, "linux.resources.cpu." .. name, resources.cpu[name],
        "cannot be done: cpusets are not made yet")
    end
  end
  if resources.memory and amount(resources.memory.kernel, nil) then
    ctx.norm.not_enforced[#ctx.norm.not_enforced + 1] =
      "linux.resources.memory.kernel: kernels since 5.4 have no such limit"
  end
  for part, names in pairs(version == 2 and NOT_ON_V2 or {}) do
    for _, name in ipairs(names) do
      local value = resources[part] and resources[part][name]
      if value and value ~= 0 then
        check.refuse(ctx.at, ("linux.resources.%s.%s"):format(part, name), nil,
          "cannot be done: cgroup v2 has no such setting")
      end
    end
  end
end

local function checked_path(ctx, path)
  local field = "linux.cgroupsPath"
  if path:find ":" then
    check.refuse(ctx.at, field, path, "names a unit of systemd, which is not asked for cgroups yet",
      "a path")
  end
  local relative = path:gsub("^/+", ""):gsub("/+$", ""):gsub("//+", "/")
  for part in relative:gmatch "[^/]+" do
    if part:sub(1, 1) == "." then
      check.refuse(ctx.at, field, path,
        "has a part that begins with a dot: it could lead elsewhere")
    elseif #part > 255 then
      check.refuse(ctx.at, field, path, "has a part longer than 255 bytes")
    end
  end
  if relative == "" or relative:find "[%z\n]" or #relative > 1023 then
    check.refuse(ctx.at, field, path, "is no path below the root of the hierarchy")
  end
  return relative, path:sub(1, 1) == "/"
end

-- One directory for each controller on v1: the freezer first (tidelock.cgroup.v1), where the end of
-- PID 1 would not be that of all.
local function arrange_v1(ctx, driver, settings, path, absolute)
  local dirs, by_path, controllers = {}, {}, {}
  local function at(controller)
    controllers[controller] = true
    local place = ctx.facts.cgroups.v1[controller]
    local top = absolute and place.mount or place.dir
    if not by_path[top] then
      by_path[top] = { path = top, settings = {} }
      dirs[#dirs + 1] = by_path[top]
    end
    return by_path[top]
  end
  for _, controller in ipairs(ctx.new.pid and { "cpuacct" } or { "freezer", "cpuacct" }) do
    if not driver.problem(ctx.facts, controller) then at(controller) end
  end
  for _, item in ipairs(settings) do
    local dir = at(item.controller)
    dir.settings[#dir.settings + 1] = { file = item.file, value = item.value,
      optional = item.optional, at = ctx.at .. ", " .. item.field }
  end
  return dirs, controllers
end

local function arrange_v2(ctx, driver, settings, path, absolute)
  local needed, enable, seen = {}, {}, {}
  for _, item in ipairs(settings) do
    if not seen[item.controller] then
      seen[item.controller] = true
      needed[#needed + 1], enable[#enable + 1] = item.controller, "+" .. item.controller
    end
  end
  local top = absolute and ctx.facts.cgroups.v2.mount or driver.base(ctx.facts, needed)
    or ctx.facts.cgroups.v2.dir
  local dir = { path = top, settings = {}, enable = enable[1] and table.concat(enable, " "),
    devices = ctx.devices }
  for i, item in ipairs(settings) do
    dir.settings[i] = { file = item.file, value = item.value, optional = item.optional,
      at = ctx.at .. ", " .. item.field }
  end
  return { dir }
end

local function collect(ctx, resources, version, driver)
  local settings = {}
  local add, parts = adder(settings), version == 2 and v2 or v1
  refuse_unknown(ctx, resources, version)
  for _, name in ipairs { "memory", "cpu", "pids" } do
    if resources[name] then parts[name](resources[name], add) end
  end
  for _, item in ipairs(settings) do
    local why = driver and driver.problem(ctx.facts, item.controller)
      or not driver and "no cgroup file system is mounted"
    if why then
      check.refuse(ctx.at, item.field, item.value, "cannot be enforced: " .. why, nil,
        ctx.facts.uid ~= 0 and "run it as root, or take the limit out of config.json" or nil)
    end
  end
  require("tidelock.oci.devices").resolve(ctx, resources.devices or {}, add)
  return settings
end

-- As the report names limits, for the reason of a death.
local function limits(ctx, resources)
  local list, units = {}, require "tidelock.units"
  local memory = resources.memory and tonumber(amount(resources.memory.limit, nil))
  if memory then
    list[1] = { name = "memory", value = memory, text = units.format_size(memory),
      at = ctx.at .. ", linux.resources.memory.limit" }
  end
  local pids = resources.pids and tonumber(amount(resources.pids.limit, nil))
  if pids then
    list[#list + 1] = { name = "pids", value = pids, text = ("%.0f"):format(pids),
      at = ctx.at .. ", linux.resources.pids.limit" }
  end
  return list
end

---Sets norm.cgroup where there is something to limit, or a path to be in.
---@param ctx table
function M.resolve(ctx)
  local linux, facts = ctx.config.linux, ctx.facts
  local resources, version = linux.resources or {}, facts.cgroups.version
  local driver = version and require(DRIVERS[version])
  local settings = collect(ctx, resources, version, driver)
  local asked = linux.cgroupsPath ~= "" and linux.cgroupsPath or nil
  -- Without a pid namespace of its own nothing but a cgroup holds together what it starts.
  local loose = not ctx.new.pid and driver and not driver.problem(facts, "freezer")
  if not driver or not settings[1] and not ctx.devices and not asked and not loose then return end
  local name = facts.box_name()
  local path, absolute = "tidelock/" .. name, false
  if asked then path, absolute = checked_path(ctx, asked) end
  local arrange = version == 2 and arrange_v2 or arrange_v1
  local dirs, controllers = arrange(ctx, driver, settings, path, absolute)
  if not dirs[1] then return end
  ctx.norm.cgroup = { version = version, name = name, path = path, dirs = dirs,
    controllers = controllers or {}, engines = asked ~= nil, at = ctx.at,
    limits = limits(ctx, resources), namespace = false }
  for _, item in ipairs(settings) do
    ctx.norm.enforced[#ctx.norm.enforced + 1] = ("%s %s"):format(item.file, item.value)
  end
end

return M
