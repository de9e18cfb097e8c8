-- The cgroups of the machine that a spec runs on: v1 as on a hybrid host, or the unified hierarchy
-- as scripts/dev/vm has it.
local run = require "spec.support.run"

local M = {}

---1, 2, or nil where no hierarchy has controllers.
function M.version()
  if run.read("/proc/self/mountinfo"):find(" /sys/fs/cgroup [^\n]* %- cgroup2 ") then return 2 end
  return run.read("/proc/self/cgroup"):find(":memory:", 1, true) and 1 or nil
end

---Skips, with the reason, what this user has no limits for.
---@param version 1|2|nil  of that hierarchy only
function M.needs(version)
  local there = M.version()
  if not there then run.skip "needs cgroup controllers" end
  if version and version ~= there then
    run.skip(("needs the controllers on cgroup v%d"):format(version))
  end
  if run.who() ~= "root" and there == 1 then run.skip "needs root, or cgroup v2" end
end

---The directories of boxes that are there, one a line.
---@return string
function M.left()
  return run.run("find /sys/fs/cgroup -path '*/tidelock/*' -type d 2>/dev/null").stdout
end

---The pids in the cgroups of boxes.
---@return string
function M.living()
  return run.run("find /sys/fs/cgroup -path '*/tidelock/*' -name cgroup.procs -exec cat {} + "
    .. "2>/dev/null | sort -u").stdout
end

return M
