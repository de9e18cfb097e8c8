--- Records of what outlives its supervisor when that is killed: written before the thing is made,
--- removed after it is gone, and found by the next run. One JSON file a box, in STATE/boxes.

local errors = require "tidelock.error"

local M = {}

local boxes_of_this_process = 0
-- By pid: a child that was forked is another process.
local own_starts = {}
local swept = {}

-- State letter and start time, in ticks since boot: with the pid they name one process for good.
local function process(core, pid)
  local text = core.host.read(("/proc/%s/stat"):format(pid), 4096)
  local letter, rest = (text or ""):match("^.*%) (%a) (.*)$")
  if not letter then return nil end
  local at = 4
  for word in rest:gmatch("%S+") do
    if at == 22 then return letter, word end
    at = at + 1
  end
end

-- The pid and start time of this process.
local function own(core)
  local pid = core.process.getpid()
  if not own_starts[pid] then
    local _, start = process(core, "self")
    own_starts[pid] = start or "0"
  end
  return pid, own_starts[pid]
end

---A name for a new box: pid and start time of this process, and a count.
---@param core table
---@return string
function M.new_name(core)
  boxes_of_this_process = boxes_of_this_process + 1
  local pid, start = own(core)
  return ("%d-%s-%d"):format(pid, start, boxes_of_this_process)
end

local function own_folder(host, path)
  host.mkdir(path, 448) -- 0700
  local stat, code = host.stat(path, false)
  local mine = stat and stat.type == "dir" and stat.uid == host.ids().euid
    and math.floor(stat.mode / 16) % 2 == 0 and math.floor(stat.mode / 2) % 2 == 0
  if mine then return path end
  error(errors.new { op = "state", path = path, code = code or "EPERM",
    message = ("state directory %s: %s"):format(path, code or "is not the caller's alone") }, 0)
end

local function folder(core, state)
  own_folder(core.host, state)
  return own_folder(core.host, state .. "/boxes")
end

---Writes the record of a box. Raises where that is impossible.
---@param core table
---@param state string  directory
---@param cgroup { name: string, path: string }  the box's name, and its cgroup below each of
---@param tops string[]
---@param identities { inode: string, made: integer }[]?  once they are there
---@return string path
function M.write(core, state, cgroup, tops, identities)
  local path = ("%s/%s.json"):format(folder(core, state), cgroup.name)
  local pid, start = own(core)
  local json = require "tidelock.json"
  local text = json.encode {
    name = cgroup.name, cgroup = cgroup.path, pid = pid, start = start,
    pid_namespace = core.host.readlink "/proc/self/ns/pid", cgroups = json.array(tops),
    engines = cgroup.engines or nil, identities = identities and json.array(identities),
  }
  local fd, code = core.process.open(path .. ".new", "w")
  local good = fd
  if fd then
    good, code = core.process.write(fd:pollfd(), text .. "\n")
    fd:close()
  end
  if good and os.rename(path .. ".new", path) then return path end
  os.remove(path .. ".new")
  error(errors.new { op = "state", path = path, code = code,
    message = ("record %s cannot be written: %s"):format(path, code or "EIO") }, 0)
end

local function abandoned(core, name)
  local pid, start = name:match("^(%d+)%-(%d+)%-%d+$")
  if not pid then return false end
  local letter, now = process(core, pid)
  return not letter or letter == "Z" or letter == "X" or now ~= start
end

-- Kills and removes the cgroups of a record; false where some are left.
local function clean(core, record)
  local known = type(record.identities) == "table" and record.identities or {}
  -- A path of an engine's may be another container's by now, and is touched only if it is not.
  if record.engines and not known[1] then return true end
  local group, gone = core.cgroup.new(), true
  local passed = { ENOENT = true, EINVAL = true, ESTALE = true }
  for i, parent in ipairs(record.cgroups) do
    local identity = type(known[i]) == "table" and known[i] or {}
    local good, code = group:adopt(parent, record.cgroup, identity.inode, identity.made)
    if not good and not passed[code] then gone = false end
  end
  group:kill()
  return group:close() and gone
end

local function sound(record, name)
  if type(record) ~= "table" or record.name ~= name or type(record.cgroup) ~= "string"
    or type(record.cgroups) ~= "table" then
    return false
  end
  for _, path in ipairs(record.cgroups) do
    if type(path) ~= "string" or path:sub(1, 1) ~= "/" then return false end
  end
  return true
end

-- Calls visit(path, record, name) for the record of every box whose supervisor is gone; the record
-- is nil where it is half a one. A pid of another namespace says nothing here.
local function each_abandoned(core, boxes, visit)
  local here = core.host.readlink "/proc/self/ns/pid"
  for _, file in ipairs(core.host.list(boxes) or {}) do
    local name = file:match("^([%d-]+)%.json")
    if name and abandoned(core, name) then
      local path = boxes .. "/" .. file
      local record = require("tidelock.json").decode(core.host.read(path, 65536) or "")
      if not sound(record, name) then
        visit(path, nil, name)
      elseif record.pid_namespace == here then
        visit(path, record, name)
      end
    end
  end
end

---The names of the boxes on record whose supervisor is gone: what the next sweep removes.
---@param core table
---@param state string
---@return string[]
function M.abandoned(core, state)
  local names = {}
  each_abandoned(core, state .. "/boxes", function(_, _, name) names[#names + 1] = name end)
  table.sort(names)
  return names
end

---Removes what supervisors left that were killed. Once for a process and directory: it costs a look
---at every box that runs.
---@param core table
---@param state string
function M.sweep(core, state)
  if swept[state] then return end
  swept[state] = true
  each_abandoned(core, folder(core, state), function(path, record)
    -- Half a record was written before anything.
    if not record or clean(core, record) then os.remove(path) end
  end)
end

return M
