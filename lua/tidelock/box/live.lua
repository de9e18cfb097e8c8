--- A box while it runs: its numbers, its limits, paused and resumed. Methods of tidelock.box.

local errors = require "tidelock.error"
local origin = require "tidelock.origin"

---@class tidelock.Box
local M = {}

local STILL_WITHIN = 10 -- s

local function no_cgroup(op)
  return errors.new { op = op, code = "ENOENT", message = op .. ": the box has no cgroup",
    hint = "give its spec a limit, limits { pids = 1000 } for one", at = origin.find() }
end

local function failed(op, code)
  return errors.new { op = op, code = code, at = origin.find(),
    message = code == "ENOENT" and op .. ": the box has no freezer here"
      or code == "ETIMEDOUT" and ("%s: not all of the box stood still within %d s"):format(op,
        STILL_WITHIN)
      or ("%s: %s"):format(op, code) }
end

---What the box has used by now: seconds, bytes and counts; what is not known is nil.
---@param detail boolean?  also what its memory is used for
---@return tidelock.CgroupStats?
---@return tidelock.Error? err
function M:stats(detail)
  if self.stopped then return nil, self:refuse_gone() end
  if not self.cgroup then return nil, no_cgroup "stats" end
  return self.cgroup.group:stats(detail)
end

---Other limits, from now on: all of them or none. A limit that is false is taken away; those that
---are not named stay.
---@param t table  as `limits` of a spec
---@return boolean? ok
---@return tidelock.Error? err
function M:update(t)
  local at = origin.find()
  local err = self.stopped and self:refuse_gone() or not self.cgroup and no_cgroup "update"
  if err then return nil, err end
  return require("tidelock.box.update").update(self, t, at)
end

---Stops every process of the box where it is; exec and files have to wait until it goes on.
---@return boolean? ok
---@return tidelock.Error? err
function M:pause()
  if self.paused then return true end
  local err = self:refuse_gone() or not self.cgroup and no_cgroup "pause"
  if err then return nil, err end
  local good, code = self.cgroup.group:freeze(STILL_WITHIN)
  if not good then return nil, failed("pause", code) end
  self.paused = true
  return true
end

---@return boolean? ok
---@return tidelock.Error? err
function M:resume()
  if not self.paused then return true end
  local good, code = self.cgroup.group:thaw(STILL_WITHIN)
  if not good then return nil, failed("resume", code) end
  self.paused = nil
  return true
end

---To wait for with others (tidelock.loop, core.poll): memory.events or cgroup.events changes, or
---pressure reaches a trigger such as "some 150000 2000000" (us of us) of cpu.pressure,
---memory.pressure or io.pressure. cgroup v2; accounting/psi.rst.
---@param file string
---@param trigger string?
---@return tidelock.cgroup_event?
---@return tidelock.Error? err
function M:event(file, trigger)
  local err = self:refuse_gone() or not self.cgroup and no_cgroup "event"
  if err then return nil, err end
  local event, code = self.cgroup.group:event(file, trigger)
  if event then return event end
  return nil, errors.new { op = "event", code = code, path = file, at = origin.find(),
    message = ("event: %s: %s"):format(errors.printable(file), code),
    hint = code == "EINVAL" and "without CAP_SYS_RESOURCE the time is a multiple of 2 s" or nil }
end

return M
