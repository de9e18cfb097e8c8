--- Limits on a box, those on the caller, and what dead supervisors left.

local M = {}

local NOFILE, NPROC = 7, 6
local FEW = { nofile = 64, nproc = 32 }

local function hierarchies(ctx)
  local cgroups, names = ctx.facts.cgroups, {}
  for name in pairs(cgroups.v1) do
    if not name:find("=", 1, true) then names[#names + 1] = name end
  end
  table.sort(names)
  local words = {}
  if names[1] then words[1] = "v1: " .. table.concat(names, " ") end
  if cgroups.v2 then
    local there = (ctx.facts.read(cgroups.v2.dir .. "/cgroup.controllers") or ""):gsub("%s+$", "")
    words[#words + 1] = "v2: " .. (there ~= "" and there or "no controllers")
  end
  ctx.tell("hierarchies", words[1] and "ok" or "warn", words[1] and table.concat(words, "; ")
    or "none", not words[1] and require("tidelock.probe.cause").limits(ctx.facts, "memory") or nil)
end

local DRIVERS = {
  "v1: a directory in the hierarchy of each controller",
  "v2: one directory in the unified hierarchy",
}

-- Who may make cgroups here: on v1 by hierarchy, on v2 with what can be handed down.
local function delegation(ctx, version)
  local cgroups, given, denied = ctx.facts.cgroups, {}, {}
  if version == 1 then
    for name, place in pairs(cgroups.v1) do
      local list = ctx.facts.writable(place.dir) and given or denied
      if not name:find("=", 1, true) then list[#list + 1] = name end
    end
  else
    local there = ctx.facts.read(cgroups.v2.dir .. "/cgroup.controllers") or ""
    local v2 = require "tidelock.cgroup.v2"
    for name in there:gmatch("%S+") do
      local list = v2.base(ctx.facts, { name }) and given or denied
      list[#list + 1] = name
    end
  end
  table.sort(given)
  table.sort(denied)
  return given, denied
end

local function driver(ctx)
  local version = ctx.facts.cgroups.version
  if not version then
    return ctx.tell("driver", "warn", "none: no cgroup file system is mounted")
  end
  ctx.tell("driver", "ok", DRIVERS[version])
  local given, denied = delegation(ctx, version)
  local text = given[1] and table.concat(given, " ") or "nothing"
  if denied[1] then text = text .. "; not " .. table.concat(denied, " ") end
  ctx.tell("delegation", given[1] and "ok" or "info", "the caller may limit by " .. text)
end

-- Where the box's cgroup would be made.
local function place(ctx, name)
  local cgroups, controller = ctx.facts.cgroups, name == "cpus" and "cpu" or name
  if cgroups.version == 1 then return cgroups.v1[controller].dir end
  local spot = require("tidelock.cgroup.place").find(ctx.facts, { controller })
  return spot.path .. (spot.aside and ", which the caller leaves for one below" or "")
end

---@param ctx table
function M.cgroups(ctx)
  hierarchies(ctx)
  driver(ctx)
  for _, name in ipairs { "memory", "pids", "cpus" } do
    local why = require("tidelock.probe.cause").limits(ctx.facts, name)
    if why then
      ctx.tell(name, "warn", "cannot be limited", why)
    else
      ctx.tell(name, "ok", "in " .. place(ctx, name))
    end
  end
end

local function resource(ctx, name, number)
  local soft, hard = ctx.facts.rlimit(name, number)
  local function text(value) return value == math.huge and "unlimited" or ("%.0f"):format(value) end
  local few = soft < FEW[name]
  ctx.tell(name, few and "warn" or "ok", ("%s, hard %s"):format(text(soft), text(hard)), few and {
    cause = ("%s of %s is little for a box"):format(name, text(soft)),
    remedy = ("ulimit -%s %s"):format(name == "nofile" and "n" or "u", text(hard)) } or nil)
end

---@param ctx table
function M.limits(ctx)
  resource(ctx, "nofile", NOFILE)
  resource(ctx, "nproc", NPROC)
end

---@param ctx table
function M.leftovers(ctx)
  local state = ctx.facts.state
  local names, foreign = require("tidelock.state.left").list(ctx.core, state)
  if foreign[1] then
    ctx.tell("records", "info", ("%d in %s that are not the caller's own, and are left alone")
      :format(#foreign, state))
  end
  if not names[1] then return ctx.tell("boxes", "ok", "none on record in " .. state) end
  ctx.tell("boxes", "info", ("%d on record in %s whose supervisor is gone: tidelock doctor --repair"
    .. " removes what is left, and so does the next run with limits"):format(#names, state))
end

return M
