--- Where in the unified hierarchy a box's cgroup can be: what the caller may write to, and what
--- hands the controllers down. A cgroup that has processes may not (cgroups(7), "no internal
--- processes"), so that this is often not the caller's own but one above it; and where only its own
--- is the caller's (systemd's Delegate=), the caller steps aside into one below.

local M = {}

---@class tidelock.CgroupSpot
---@field path string
---@field aside true?  once the caller has left it for one below

---@class tidelock.CgroupObstacle
---@field kind "kernel"|"given"|"busy"|"rights"
---@field controller string?
---@field path string

local function words(text)
  local set = {}
  for word in (text or ""):gmatch("%S+") do set[word] = true end
  return set
end

local function controllers(facts, dir) return words(facts.read(dir .. "/cgroup.controllers")) end

-- Processes are moved by who may write to the cgroup.procs of where both places meet.
local function is_callers(facts, dir)
  return facts.writable(dir) and facts.writable(dir .. "/cgroup.procs")
end

-- The hierarchy's root has no cgroup.events, and is free of that rule.
local function may_hand_down(facts, dir)
  return facts.writable(dir .. "/cgroup.subtree_control")
    and (not facts.stat(dir .. "/cgroup.events") or facts.read(dir .. "/cgroup.procs") == "")
end

local function lacks(set, needed)
  for _, controller in ipairs(needed) do
    if not set[controller] then return controller end
  end
end

-- Nobody in it but this process and children of its own: those it can move.
local function is_alone(facts, dir)
  local own = (facts.read "/proc/self/stat" or ""):match("^%d+")
  local list = facts.read(dir .. "/cgroup.procs")
  if not own or not list then return false end
  for pid in list:gmatch("%S+") do
    local parent = pid ~= own
      and (facts.read(("/proc/%s/stat"):format(pid)) or ""):match("^.*%) %a (%d+)")
    if parent and parent ~= own or parent == nil then return false end
  end
  return true
end

local function steps_aside(facts, dir, needed)
  return not lacks(controllers(facts, dir), needed) and is_callers(facts, dir)
    and facts.writable(dir .. "/cgroup.subtree_control") and is_alone(facts, dir)
end

-- Why there is no place: the first thing to change. What is mounted need not be the root.
local function obstacle(facts, needed)
  local place = facts.cgroups.v2
  local absent = lacks(controllers(facts, place.mount), needed)
  if absent and not facts.stat(place.mount .. "/cgroup.events") then
    return { kind = "kernel", controller = absent, path = place.mount }
  end
  absent = lacks(controllers(facts, place.dir), needed)
  if absent then return { kind = "given", controller = absent, path = place.dir } end
  local own = is_callers(facts, place.dir)
    and facts.writable(place.dir .. "/cgroup.subtree_control")
  return { kind = own and "busy" or "rights", controller = needed[1], path = place.dir }
end

---Where a box can have these controllers.
---@param facts table
---@param needed string[]
---@return tidelock.CgroupSpot?
---@return tidelock.CgroupObstacle? why
function M.find(facts, needed)
  local place = facts.cgroups.v2
  local dir = place.dir
  while true do
    local given = words(facts.read(dir .. "/cgroup.subtree_control"))
    if not lacks(controllers(facts, dir), needed) and is_callers(facts, dir)
      and (not lacks(given, needed) or may_hand_down(facts, dir)) then
      return { path = dir }
    end
    if dir == place.mount then break end
    dir = dir:match("^(.*)/[^/]+$")
  end
  if steps_aside(facts, place.dir, needed) then return { path = place.dir, aside = true } end
  return nil, obstacle(facts, needed)
end

-- What containers are given to hand on: not what counts for all of them together (rdma, misc).
local HANDED_ON = { "cpu", "cpuset", "hugetlb", "io", "memory", "pids" }

---All that the place hands down anyway, besides: to turn on more would concern its other cgroups.
---@param facts table
---@param spot tidelock.CgroupSpot
---@param needed string[]
---@return string[] sorted
function M.all(facts, spot, needed)
  local set = words(table.concat(needed, " "))
  local there = spot.aside and controllers(facts, spot.path)
    or words(facts.read(spot.path .. "/cgroup.subtree_control"))
  for _, name in ipairs(HANDED_ON) do set[name] = set[name] or there[name] end
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

---@param why tidelock.CgroupObstacle
---@return string
function M.text(why)
  local what = why.controller and ("the %s controller (cgroup v2)"):format(why.controller)
    or "a cgroup of one's own (cgroup v2)"
  if why.kind == "kernel" then
    return ("%s is not in the unified hierarchy of this host"):format(what)
  elseif why.kind == "given" then
    return ("%s is not given to this cgroup, %s"):format(what, why.path)
  elseif why.kind == "busy" then
    return ("%s is not to be had: %s has other processes, and a cgroup that has some hands nothing"
      .. " down"):format(what, why.path)
  end
  return ("%s is not the caller's to use: no cgroup from %s up may have children with it"):format(
    what, why.path)
end

return M
