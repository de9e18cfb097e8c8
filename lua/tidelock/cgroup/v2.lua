--- Limits on the unified hierarchy: one directory, below the nearest cgroup that may have children
--- with these controllers. A cgroup that has processes may not hand controllers down, so that this
--- is often not the caller's own but one above it.

local M = {}

M.controllers = { memory = "memory", pids = "pids", cpus = "cpu" }

local PERIOD = 100000 -- us, the kernel's own

local function words(text)
  local set = {}
  for word in (text or ""):gmatch("%S+") do set[word] = true end
  return set
end

-- Can `dir` hand all of `needed` down to a child? Nil and why not.
local function hands_down(facts, dir, needed)
  local given = words(facts.read(dir .. "/cgroup.subtree_control"))
  local there = words(facts.read(dir .. "/cgroup.controllers"))
  local all = true
  for _, controller in ipairs(needed) do
    if not there[controller] then return nil, controller end
    all = all and given[controller]
  end
  if not facts.writable(dir) then return nil, needed[1] end
  if all then return true end
  -- The hierarchy's root has no cgroup.events, and is free of that rule.
  local root = not facts.stat(dir .. "/cgroup.events")
  local empty = facts.read(dir .. "/cgroup.procs") == ""
  return root or empty or nil, needed[1]
end

---The directory to make the box's in, or nil and the controller that is not to be had.
---@param facts table
---@param needed string[]  controllers
---@return string? dir
---@return string? missing
function M.base(facts, needed)
  local place = facts.cgroups.v2
  local dir, missing = place.dir, nil
  while true do
    local good, controller = hands_down(facts, dir, needed)
    if good then return dir end
    missing = missing or controller
    if dir == place.mount then return nil, missing end
    dir = dir:match("^(.*)/[^/]+$")
  end
end

---Why a controller cannot be used, or nil.
---@param facts table
---@param controller string
---@return string? why
function M.problem(facts, controller)
  if M.base(facts, { controller }) then return nil end
  local place = facts.cgroups.v2
  if not words(facts.read(place.dir .. "/cgroup.controllers"))[controller] then
    return ("the %s controller (cgroup v2) is not given to this cgroup, %s"):format(controller,
      place.dir)
  end
  return ("the %s controller (cgroup v2) is not the caller's to use: no cgroup from %s up may have "
    .. "children with it"):format(controller, place.dir)
end

local settings = {}

function settings.memory(bytes)
  -- No swap, where the kernel counts it: v1 limits both together. And all die when one must.
  return { { "memory.max", ("%.0f"):format(bytes) }, { "memory.swap.max", "0", true },
    { "memory.oom.group", "1" } }
end

function settings.pids(count)
  return { { "pids.max", ("%.0f"):format(count) } }
end

function settings.cpus(cpus)
  return { { "cpu.max", ("%.0f %d"):format(cpus * PERIOD, PERIOD) } }
end

---The directory to make, with what is to be written there.
---@param facts table
---@param limits { name: string, value: number, at: string }[]  those that can be enforced
---@return { path: string, settings: table[], enable: string }[] dirs
function M.arrange(facts, limits)
  local needed, enable = {}, {}
  for i, limit in ipairs(limits) do
    needed[i] = M.controllers[limit.name]
    enable[i] = "+" .. needed[i]
  end
  local path = M.base(facts, needed)
  local dir = { path = path or facts.cgroups.v2.dir, settings = {},
    enable = table.concat(enable, " ") }
  for _, limit in ipairs(limits) do
    for _, item in ipairs(settings[limit.name](limit.value)) do
      dir.settings[#dir.settings + 1] = { file = item[1], value = item[2], optional = item[3],
        at = limit.at }
    end
  end
  return { dir }
end

return M
