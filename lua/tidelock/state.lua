--- Records of the boxes that run, one JSON file each in STATE/boxes: what others find a box by, and
--- what is left of it when its supervisor is killed. A cgroup outlives its supervisor, and is on
--- record before it is made; a box without one is recorded when it has lived for a moment.

local errors = require "tidelock.error"

local M = {}

local boxes_of_this_process = 0
-- By pid: a child that was forked is another process.
local own_starts = {}
-- Records, and cgroups with theirs, that go with this process at the latest.
local held = setmetatable({}, { __mode = "k" })

-- The 22nd field of proc_pid_stat(5); a name may have spaces and parentheses.
local STAT = "^.*%) (%a) " .. ("%S+ "):rep(18) .. "(%d+)"

---State letter and start time, in ticks since boot: with the pid they name one process for good.
---@param core table
---@param pid integer|"self"
---@return string? letter  nil: there is no such process
---@return string? start
function M.process(core, pid)
  return (core.host.read(("/proc/%s/stat"):format(pid), 4096) or ""):match(STAT)
end

-- The pid and start time of this process.
local function own(core)
  local pid = core.process.getpid()
  if not own_starts[pid] then
    local _, start = M.process(core, "self")
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

---@class tidelock.Record
---@field name string
---@field path string   of its file
---@field pid integer   of the process that writes it
local Record = {}
Record.__index = Record

---What will be on record of a box. Nothing is written yet.
---@param prepared tidelock.Prepared
---@return tidelock.Record
function M.record(prepared)
  local core, cgroup, state = require "tidelock.core", prepared.norm.cgroup, prepared.facts.state
  local name = cgroup and cgroup.name or M.new_name(core)
  return setmetatable({
    core = core, prepared = prepared, name = name, pid = core.process.getpid(),
    path = ("%s/boxes/%s.json"):format(state, name),
  }, Record)
end

local function control(byte)
  return ("\\u%04x"):format(byte:byte())
end

local function quoted(text)
  text = text:gsub('["\\]', "\\%0")
  return '"' .. text:gsub("[%z\1-\31\127]", control) .. '"'
end

-- Hostile words, and as many as one likes.
local WORDS, WIDTH, ROOM = 32, 128, 512

local function shown(words)
  local list, room = {}, ROOM
  for i, word in ipairs(words) do
    if i > WORDS or room < 4 then
      list[i] = "..."
      break
    end
    list[i] = errors.printable(word, math.min(WIDTH, room))
    room = room - #list[i]
  end
  return list
end

local function array(texts)
  local list = {}
  for i, text in ipairs(texts) do list[i] = quoted(text) end
  return "[" .. table.concat(list, ",") .. "]"
end

local function process_object(pid, start)
  return ('{"pid":%d,"start":"%s"}'):format(pid, start)
end

local function limits(norm)
  local list = {}
  for i, limit in ipairs(norm.cgroup and norm.cgroup.limits or {}) do
    list[i] = errors.printable(limit.name .. " " .. limit.text)
  end
  return array(list)
end

local function identities(list)
  local out = {}
  for i, identity in ipairs(list) do
    out[i] = ('{"inode":"%s","made":%.0f}'):format(identity.inode, identity.made)
  end
  return "[" .. table.concat(out, ",") .. "]"
end

local function cgroup_fields(parts, cgroup, known)
  local tops = {}
  for i, dir in ipairs(cgroup.dirs) do tops[i] = dir.path end
  local function add(text) parts[#parts + 1] = text end
  add(',"version":' .. cgroup.version)
  add(',"cgroup":' .. quoted(cgroup.path))
  add(',"cgroups":' .. array(tops))
  if cgroup.engines then add ',"engines":true' end
  if known then add(',"identities":' .. identities(known)) end
end

-- By hand: every plain run passes here, and a general encoder takes longer to load.
local function text_of(record)
  local core, prepared = record.core, record.prepared
  local norm, source = prepared.norm, prepared.norm.bundle or prepared.source
  local pid, start = own(core)
  local parts = {
    '{"name":"', record.name, '","supervisor":', process_object(pid, start),
    ',"pid_namespace":', quoted(core.host.readlink "/proc/self/ns/pid" or ""),
    (',"uid":%.0f,"started":%.0f'):format(prepared.facts.uid, record.started or os.time()),
    ',"command":', array(shown(norm.command or {})), ',"limits":', limits(norm),
  }
  local function add(text) parts[#parts + 1] = text end
  if record.init then add(',"init":' .. process_object(record.init.pid, record.init.start)) end
  if source then add(',"spec":' .. quoted(errors.printable(source, 256))) end
  if norm.cgroup then cgroup_fields(parts, norm.cgroup, record.identities) end
  add "}\n"
  return table.concat(parts)
end

local function try(record)
  local state = record.prepared.facts.state
  return record.core.host.record(state, record.name .. ".json", text_of(record))
end

---Writes it, as a whole. Raises where that is impossible.
function Record:write()
  self.started = self.started or os.time()
  local good, code = try(self)
  if good then return end
  local state = self.prepared.facts.state
  error(errors.new { op = "state", path = self.path, code = code,
    message = ("the record %s cannot be written: %s"):format(self.path, code),
    hint = code == "EPERM" and ("%s and %s/boxes must be directories of the caller's own, which"
      .. " nobody else may write"):format(state, state) or nil }, 0)
end

---The box runs: it can be found from now on.
---@param pid integer  of its init
---@return boolean good  false: the state directory cannot be written
function Record:found_by(pid)
  local _, start = M.process(self.core, pid)
  self.init = { pid = pid, start = start or "0" }
  return try(self) or false
end

---Did this process write it, and not one that it was forked from?
function Record:is_own() return self.core.process.getpid() == self.pid end

---The box has ended.
function Record:remove()
  held[self] = nil
  if self:is_own() then os.remove(self.path) end
end

Record.leave = Record.remove

---The box runs, and can be found from now on, where the state directory can be written. Without a
---cgroup its record goes with facts.release().
---@param prepared tidelock.Prepared
---@param box table  of core.launch
function M.found(prepared, box)
  local record = prepared.cgroup and prepared.cgroup.record
  if not record then
    record = M.record(prepared)
    prepared.facts.record = record
  end
  record:found_by(box:pid())
end

---The same for a box that stays: its record goes also when that is lost, or left to the end of the
---process.
---@param prepared tidelock.Prepared
---@param box table
function M.hold(prepared, box)
  M.found(prepared, box)
  local record = prepared.facts.record
  held[prepared.cgroup or record] = true
  -- What holds a cgroup is removed with that when it is lost.
  if not record then return end
  record.guard = newproxy(true)
  getmetatable(record.guard).__gc = function() record:remove() end
end

---Removes what is left of the boxes that end with this process.
function M.leave()
  for holder in pairs(held) do holder:leave() end
end

---The boxes that run.
---@param core table
---@param state string
---@return table[] records  see tidelock.state.read
function M.running(core, state)
  return require("tidelock.state.read").running(core, state)
end

---Removes what killed supervisors left.
---@param core table
---@param state string
function M.sweep(core, state)
  require("tidelock.state.left").sweep(core, state)
end

return M
