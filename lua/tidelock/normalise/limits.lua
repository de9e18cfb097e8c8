--- Limits on the whole box: which can be enforced here, and by which cgroups.

local errors = require "tidelock.error"

local M = {}

local DRIVERS = { "tidelock.cgroup.v1", "tidelock.cgroup.v2" }

local function driver_of(facts)
  local version = facts.cgroups.version
  return version and require(DRIVERS[version])
end

local function refuse(ctx, limit, why)
  local field = "limits." .. limit.name
  if ctx.raw.best_effort then
    local list = ctx.norm.not_enforced
    list[#list + 1] = ("%s %s: %s"):format(field, limit.text, why)
    return
  end
  local found = require("tidelock.probe.cause").limits(ctx.facts, limit.name)
  errors.refuse { field = field, value = limit.text, at = limit.at,
    why = "cannot be enforced: " .. why,
    hint = found.remedy
      .. ", or add --best-effort (best_effort = true) to run without this limit" }
end

--- Sets norm.limits (texts) and norm.cgroup where there is something to enforce.
---@param ctx table
function M.resolve(ctx)
  local facts, norm = ctx.facts, ctx.norm
  local text = require("tidelock.schema.limits").text
  local driver, enforced = driver_of(facts), {}
  for _, name in ipairs(require("tidelock.schema.limits").NAMES) do
    local value = ctx.raw.limits[name]
    if value then
      local limit = { name = name, value = value, text = text(name, value),
        at = ctx.where("limits." .. name) }
      local why = "no cgroup file system is mounted"
      if driver then why = driver.problem(facts, driver.controllers[name]) end
      if why then refuse(ctx, limit, why) else enforced[#enforced + 1] = limit end
    end
  end
  if not enforced[1] then return end
  norm.limits = {}
  for i, limit in ipairs(enforced) do
    norm.limits[i] = limit.name .. " " .. limit.text
    norm.enforced[#norm.enforced + 1] = ("limits.%s %s"):format(limit.name, limit.text)
  end
  local name = facts.box_name()
  norm.cgroup = {
    version = facts.cgroups.version, name = name, path = "tidelock/" .. name, limits = enforced,
    dirs = driver.arrange(facts, enforced), namespace = ctx.new.cgroup or false,
  }
end

return M
