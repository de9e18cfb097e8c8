--- What is done to boxes of other supervisors, by their records: only ever to the very processes
--- and cgroups that are on record, whatever has come to their pids and paths since.

local choose = require "tidelock.state.choose"
local errors = require "tidelock.error"
local read = require "tidelock.state.read"

local M = {}

local KILL = 9
local PATIENCE = 5 -- s: for what is killed, or stops

local function fail(op, record, code, why, hint)
  error(errors.new { op = op, code = code, hint = hint,
    message = ("%s %s: %s"):format(op, record.id, why) }, 0)
end

local function gone(op, record)
  fail(op, record, "ESRCH", "it has ended")
end

---The one box that the words name, as the verbs that take one want it.
---@param words string[]
---@param verb string
---@return table core
---@return table record
function M.one(words, verb)
  if not words[1] or words[2] then
    errors.refuse { field = verb, value = words[2], accepted = "one ID",
      why = words[1] and "is too much" or "there is no ID",
      hint = "tidelock ps lists the sandboxes that run" }
  end
  local core, records = choose.running(words)
  return core, records[1]
end

-- A descriptor of the box's init: from then on the pid cannot come to mean another process.
local function open_init(core, record, op)
  local pidfd, code = core.process.pidfd_open(record.init.pid)
  if not pidfd and code ~= "ESRCH" then fail(op, record, code, code) end
  if not pidfd or not read.lives(core, record.init) then gone(op, record) end
  return pidfd
end

---Sends a signal to the first process of a box. Raises where it has ended.
---@param core table
---@param record table  see tidelock.state.read
---@param number integer
function M.signal(core, record, number)
  local pidfd = open_init(core, record, "kill")
  local good, code = core.process.pidfd_send_signal(pidfd, number)
  pidfd:close()
  if good then return end
  if code == "ESRCH" then gone("kill", record) end
  fail("kill", record, code, code)
end

-- What call(group) returns, for the box's cgroup: nil where it has none. Another's that has come to
-- its path is not touched. A group that was not forgotten would be killed when it is collected.
local function with_group(core, record, op, call)
  if not record.cgroup then return nil end
  local group, known = core.cgroup.new(), record.identities or {}
  for i, top in ipairs(record.cgroups) do
    local identity = known[i] or {}
    local good, code = group:adopt(top, record.cgroup, identity.inode, identity.made)
    if not good then
      group:forget()
      if code == "ENOENT" or code == "ESTALE" then gone(op, record) end
      fail(op, record, code, ("its cgroup cannot be opened: %s"):format(code))
    end
  end
  local good, code = call(group)
  group:forget()
  return good or false, code
end

-- Does everything that it started end with the init? It is PID 1 of a namespace then.
local function holds_all(core, record)
  local status = core.host.read(("/proc/%d/status"):format(record.init.pid), 65536) or ""
  return status:match("\nNSpid:[^\n]*%s1\n") ~= nil
end

---Kills every process of a box and waits for their end. Raises where that cannot be.
---@param core table
---@param record table
function M.kill_all(core, record)
  local pidfd = open_init(core, record, "kill --all")
  local found = with_group(core, record, "kill --all", function(group) group:kill() end)
  if found == nil and not holds_all(core, record) then
    fail("kill --all", record, "EOPNOTSUPP",
      "neither a cgroup nor a pid namespace of its own tells what belongs to it",
      ("tidelock kill %s KILL ends its first process"):format(record.id))
  end
  core.process.pidfd_send_signal(pidfd, KILL)
  local ended = core.poll.wait({ pidfd }, PATIENCE)[1]
  pidfd:close()
  if not ended then
    fail("kill --all", record, "ETIMEDOUT", ("it is killed, but not gone after %d s: its supervisor"
      .. " has not waited for all of it"):format(PATIENCE))
  end
end

local function check(op, record, good, code)
  if good then return end
  if good == nil then
    fail(op, record, "EOPNOTSUPP", "it has no cgroup, by which alone all of it can be stopped",
      "a limit gives a box one: --pids 4096")
  elseif code == "ENOENT" then
    fail(op, record, code, "its cgroup has no freezer",
      "cgroup v1: mount -t cgroup -o freezer none /sys/fs/cgroup/freezer; v2: Linux 5.2")
  elseif code == "ETIMEDOUT" then
    fail(op, record, code,
      ("not all of it stood still after %d s, and it goes on"):format(PATIENCE))
  elseif code == "ENODEV" then
    gone(op, record)
  end
  fail(op, record, code, code)
end

---Stops all of a box where it stands. Raises where that cannot be.
---@param core table
---@param record table
function M.pause(core, record)
  open_init(core, record, "pause"):close()
  check("pause", record, with_group(core, record, "pause", function(group)
    return group:freeze(PATIENCE)
  end))
end

---Lets it go on.
---@param core table
---@param record table
function M.resume(core, record)
  open_init(core, record, "resume"):close()
  check("resume", record, with_group(core, record, "resume", function(group)
    return group:thaw(PATIENCE)
  end))
end

return M
