--- linux.resources and linux.cgroupsPath: what the container's cgroups hold, as the list that
--- tidelock.cgroup.resources has, and where they are. For devices see tidelock.oci.devices.

local check = require "tidelock.oci.check"
local resources = require "tidelock.cgroup.resources"

local M = {}

-- A number as the kernel's files take it; nil for what asks for nothing.
local function amount(value, unlimited)
  if type(value) == "table" then return value[1] end
  if value == nil or value == 0 then return nil end
  if value < 0 then return unlimited end
  return value
end

M.amount = amount

local FIELD = "linux.resources."

---How to add to a list: name, value, property below linux.resources.
---@param ctx table
---@param list tidelock.Resource[]
---@return fun(name: string, value: any, property: string, text: string?)
local function adder(ctx, list)
  return function(name, value, property, text)
    if value == nil then return end
    local field = FIELD .. property
    list[#list + 1] = { name = name, value = value, field = field, at = ctx.at .. ", " .. field,
      text = text or resources.digits(value) }
  end
end

local parts = {}

function parts.memory(ctx, memory, add)
  add("memory", amount(memory.limit, "max"), "memory.limit")
  add("memory_low", amount(memory.reservation, "max"), "memory.reservation")
  add("memory_and_swap", amount(memory.swap, "max"), "memory.swap")
  add("memory_tcp", amount(memory.kernelTCP, nil), "memory.kernelTCP")
  -- Of v1 a value, elsewhere what engines write where nobody asked.
  local swappiness = memory.swappiness
  if swappiness == 0 and ctx.facts.cgroups.version == 2 then swappiness = nil end
  add("swappiness", swappiness, "memory.swappiness")
  add("oom_kill_disable", memory.disableOOMKiller and 1 or nil, "memory.disableOOMKiller")
  if amount(memory.kernel, nil) then
    ctx.norm.not_enforced[#ctx.norm.not_enforced + 1] =
      "linux.resources.memory.kernel: kernels since 5.4 have no such limit"
  end
end

local function cpuset(ctx, add, name, kind, list)
  if (list or "") == "" then return end
  local field = FIELD .. "cpu." .. kind
  local ranges, why = require("tidelock.cgroup.cpulist").parse(list)
  local accepted = "a list such as 0-3,5"
  if ranges then
    why, accepted = require("tidelock.normalise.limits_check").not_there(ctx.facts, kind, list)
  end
  if why then check.refuse(ctx.at, field, list, why, accepted) end
  add(name, list, "cpu." .. kind)
end

function parts.cpu(ctx, cpu, add)
  add("cpu_shares", amount(cpu.shares), "cpu.shares")
  add("cpu_period", amount(cpu.period), "cpu.period")
  add("cpu_quota", amount(cpu.quota, "max"), "cpu.quota")
  add("cpu_burst", amount(cpu.burst), "cpu.burst")
  add("cpu_rt_period", amount(cpu.realtimePeriod), "cpu.realtimePeriod")
  add("cpu_rt_runtime", amount(cpu.realtimeRuntime, "max"), "cpu.realtimeRuntime")
  add("cpu_idle", amount(cpu.idle), "cpu.idle")
  cpuset(ctx, add, "cpuset", "cpus", cpu.cpus)
  cpuset(ctx, add, "cpuset_mems", "mems", cpu.mems)
end

function parts.pids(_, pids, add) add("pids", amount(pids.limit, "max"), "pids.limit") end

-- What few ask for.
for _, name in ipairs { "blockIO", "hugepageLimits", "network", "rdma", "unified" } do
  parts[name] = function(ctx, value, add)
    require("tidelock.oci.resources_more")[name](ctx, value, add)
  end
end

-- In this order, not in that of pairs.
local PARTS = { "memory", "cpu", "pids", "blockIO", "hugepageLimits", "network", "rdma", "unified" }

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

local function settle(ctx, asked)
  local list = {}
  local add = adder(ctx, list)
  for _, name in ipairs(PARTS) do
    if asked[name] then parts[name](ctx, asked[name], add) end
  end
  return resources.settle(ctx.facts, list, function(resource, why, controller)
    local remedy = controller
      and require("tidelock.probe.controller").remedy(ctx.facts, controller)
    check.refuse(ctx.at, resource.field, resource.text,
      (controller and "cannot be enforced: " or "cannot be done: ") .. why, nil,
      remedy and remedy .. ", or take it out of config.json" or nil)
  end)
end

local function devices(ctx, rules, settings)
  require("tidelock.oci.devices").resolve(ctx, rules, function(controller, file, value, field)
    settings[#settings + 1] = { controller = controller, file = file, value = value, field = field,
      at = ctx.at .. ", " .. field }
  end)
end

-- As the report names limits, for the reason of a death.
local function limits(ctx, kept)
  local list = {}
  for _, resource in ipairs(kept) do
    local name, value = resources.reported(resource), tonumber(resource.text)
    if (name == "memory" or name == "pids") and value then
      list[#list + 1] = { name = name, value = value, field = resource.field,
        at = ctx.at .. ", " .. resource.field,
        text = name == "memory" and require("tidelock.units").format_size(value)
          or resource.text }
    end
  end
  return list
end

-- config-linux.md, "Cgroup ownership": where the container can write to its own cgroup, and has a
-- namespace that begins there.
local function gift(ctx)
  if ctx.facts.cgroups.version ~= 2 or ctx.joined.cgroup or ctx.joined.user then return nil end
  for _, mount in ipairs(ctx.config.mounts or {}) do
    local cgroup = mount.type == "cgroup" or mount.type == "cgroup2"
    local read_only = false
    for _, word in ipairs(mount.options or {}) do
      read_only = read_only or word == "ro" or word == "rro"
    end
    if cgroup and not read_only and mount.destination == "/sys/fs/cgroup" then
      local given = require("tidelock.normalise.delegate").gift(ctx.facts, ctx.norm)
      given.at = ctx.at .. ", linux.cgroupsPath"
      return given.uid and ctx.facts.uid == 0 and given or nil
    end
  end
end

---Sets norm.cgroup where there is something to limit, or a path to be in.
---@param ctx table
function M.resolve(ctx)
  local linux, facts = ctx.config.linux, ctx.facts
  local asked = linux.resources or {}
  local kept, settings = settle(ctx, asked)
  devices(ctx, asked.devices or {}, settings)
  local at_path = linux.cgroupsPath ~= "" and linux.cgroupsPath or nil
  local driver = resources.driver(facts)
  -- Without a pid namespace of its own nothing but a cgroup holds together what it starts.
  local loose = not ctx.new.pid and driver and driver.holds(facts)
  if not driver or not settings[1] and not ctx.devices and not at_path and not loose then
    return
  end
  local name = facts.box_name()
  local path, absolute = "tidelock/" .. name, false
  if at_path then path, absolute = checked_path(ctx, at_path) end
  local dirs, controllers = driver.arrange(facts, settings,
    { absolute = absolute, freezer = not ctx.new.pid })
  if not dirs[1] then return end
  if ctx.devices then dirs[1].devices = ctx.devices end
  ctx.norm.cgroup = { version = facts.cgroups.version, name = name, path = path, dirs = dirs,
    controllers = controllers or {}, engines = at_path ~= nil, at = ctx.at,
    limits = limits(ctx, kept), namespace = false, gift = gift(ctx) }
  for _, item in ipairs(settings) do
    ctx.norm.enforced[#ctx.norm.enforced + 1] = ("%s %s"):format(item.file, item.value)
  end
end

return M
