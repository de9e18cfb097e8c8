--- Namespaces by path. init is executed in the host's, joins those that are there and makes the new
--- ones itself: a process that shares the supervisor's memory must never be where others are
--- (SEQUENCES.md, trap 4).

local M = {}

local SIGKILL = 9

local function joins(norm) return norm.joined and norm.joined[1] ~= nil end

local function bits() return require("tidelock.normalise.names").namespaces end

--- The flags of the clone: none where init makes its namespaces itself.
---@param norm table
---@return integer
function M.clone_flags(norm)
  if joins(norm) then return 0 end
  local flags = 0
  for _, name in ipairs(norm.namespaces) do flags = flags + bits()[name] end
  -- A namespace of cgroups has its root where the process is by then: it is made after the join.
  if norm.cgroup and norm.cgroup.namespace then flags = flags - bits().cgroup end
  return flags
end

--- Host lane: each is opened, and checked to be of its kind.
---@param build table
---@param norm table
function M.hold(build, norm)
  build.namespaces = {}
  for i, namespace in ipairs(norm.joined or {}) do
    build.namespaces[i] = build:new_slot()
    build:add { op = "open_namespace", slot = build.namespaces[i], path = namespace.path,
      flags = bits()[namespace.name], at = namespace.origin }
  end
end

-- Those that are left to be made by unshare(2) before the maps.
local function to_make(norm)
  local flags = 0
  for _, name in ipairs(norm.namespaces) do
    local made = name == "cgroup" and norm.cgroup and norm.cgroup.namespace
    if not made and name ~= "pid" then flags = flags + bits()[name] end
  end
  return flags
end

--- Child lane, before the maps. The pid namespace comes later: its processes could see this one.
---@param build table
---@param norm table
function M.join(build, norm)
  if not joins(norm) then return end
  build:add { op = "dumpable", value = 0 }
  -- There it may be forbidden for ever, as in one that an ordinary user made.
  if norm.identity.mode == "joined" and norm.identity.setgroups then
    build:add { op = "setgroups", gids = {} }
  end
  local function setns(name)
    for i, namespace in ipairs(norm.joined) do
      if namespace.name == name then
        build:add { op = "setns", slot = build.namespaces[i], flags = bits()[name],
          at = namespace.origin }
      end
    end
  end
  -- One's own are joined with the host's rights, before a new user namespace takes those away; a
  -- user namespace that is there may be what gives the right to join the others.
  setns "user"
  for _, name in ipairs { "cgroup", "ipc", "network", "uts" } do setns(name) end
  local flags = to_make(norm)
  if flags ~= 0 then
    build:add { op = "unshare", flags = flags, at = norm.origins.namespaces }
  end
  if not norm.identity.uid_map then return end
  -- For the parent's writing of the maps; what is joined so far sees no processes.
  if norm.identity.rootless then build:add { op = "dumpable", value = 1 } end
  build:add { op = "reach", id = build:next_rendezvous() }
end

--- Child lane, after the first identity: into the pid namespace, which only a child can be born in.
---@param build table
---@param norm table
function M.enter(build, norm)
  if not joins(norm) then return end
  local new, there = false, nil
  for _, name in ipairs(norm.namespaces) do new = new or name == "pid" end
  for i, namespace in ipairs(norm.joined) do
    if namespace.name == "pid" then there = i end
  end
  if there then
    build:add { op = "setns", slot = build.namespaces[there], flags = bits().pid,
      at = norm.joined[there].origin }
  elseif new then
    build:add { op = "unshare", flags = bits().pid, at = norm.origins.namespaces }
  else
    return
  end
  build:add { op = "enter" }
  build:add { op = "pdeathsig", signal = SIGKILL }
end

return M
