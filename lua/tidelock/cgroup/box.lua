--- The cgroups of one box while it runs: its record, the watch for the end of memory, the numbers.

local M = {}

-- The kernel tells that memory has run out before it kills: how long that may take, and how often
-- to look. Seconds.
local KILL_WITHIN, LOOK_EVERY = 0.5, 0.002

local Box = {}
Box.__index = Box

---@class tidelock.CgroupBox
---@field group table  of core.cgroup, for core.launch.start

-- What an engine names must be new: it goes with the container, and all that is in it.
local function refuse_taken(core, state, cgroup)
  for _, dir in ipairs(cgroup.dirs) do
    local path = dir.path .. "/" .. cgroup.path
    if core.host.stat(path, false) then
      -- It may be what a killed supervisor left of this very container.
      require("tidelock.state").sweep(core, state)
    end
    if core.host.stat(path, false) then
      require("tidelock.error").refuse { field = "linux.cgroupsPath", value = cgroup.path,
        at = cgroup.at, why = "is there already: " .. path,
        accepted = "a path that no other container has" }
    end
  end
end

---Records what is about to be made.
---@param prepared tidelock.Prepared
---@return tidelock.CgroupBox
function M.begin(prepared)
  local core = require "tidelock.core"
  local cgroup, state = prepared.norm.cgroup, prepared.facts.state
  if cgroup.engines then refuse_taken(core, state, cgroup) end
  local record = require("tidelock.state").record(prepared)
  record:write()
  return setmetatable({
    core = core, cgroup = cgroup, state = state, group = core.cgroup.new(), record = record,
  }, Box)
end

---While the box runs: time for what its start did not need.
function Box:started()
  if self.cgroup.engines then
    self.record.identities = self.group:identities()
    self.record:write()
  end
  require("tidelock.state").sweep(self.core, self.state)
  -- v2 kills all by itself (memory.oom.group), and what need not die as a whole is the kernel's.
  if self.cgroup.oom == "group" then self.event = self.group:oom_event() end
end

-- What the supervisor's loop waits for; nil where there is nothing.
function Box:watch()
  return self.event and self
end

function Box:pollfd() return self.event:pollfd() end

---Seconds after which to look again, or nil.
function Box:timeout() return self.until_time and LOOK_EVERY or nil end

---The kernel kills one process; a box dies as a whole.
---@param ready boolean  the event came
function Box:look(ready)
  local now = self.core.process.clock()
  if ready then
    self.event:read(8)
    self.until_time = now + KILL_WITHIN
  end
  if not self.until_time then return end
  if self.group:oom() then
    self.until_time = nil
    self.group:kill()
  elseif now > self.until_time then
    self.until_time = nil -- a cgroup above ran out, and another box paid
  end
end

---What a process writes "0" to, to join one of the box's cgroups (v1), or the directory for it to
---begin in (v2): the caller closes it.
---@param index integer
---@return table fd
function Box:entry(index)
  local dir = self.cgroup.dirs[index]
  local path = ("%s/%s%s"):format(dir.path, self.cgroup.path,
    self.cgroup.version == 1 and "/tasks" or "")
  local fd, code
  if self.cgroup.version == 1 then
    fd, code = self.core.process.open(path, "a")
  else
    fd, code = self.core.file.openat2(nil, path, { flags = { "path", "directory", "nofollow" } })
  end
  if fd then return fd end
  local errors = require "tidelock.error"
  error(errors.new { op = "exec", code = code, path = path,
    message = ("the box's cgroup is gone: %s: %s"):format(path, code) }, 0)
end

local function limit(cgroup, name)
  for _, item in ipairs(cgroup.limits) do
    if item.name == name then return item end
  end
end

---The limit on memory if it has killed something.
---@return { text: string, at: string }?
function Box:memory_limit()
  return self.group:oom() and limit(self.cgroup, "memory") or nil
end

-- What the limits did to it: asked of a box that ended well, too, for a shell may have lost what it
-- ran and not have noticed.
local function explain(self, report)
  local memory, pids = self:memory_limit(), limit(self.cgroup, "pids")
  -- One that lost a process and went on was not killed.
  local died = self.cgroup.oom == "group" or report.signal == "KILL"
  if memory and died then
    if report.reason ~= "timeout" then require("tidelock.report").out_of_memory(report, memory) end
  elseif memory and not report.ok then
    report.hint = ("the memory limit %s killed a process of it (%s)"):format(memory.text, memory.at)
  elseif pids and not report.ok and (report.usage.forks_refused or 0) > 0 then
    report.hint = ("the limit of %s processes refused %d new ones (limits.pids, %s)"):format(
      pids.text, report.usage.forks_refused, pids.at)
  end
end

---After the end of the last process: numbers and reason into the report, and nothing is left.
---@param report tidelock.Report
---@param told boolean?  somebody wants the numbers
function Box:finish(report, told)
  if report.reason ~= "setup" then
    if told or not report.ok then
      require("tidelock.cgroup.usage").add(report, self.group:stats(told))
    end
    explain(self, report)
  end
  self:remove(report)
end

---This process ends, and its box with it. A child that was forked leaves it alone.
function Box:leave()
  if self.record:is_own() then self:remove() end
end

---Removes the cgroups and their record; what cannot be removed is kept on record, and noted.
---@param report tidelock.Report?
function Box:remove(report)
  if self.event then self.event:close() end
  local good, code = self.group:close()
  if good then
    self.record:remove()
  elseif report then
    report.notes[#report.notes + 1] = { text = ("the cgroup %s could not be removed: %s")
      :format(self.cgroup.path, code) }
  end
end

return M
