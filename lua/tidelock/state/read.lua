--- The records of STATE/boxes, read back. What is in them is believed only after a look: files of
--- the caller's own and no links, every field of its type, and processes that are still the same.

local errors = require "tidelock.error"
local state = require "tidelock.state"

local M = {}

local LARGEST = 65536
local TICKS = 100 -- a second, of proc_pid_stat(5): USER_HZ
local LAST_PID = 4194304

local function refuse_folder(path, why)
  error(errors.new { op = "state", path = path, code = "EPERM",
    message = ("the state directory %s is not the caller's alone: %s"):format(
      errors.printable(path, 200), why) }, 0)
end

-- A directory that only the caller can write, or nil where there is none.
local function own_folder(core, at, name, path)
  local fd, code = core.file.openat2(at, name, { flags = { "path", "directory", "nofollow" } })
  if not fd then
    if code == "ENOENT" then return nil end
    refuse_folder(path, code == "ENOTDIR" and "it is a link, or no directory" or code)
  end
  local stat = core.file.fstat(fd)
  if stat.uid ~= core.host.ids().euid then
    refuse_folder(path, ("its owner is %.0f"):format(stat.uid))
  elseif math.floor(stat.mode / 16) % 2 == 1 or math.floor(stat.mode / 2) % 2 == 1 then
    refuse_folder(path, "others can write it")
  end
  return fd
end

---The directory of the records. Raises where somebody else could have written them.
---@param core table
---@param dir string  the state directory
---@return table? fd  nil: there is none
---@return string path
function M.folder(core, dir)
  local path = dir .. "/boxes"
  local top = own_folder(core, nil, dir, dir)
  local boxes = top and own_folder(core, top, "boxes", path)
  if top then top:close() end
  return boxes, path
end

local function is_process(value)
  return type(value) == "table" and type(value.pid) == "number" and value.pid % 1 == 0
    and value.pid >= 1 and value.pid <= LAST_PID
    and type(value.start) == "string" and value.start:find("^%d+$") ~= nil and #value.start < 20
end

local function is_text(value) return type(value) == "string" end

local function is_list(value, of)
  if type(value) ~= "table" then return false end
  local count = 0
  for key, item in pairs(value) do
    if type(key) ~= "number" or not of(item) then return false end
    count = count + 1
  end
  return count == #value
end

-- Names of directories, and nothing that leads elsewhere.
local function is_path(path)
  if not is_text(path) or #path > 4096 or path:find("[%z\1-\31\127]") then return false end
  for part in (path .. "/"):gmatch("([^/]*)/") do
    if part == "" or part == "." or part == ".." then return false end
  end
  return true
end

local function is_absolute(path)
  return path == "/" or is_text(path) and path:sub(1, 1) == "/" and is_path(path:sub(2))
end

local function is_identity(value)
  return type(value) == "table" and is_text(value.inode) and value.inode:find("^%d+$") ~= nil
    and type(value.made) == "number" and value.made % 1 == 0 and value.made >= 0
    and value.made < 2 ^ 32
end

local function is_number(value) return type(value) == "number" and math.abs(value) < 2 ^ 53 end
local function is_version(value) return value == 1 or value == 2 end

-- Every field, and what it must be if it is there.
local FIELDS = {
  name = is_text, pid_namespace = is_text, supervisor = is_process, init = is_process,
  uid = is_number, started = is_number, spec = is_text, version = is_version, cgroup = is_path,
  command = function(value) return is_list(value, is_text) end,
  limits = function(value) return is_list(value, is_text) end,
  cgroups = function(value) return is_list(value, is_absolute) end,
  identities = function(value) return is_list(value, is_identity) end,
  engines = function(value) return value == true end,
}

---What the text of a record says, or nil where it is none.
---@param text string
---@param name string  of the box, by that of its file
---@return table? record
function M.parse(text, name)
  local found = require("tidelock.json").decode(text)
  if type(found) ~= "table" or found.name ~= name then return nil end
  local record = {}
  for field, good in pairs(FIELDS) do
    if found[field] ~= nil then
      if not good(found[field]) then return nil end
      record[field] = found[field]
    end
  end
  if (record.cgroup == nil) ~= (record.cgroups == nil) then return nil end
  return record
end

-- The text of a file of the caller's own, or nil and "gone" or "foreign".
local function read_own(core, boxes, file, uid)
  local fd, code = core.file.openat2(boxes, file, { flags = { "nofollow", "nonblock" },
    resolve = { "beneath", "no_symlinks" } })
  if not fd then return nil, code == "ENOENT" and "gone" or "foreign" end
  local stat = core.file.fstat(fd)
  local good = stat.type == "file" and stat.uid == uid
  local text = good and stat.size <= LARGEST and fd:read(stat.size + 1) or nil
  fd:close()
  if not good then return nil, "foreign" end
  return text or ""
end

---Calls visit(file, name, record, problem) for each file that is named as a record is: `problem` is
---"foreign" for what is not a file of the caller's own, and "half" for what is no record.
---@param core table
---@param dir string  the state directory
---@param visit function
function M.each(core, dir, visit)
  local boxes, path = M.folder(core, dir)
  if not boxes then return end
  local uid, files = core.host.ids().euid, core.host.list(path) or {}
  table.sort(files)
  for _, file in ipairs(files) do
    local name, ending = file:match("^(%d+%-%d+%-%d+)%.json(.*)$")
    if name and (ending == "" or ending == ".new") then
      local text, problem = read_own(core, boxes, file, uid)
      local record = text and ending == "" and M.parse(text, name) or nil
      if problem ~= "gone" then
        visit(file, name, record, problem or not record and "half" or nil)
      end
    end
  end
  boxes:close()
end

---Is this process still there, and no other of its pid?
---@param core table
---@param process { pid: integer, start: string }
---@return boolean
function M.lives(core, process)
  local letter, start = state.process(core, process.pid)
  return letter ~= nil and letter ~= "Z" and letter ~= "X" and start == process.start
end

---The supervisor that the name of a box tells.
---@param name string
---@return { pid: integer, start: string }
function M.supervisor(name)
  local pid, start = name:match("^(%d+)%-(%d+)%-")
  return { pid = tonumber(pid), start = start }
end

---What people call a box by: digits that say nothing, so that a few of them tell it from others.
---@param core table
---@param name string
---@return string
function M.id(core, name)
  return core.filter.sha256(name):sub(1, 8)
end

local function older(a, b)
  local one, other = tonumber(a.init.start), tonumber(b.init.start)
  if one ~= other then return one < other end
  return a.name < b.name
end

---The boxes that run, the oldest first: their records, with `id` and `age` in seconds.
---@param core table
---@param dir string  the state directory
---@return table[]
function M.running(core, dir)
  local list, here = {}, core.host.readlink "/proc/self/ns/pid"
  local now = tonumber((core.host.read("/proc/uptime", 64) or ""):match("^[%d.]+")) or 0
  local known = {}
  local function supervised(name)
    local supervisor = M.supervisor(name)
    local key = supervisor.pid .. " " .. supervisor.start
    if known[key] == nil then known[key] = M.lives(core, supervisor) end
    return known[key]
  end
  M.each(core, dir, function(_, name, record)
    if record and record.init and record.pid_namespace == here and supervised(name)
      and M.lives(core, record.init) then
      record.id, record.age = M.id(core, name), math.max(0, now - record.init.start / TICKS)
      list[#list + 1] = record
    end
  end)
  table.sort(list, older)
  return list
end

return M
