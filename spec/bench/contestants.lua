-- The commands that start a bundle, for timer and its like: {} is a new id, {p} the loop's number.
local bundle = require "bench.bundle"

local M = {}

-- What `bwrap` has that is nearest. It has no /sys of the network namespace, masks nothing, makes
-- no nodes of its own, sets no limit.
local function bwrap(made, variant, command)
  if variant.cgroup then return nil end
  local words = { "bwrap" }
  if variant.seccomp then words[2] = "3<" .. made.filter end
  local rest = {
    "bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
    "--hostname", "bench", "--as-pid-1", "--new-session", "--die-with-parent",
    "--ro-bind", made.rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--mqueue", "/dev/mqueue",
    "--ro-bind", "/sys", "/sys", "--chdir", "/", "--cap-drop", "ALL",
  }
  for _, name in ipairs(bundle.KEPT) do
    rest[#rest + 1], rest[#rest + 2] = "--cap-add", name
  end
  if variant.seccomp then rest[#rest + 1], rest[#rest + 2] = "--seccomp", "3" end
  for _, word in ipairs(rest) do words[#words + 1] = word end
  for _, word in ipairs(command) do words[#words + 1] = word end
  return words
end

---All that can run a variant.
---@param made table what bundle.make returned
---@param variant table
---@param probe string[]? the command of the probe's bundles, else /bin/true
---@return table[] contestants { NAME, ["3<FILE",] WORD... }
function M.of(build, made, variant, probe)
  local dir = made.dir(variant, probe ~= nil)
  local command = probe or { "/bin/true" }
  local floor = { "floor", build .. "/bench/bundle_floor", made.rootfs,
    variant.seccomp and made.filter or "-", variant.cgroup and bundle.CGROUP .. "{p}" or "-" }
  for _, word in ipairs(command) do floor[#floor + 1] = word end
  local list = {
    floor,
    { "tidelock", build .. "/tidelock", "run", "--bundle", dir },
    { "crun", "crun", "--cgroup-manager=" .. (variant.cgroup and "cgroupfs" or "disabled"), "run",
      "--bundle", dir, "bench-{}" },
  }
  -- runc cannot do without cgroups.
  if variant.cgroup then list[4] = { "runc", "runc", "run", "--bundle", dir, "bench-{}" } end
  list[#list + 1] = bwrap(made, variant, command)
  return list
end

return M
