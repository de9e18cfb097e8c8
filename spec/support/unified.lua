-- A unified hierarchy for specs of whole containers: the machine's own, or, where the controllers
-- are on v1, one without any that stands alone at /sys/fs/cgroup of a mount namespace. What needs
-- no controller does not see the difference.
local core = require "tidelock.core"
local run = require "spec.support.run"

local M = {}

local function has_own() return core.cgroup.version "/sys/fs/cgroup" == 2 end

-- What is shared with the host would be unmounted there.
local ALONE = "mount --make-rprivate / && umount -l -R /sys/fs/cgroup"
  .. " && mount -t cgroup2 none /sys/fs/cgroup"

---Skips the running spec where there can be none.
function M.need()
  if run.who() ~= "root" then run.skip "needs root" end
  if not has_own() and run.run("unshare -m sh -c " .. run.quote(ALONE)).status ~= 0 then
    run.skip "needs a mount of cgroup v2"
  end
end

---As run.tl, where the unified hierarchy is the one that counts.
---@param words string[]
---@param options table?
---@return RunResult
function M.tl(words, options)
  if has_own() then return run.tl(words, options) end
  return run.run({ "unshare", "-m", "sh", "-c", ALONE .. ' && exec "$0" "$@"', run.tidelock,
    unpack(words) }, options)
end

---The same for this process, which has a mount namespace of its own.
function M.enter()
  if not has_own() then assert(os.execute(ALONE) == 0) end
end

return M
