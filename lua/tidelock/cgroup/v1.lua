--- Limits on cgroup v1: one directory in the hierarchy of each controller.

local M = {}

M.controllers = { memory = "memory", pids = "pids", cpus = "cpu" }

local PERIOD = 100000 -- us, the kernel's own

---Why a controller cannot be used, or nil.
---@param facts table
---@param controller string
---@return string? why
function M.problem(facts, controller)
  local place = facts.cgroups.v1[controller]
  if not place then
    return ("the %s controller (cgroup v1) is not mounted"):format(controller)
  elseif not facts.writable(place.dir) then
    return ("the %s controller (cgroup v1) is not the caller's to use: %s cannot be written")
      :format(controller, place.dir)
  end
end

local settings = {}

function settings.memory(bytes)
  local text = ("%.0f"):format(bytes)
  -- With swap, where the kernel counts it: what is limited is both together.
  return { { "memory.limit_in_bytes", text }, { "memory.memsw.limit_in_bytes", text, true } }
end

function settings.pids(count)
  return { { "pids.max", ("%.0f"):format(count) } }
end

function settings.cpus(cpus)
  return { { "cpu.cfs_period_us", tostring(PERIOD) },
    { "cpu.cfs_quota_us", ("%.0f"):format(cpus * PERIOD) } }
end

-- Not needed for a limit: numbers for the report, and a way to kill all at once. The freezer comes
-- first: it is joined first, and what is in no other cgroup yet can be killed.
local BESIDE = { "freezer", "cpuacct" }

---The directories to make, each with what is to be written there.
---@param facts table
---@param limits { name: string, value: number, at: string }[]  those that can be enforced
---@return { path: string, settings: table[] }[] dirs
function M.arrange(facts, limits)
  local dirs, by_path = {}, {}
  local function at(place)
    local dir = by_path[place.dir]
    if not dir then
      dir = { path = place.dir, settings = {} }
      dirs[#dirs + 1], by_path[place.dir] = dir, dir
    end
    return dir
  end
  for _, controller in ipairs(BESIDE) do
    if not M.problem(facts, controller) then at(facts.cgroups.v1[controller]) end
  end
  for _, limit in ipairs(limits) do
    local place = facts.cgroups.v1[M.controllers[limit.name]]
    local dir = at(place)
    for _, item in ipairs(settings[limit.name](limit.value)) do
      dir.settings[#dir.settings + 1] = { file = item[1], value = item[2], optional = item[3],
        at = limit.at }
    end
  end
  return dirs
end

return M
