--- The cgroups of a box: made and limited before the clone. That of v2 is where init begins; those
--- of v1 it joins before all else that it does (SEQUENCES.md, trap 13).

local M = {}

-- Beside the directory of the boxes.
local CALLERS = "tidelock.supervisor"

--- Host lane.
---@param build table
---@param norm table
function M.make(build, norm)
  build.cgroups = {}
  local gift = norm.cgroup.gift
  for i, dir in ipairs(norm.cgroup.dirs) do
    local at = (dir.settings[1] or dir.devices or gift or {}).at
    if dir.aside then
      build:add { op = "step_aside", path = dir.path, name = CALLERS, at = at }
    end
    local slot = build:new_slot()
    build.cgroups[i] = slot
    build:add { op = "make_cgroup", slot = slot, path = dir.path, name = norm.cgroup.path,
      enable = dir.enable, at = at }
    for _, item in ipairs(dir.settings) do
      build:add { op = "limit_cgroup", slot = slot, file = item.file, value = item.value,
        optional = item.optional or 0, at = item.at }
    end
    if gift and gift.uid then
      build:add { op = "give_cgroup", slot = slot, uid = gift.uid, gid = gift.gid,
        files = gift.files, at = gift.at }
    end
    if dir.devices then
      build:add { op = "limit_devices", slot = slot, allow = dir.devices.allow,
        rules = dir.devices.rules, at = dir.devices.at }
    end
  end
  -- The one of v2 is begun in.
  if norm.cgroup.version == 2 then
    build:add { op = "clone_into", slot = build.cgroups[1] }
    build.cgroups = {}
  end
end

--- Child lane. Once it is in, its namespace of cgroups begins there: inside, it is in "/".
---@param build table
---@param norm table
function M.join(build, norm)
  for _, slot in ipairs(build.cgroups) do build:add { op = "join_cgroup", slot = slot } end
  if norm.cgroup.namespace then
    local flag = require("tidelock.normalise.names").namespaces.cgroup
    build:add { op = "unshare", flags = flag }
  end
end

return M
