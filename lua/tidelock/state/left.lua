--- What supervisors left that were killed: records whose supervisor is gone, with the cgroups that
--- they name and an init that refused to die. Nothing else is touched.

local read = require "tidelock.state.read"

local M = {}

local swept = {}

local KILL = 9
-- Seconds. What dies with its supervisor is on its way; what is killed has so long.
local GRACE, DEADLINE, LOOK_EVERY = 0.2, 5, 0.02

-- Calls visit(file, name, record, problem) for what is left. A pid of another namespace says
-- nothing here.
local function each(core, dir, visit)
  local here = core.host.readlink "/proc/self/ns/pid"
  read.each(core, dir, function(file, name, record, problem)
    if read.lives(core, read.supervisor(name)) then return end
    if record and record.pid_namespace ~= here then return end
    visit(file, name, record, problem)
  end)
end

---The names of the boxes on record whose supervisor is gone: what repair removes.
---@param core table
---@param dir string  the state directory
---@return string[] names    sorted
---@return string[] foreign  named like one, and not made by a tidelock of the caller's
function M.list(core, dir)
  local names, foreign, seen = {}, {}, {}
  each(core, dir, function(file, name, _, problem)
    if problem == "foreign" then
      foreign[#foreign + 1] = file
    elseif not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end)
  table.sort(names)
  table.sort(foreign)
  return names, foreign
end

-- An init that outlives its supervisor: --no-init, or a bundle's. True when it is gone.
local function end_init(core, init, tell)
  local pidfd = core.process.pidfd_open(init.pid)
  if not pidfd then return true end
  -- After the descriptor is there the pid is that process's or nobody's.
  local gone = not read.lives(core, init) or core.poll.wait({ pidfd }, GRACE)[1] ~= nil
  if not gone then
    local good, code = core.process.pidfd_send_signal(pidfd, KILL)
    gone = good and core.poll.wait({ pidfd }, DEADLINE)[1] ~= nil
    tell("process", ("%d"):format(init.pid), gone, code or "ETIMEDOUT")
  end
  pidfd:close()
  return gone
end

-- What is not known to be the box's own goes only if nothing is in it.
local function remove_empty(core, path)
  local deadline = core.process.clock() + GRACE
  local good, code
  repeat
    good, code = core.file.unlinkat(nil, path, "removedir")
    if code ~= "EBUSY" then break end
    core.poll.wait({}, LOOK_EVERY)
  until core.process.clock() > deadline
  return good
end

-- Between its making and its being known, a killed supervisor leaves an engine's cgroup empty.
local function remove_unknown(core, record, tell)
  for _, top in ipairs(record.cgroups) do
    local path = top .. "/" .. record.cgroup
    if core.cgroup.version(path) and remove_empty(core, path) then tell("cgroup", path, true) end
  end
  return true
end

-- The directory that boxes share goes with the last of them.
local function remove_shared(core, record)
  if not record.cgroup:find("^tidelock/") then return end
  for _, top in ipairs(record.cgroups) do
    local path = top .. "/tidelock"
    if core.cgroup.version(path) then core.file.unlinkat(nil, path, "removedir") end
  end
end

local function remove_cgroups(core, record, tell)
  local known = record.identities or {}
  -- A path of an engine's may be another container's by now, and is touched only if it is not.
  if record.engines and not known[1] then return remove_unknown(core, record, tell) end
  local group, gone, adopted = core.cgroup.new(), true, {}
  local passed = { ENOENT = true, EINVAL = true, ESTALE = true }
  for i, top in ipairs(record.cgroups) do
    local identity = known[i] or {}
    local good, code = group:adopt(top, record.cgroup, identity.inode, identity.made)
    if good then adopted[#adopted + 1] = top .. "/" .. record.cgroup end
    if not good and not passed[code] then
      gone = false
      tell("cgroup", top .. "/" .. record.cgroup, false, code)
    end
  end
  group:kill()
  local good, code = group:close()
  for _, path in ipairs(adopted) do
    tell("cgroup", path, good or not core.host.stat(path, false), code)
  end
  remove_shared(core, record)
  return gone and good
end

---@class tidelock.Removed
---@field kind "process"|"cgroup"|"record"|"file"
---@field what string    a path, or a pid
---@field name string    of the box
---@field gone boolean
---@field why string?    it is still there

---Removes what killed supervisors left.
---@param core table
---@param dir string  the state directory
---@return tidelock.Removed[]  each thing that was there
function M.repair(core, dir)
  local list = {}
  each(core, dir, function(file, name, record, problem)
    local function tell(kind, what, gone, why)
      list[#list + 1] = { kind = kind, what = what, name = name, gone = gone and true or false,
        why = not gone and why or nil }
      return gone
    end
    local path = ("%s/boxes/%s"):format(dir, file)
    if problem == "foreign" then
      return tell("file", path, false, "is no record of the caller's own")
    end
    local clean = true
    -- First the cgroups: on v1 what is frozen in one does not die.
    if record and record.cgroup then clean = remove_cgroups(core, record, tell) end
    if record and record.init then clean = end_init(core, record.init, tell) and clean end
    if not clean then return tell("record", path, false, "what it names is still there") end
    -- Half a record was written before anything.
    local good, message = os.remove(path)
    tell("record", path, good, message)
  end)
  return list
end

---The same, once for a process and directory: it costs a look at every box that runs.
---@param core table
---@param dir string  the state directory
function M.sweep(core, dir)
  if swept[dir] then return end
  swept[dir] = true
  M.repair(core, dir)
end

return M
