--- The cgroups that this process is in, by hierarchy: /proc/self/cgroup and /proc/self/mountinfo.

local M = {}

-- The rest of `path` below `root`, or nil: what a mount of a part of a hierarchy does not show.
local function below(path, root)
  if root == "/" then return path end
  if path == root then return "/" end
  return path:sub(1, #root + 1) == root .. "/" and path:sub(#root + 1) or nil
end

local function each_mount(mountinfo, visit)
  local unescape = require("tidelock.mountinfo").unescape
  -- From one " - cgroup" to the next: to match every line takes as long as five mounts.
  local at = mountinfo:find(" - cgroup", 1, true)
  while at do
    local first, last = at, mountinfo:find("\n", at, true) or #mountinfo + 1
    while first > 1 and mountinfo:byte(first - 1) ~= 10 do first = first - 1 end
    local root, point, kind, options = mountinfo:sub(first, last - 1)
      :match("^%S+ %S+ %S+ (%S+) (%S+) .- %- (cgroup2?) %S+ (%S+)")
    if root then visit(unescape(root), unescape(point), kind, options) end
    at = mountinfo:find(" - cgroup", last, true)
  end
end

---@class tidelock.CgroupPlace
---@field mount string  where the hierarchy is mounted
---@field dir string    the caller's own cgroup, as a directory
---@field nsdelegate true?  v2: a namespace's own cgroup is not to be limited from inside

---Each controller's place on v1, and that of the unified hierarchy.
---@param mountinfo string
---@param own string  /proc/self/cgroup
---@return table<string, tidelock.CgroupPlace> v1
---@return tidelock.CgroupPlace? v2
function M.parse(mountinfo, own)
  local paths, unified = {}, nil
  for names, path in own:gmatch("%d+:([^:\n]*):([^\n]*)") do
    if names == "" then unified = path end
    for name in names:gmatch("[^,]+") do paths[name] = path end
  end
  local v1, v2 = {}, nil
  each_mount(mountinfo, function(root, point, kind, options)
    local function place(path)
      local rest = path and below(path, root)
      if not rest then return nil end
      return { mount = point, dir = rest == "/" and point or point .. rest }
    end
    if kind == "cgroup2" then
      v2 = v2 or place(unified)
      if v2 and options:find("nsdelegate", 1, true) then v2.nsdelegate = true end
      return
    end
    for name in options:gmatch("[^,]+") do
      if paths[name] then v1[name] = v1[name] or place(paths[name]) end
    end
  end)
  return v1, v2
end

---@class tidelock.Cgroups
---@field version 1|2|nil               the hierarchy that has the controllers
---@field v1 table<string, tidelock.CgroupPlace>
---@field v2 tidelock.CgroupPlace?

---@param core table
---@return tidelock.Cgroups
function M.read(core)
  local read = core.host.read
  local v1, v2 = M.parse(read("/proc/self/mountinfo", 4194304) or "",
    read("/proc/self/cgroup", 65536) or "")
  -- Where v1 has the controllers, a unified hierarchy beside them has none.
  local version = core.cgroup.version "/sys/fs/cgroup"
  if version ~= 2 or not v2 then version = next(v1) and 1 or v2 and 2 or nil end
  return { version = version, v1 = v1, v2 = v2 }
end

return M
