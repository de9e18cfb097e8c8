--- Other limits for a box that runs: all of the changes, or none.

local errors = require "tidelock.error"

local M = {}

-- Said when the box starts: who its cgroup belongs to, and who looks after its end.
local FIXED = { delegate = true, oom = true }

-- What a file has in a new cgroup: cgroup-v2.rst; cgroup-v1/memory.rst, scheduler/sched-bwc.rst.
local UNLIMITED = {
  ["memory.max"] = "max", ["memory.high"] = "max", ["memory.low"] = "0", ["memory.min"] = "0",
  ["memory.swap.max"] = "max", ["memory.oom.group"] = "0", ["pids.max"] = "max",
  ["cpu.max"] = "max", ["cpu.max.burst"] = "0", ["cpu.weight"] = "100", ["cpu.idle"] = "0",
  ["io.weight"] = "100",
  ["memory.limit_in_bytes"] = "-1", ["memory.memsw.limit_in_bytes"] = "-1",
  ["memory.soft_limit_in_bytes"] = "-1", ["cpu.cfs_quota_us"] = "-1",
  ["cpu.cfs_burst_us"] = "0", ["cpu.shares"] = "1024", ["cpu.cfs_period_us"] = "100000",
}

local function name_of(setting) return setting.file .. "\0" .. setting.value end

-- What the file of a limit that is taken away goes back to.
local function undone(setting, at)
  local value = UNLIMITED[setting.file]
  if not value then
    errors.refuse { field = setting.field, at = at,
      why = ("cannot be taken away while the box runs: %s"):format(setting.file) }
  end
  return { file = setting.file, value = value, field = setting.field, at = at,
    optional = setting.optional }
end

-- What is to be written so that the files say what `new` says and no more.
local function difference(old, new, at)
  local known, files, list = {}, {}, {}
  for _, setting in ipairs(old) do
    if setting.file then known[name_of(setting)] = true end
  end
  for _, setting in ipairs(new) do
    if setting.file then
      files[setting.file] = true
      if not known[name_of(setting)] then list[#list + 1] = setting end
    end
  end
  for _, setting in ipairs(old) do
    if setting.file and not files[setting.file] then list[#list + 1] = undone(setting, at) end
  end
  return list
end

-- In whatever order the kernel takes them: memory.memsw must not be below memory, now and then.
local function write(group, list)
  local done, pending, before = {}, list
  repeat
    before = #pending
    local failed = {}
    for _, setting in ipairs(pending) do
      local was = group:read(setting.file)
      local good, code = group:write(setting.file, setting.value)
      if good then
        done[#done + 1] = { file = setting.file, value = (was or ""):gsub("%s+$", "") }
      elseif code ~= "ENOENT" or not setting.optional then
        failed[#failed + 1] = setting
        setting.code = code
      end
    end
    pending = failed
  until not pending[1] or #pending == before
  return pending[1], done
end

local HINTS = {
  ENOENT = "the box was started without any limit of that controller, and has none to change",
  EBUSY = "what the box uses now cannot be brought below that",
  EINVAL = "the kernel does not take this value here",
  EACCES = "a cgroup above the box's has less",
}

---@param box tidelock.Box
---@param t table   as limits of a spec
---@param at string
---@return boolean? ok
---@return tidelock.Error? err
function M.update(box, t, at)
  local schema, norm = require "tidelock.schema.limits", box.norm
  local changes = schema.limits(t, at, "limits")
  for key in pairs(changes) do
    if FIXED[schema.parts(key)] then
      errors.refuse { field = "limits." .. key, at = at, why = "is said when the box starts" }
    end
  end
  local new = require("tidelock.normalise.limits").changed(norm, box.facts, changes, at)
  local cgroup, group = norm.cgroup, box.cgroup.group
  local failed, done = write(group, difference(cgroup.settings, new.settings, at))
  if failed then
    local back = {}
    for i = #done, 1, -1 do back[#back + 1] = done[i] end
    local stays = write(group, back)
    return nil, errors.new { op = "update", code = failed.code, at = at, hint = HINTS[failed.code],
      message = ("%s: %s cannot be set to %s: %s%s"):format(failed.field, failed.file,
        errors.printable(failed.value), failed.code,
        stays and (", and %s is not what it was: %s"):format(stays.file, stays.code) or "") }
  end
  cgroup.flat, cgroup.asked_at, cgroup.limits = new.flat, new.asked_at, new.limits
  cgroup.settings = new.settings
  box.cgroup.record:found_by(box:pid()) -- where `tidelock ps` reads the limits
  return true
end

return M
