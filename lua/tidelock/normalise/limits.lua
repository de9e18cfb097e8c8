--- Limits on the whole box: which can be enforced here, and by which cgroups.

local errors = require "tidelock.error"
local resources = require "tidelock.cgroup.resources"

local M = {}

local function refuse(ctx, resource, why, controller)
  if ctx.raw.best_effort then
    local list = ctx.norm.not_enforced
    list[#list + 1] = ("%s %s: %s"):format(resource.field, resource.text, why)
    return
  end
  local remedy = controller
    and require("tidelock.probe.controller").remedy(ctx.facts, controller)
    or not ctx.facts.cgroups.version
    and require("tidelock.probe.controller").NO_CGROUPS.remedy
  errors.refuse { field = resource.field, value = resource.text, at = resource.at,
    why = "cannot be enforced: " .. why,
    hint = (remedy and remedy .. ", or " or "")
      .. "add --best-effort (best_effort = true) to run without this limit" }
end

-- What a resource's value is, where it is not what the schema gave.
local VALUE = {}

function VALUE.cpu_burst(seconds) return seconds * 1e6 end

function VALUE.io(amount, path, key)
  return { path = path, key = key:match("%l+$"), amount = amount }
end

function VALUE.hugetlb(amount, size)
  -- As the kernel spells it: 2MB is its 2 MiB.
  return { size = size .. "B", amount = amount }
end

function VALUE.unified(text, name) return { file = name, text = text } end

local function sorted_keys(flat)
  local keys = {}
  for key in pairs(flat) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function list_of(ctx, flat)
  local limits, list = require "tidelock.schema.limits", {}
  for _, key in ipairs(sorted_keys(flat)) do
    local name, part = limits.parts(key)
    local value = flat[key]
    list[#list + 1] = { name = name, text = limits.text(key, value), field = "limits." .. key,
      at = ctx.where("limits." .. key),
      value = VALUE[name] and VALUE[name](value, part, key) or value }
  end
  return list
end

-- What a limit of memory brings with it: no swap to go on in, and an end of the box as a whole.
local function add_implied(list, flat, at)
  if not flat.memory then return end
  local function add(name, value, file)
    if flat[name] ~= nil or flat["unified." .. file] ~= nil then return end
    list[#list + 1] = { name = name, value = value, text = tostring(value),
      field = "limits." .. name, at = at, implied = true }
  end
  add("swap", 0, "memory.swap.max")
  add("oom", "group", "memory.oom.group")
end

-- The texts of what is in force, and what the report and the records know of it.
local function tell(norm, kept)
  local asked = {}
  norm.limits = {}
  for _, resource in ipairs(kept) do
    if not resource.implied then
      local name = resource.field:gsub("^limits%.", "")
      asked[#asked + 1] = { name = resources.reported(resource), value = resource.value,
        text = resource.text, at = resource.at, field = resource.field }
      norm.limits[#asked] = name .. " " .. resource.text
      norm.enforced[#norm.enforced + 1] = ("%s %s"):format(resource.field, resource.text)
    end
  end
  return asked
end

-- What can be had of them, and what is to be written for that.
local function settle(ctx, flat)
  local list = list_of(ctx, flat)
  local plain = true
  for _, resource in ipairs(list) do
    plain = plain and (resource.name == "memory" or resource.name == "pids"
      or resource.name == "cpus")
  end
  if not plain then list = require("tidelock.normalise.limits_check").check(ctx, list, refuse) end
  add_implied(list, flat, flat.memory and ctx.where("limits.memory"))
  return resources.settle(ctx.facts, list, function(resource, why, controller)
    refuse(ctx, resource, why, controller)
  end)
end

-- For a later change: where each key was asked for.
local function places(ctx, flat)
  local at = {}
  for key in pairs(flat) do at[key] = ctx.where("limits." .. key) end
  return at
end

---The limits of a box that runs, with these changes: what they come to. Raises for what cannot be
---had.
---@param norm table  of the box
---@param facts table
---@param changes table<string, any>  as the schema gives them; false takes one away
---@param at string
---@return { flat: table, asked_at: table, limits: table[], settings: tidelock.CgroupSetting[] }
function M.changed(norm, facts, changes, at)
  local flat, asked_at = {}, {}
  for key, value in pairs(norm.cgroup.flat) do
    flat[key], asked_at[key] = value, norm.cgroup.asked_at[key]
  end
  local covers = require("tidelock.schema.limits").covers
  for key, value in pairs(changes) do
    if value == false then
      for other in pairs(norm.cgroup.flat) do
        if other == key or covers(key, other) then flat[other], asked_at[other] = nil, nil end
      end
    else
      flat[key], asked_at[key] = value, at
    end
  end
  local ctx = { facts = facts, raw = {}, norm = { not_enforced = {} },
    where = function(field) return asked_at[field:gsub("^limits%.", "")] or at end }
  local kept, settings = settle(ctx, flat)
  return { flat = flat, asked_at = asked_at, settings = settings,
    limits = tell({ enforced = {} }, kept) }
end

--- Sets norm.limits (texts) and norm.cgroup where there is something to enforce.
---@param ctx table
function M.resolve(ctx)
  local facts, norm = ctx.facts, ctx.norm
  local flat = require("tidelock.schema.limits").flat(ctx.raw.limits)
  local kept, settings = settle(ctx, flat)
  if not kept[1] then return end
  local by, name = resources.by_name(kept), facts.box_name()
  local asked = tell(norm, kept)
  -- A policy alone is nothing to make a cgroup for.
  if not settings[1] and not by.delegate then return end
  local dirs = resources.driver(facts).arrange(facts, settings, { delegate = by.delegate ~= nil })
  norm.cgroup = {
    version = facts.cgroups.version, name = name, path = "tidelock/" .. name, limits = asked,
    dirs = dirs, namespace = ctx.new.cgroup or false, oom = by.oom and by.oom.value,
    flat = flat, asked_at = places(ctx, flat), settings = settings,
  }
  if by.delegate then require("tidelock.normalise.delegate").resolve(ctx, by.delegate) end
end

return M
