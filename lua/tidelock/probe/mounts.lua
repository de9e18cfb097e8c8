--- The mounts of a box, made in a mount namespace that ends at once.

local M = {}

-- On top of the root, as init does it: no directory of the host is needed. Raises what fails.
local function new_root(mount)
  local function step(name, value, code)
    if value == nil then error({ failed = name, code = code }, 0) end
    return value
  end
  step("mount", mount.mount(nil, "/", nil, { "rec", "private" }))
  local fs = step("fsopen", mount.fsopen "tmpfs")
  step("fsconfig", mount.fsconfig(fs, "cmd_create"))
  local root = step("fsmount", mount.fsmount(fs, { "nosuid", "nodev" }))
  step("move_mount", mount.move_mount(root, nil, nil, "/"))
  local tree = step("open_tree", mount.open_tree(nil, "/", { "clone", "recursive" }))
  step("mount_setattr", mount.mount_setattr(tree, nil, "recursive", { set = { "rdonly" } }))
  return root
end

-- Relative to the new root: "/" is still the old one.
local FILE_SYSTEMS = {
  { "proc", "proc", { "nosuid", "nodev", "noexec" } },
  { "sysfs", "sysfs", { "nosuid", "nodev", "noexec", "rdonly" } },
  { "devpts", "devpts", { "nosuid", "noexec" }, "newinstance,ptmxmode=0666,mode=0620" },
  { "mqueue", "mqueue", { "nosuid", "nodev", "noexec" } },
  { "overlay", "overlay", { "nosuid", "nodev" },
    "userxattr,lowerdir=low,upperdir=up,workdir=work" },
}

local function try_all(core)
  local file, mount, result = core.file, core.mount, {}
  local good, root = pcall(new_root, mount)
  if not good then
    if type(root) ~= "table" then error(root, 0) end
    return root
  end
  file.fchdir(root)
  for _, name in ipairs { "low", "up", "work" } do file.mkdirat(nil, name, 493) end
  for _, row in ipairs(FILE_SYSTEMS) do
    file.mkdirat(nil, row[1], 493)
    local mounted, code = mount.mount(row[1], row[1], row[2], row[3], row[4])
    result[row[1]] = mounted and "ok" or code
  end
  return result
end

local WHY = {
  devpts = { status = "fail", cause = "a box has a devpts of its own",
    remedy = "a kernel with CONFIG_UNIX98_PTYS" },
  mqueue = { status = "fail", cause = "a box has message queues of its own",
    remedy = "tidelock run --share ipc ..." },
  overlay = { status = "warn", cause = "--overlay needs overlayfs in a user namespace (Linux 5.11)",
    remedy = "modprobe overlay" },
}

local function tell(ctx, name, code)
  if code == "ok" then return ctx.tell(name, "ok", "mounts") end
  local value = "does not mount (" .. tostring(code) .. ")"
  local why = require "tidelock.probe.cause"
  if name == "proc" then
    ctx.tell(name, "fail", value, why.hidden(ctx.core.host, "proc")
      or { cause = ("a box cannot mount a proc of its own (%s)"):format(tostring(code)),
        remedy = "tidelock run --hide /proc ..." })
  elseif name == "sysfs" then
    local found = why.hidden(ctx.core.host, "sysfs")
    ctx.tell(name, found and "warn" or "fail", value .. (found and ": run shows the host's" or ""),
      found or { cause = "a box cannot mount a sysfs of its own",
        remedy = "tidelock run --hide /sys ..." })
  else
    ctx.tell(name, WHY[name].status, value, WHY[name])
  end
end

local function file_systems(ctx)
  local names = { "user" }
  for _, name in ipairs { "mount", "pid", "network", "ipc" } do
    if not ctx.can.user or not ctx.can[name] then
      return ctx.tell("mount API", "info", "not tried: it needs a user and a " .. name
        .. " namespace")
    end
    names[#names + 1] = name
  end
  local result, code = require("tidelock.probe.child").call(ctx.core, names, function()
    return try_all(ctx.core)
  end)
  result = result or { failed = "the child", code = code }
  if result.failed then
    return ctx.tell("mount API", "fail", ("%s: %s"):format(result.failed, tostring(result.code)),
      result.code == "ENOSPC" and require("tidelock.probe.cause").mounts(ctx.core.host)
        or require("tidelock.probe.cause").apparmor(ctx.core.host)
        or { cause = ("the box's root cannot be made: %s says %s"):format(result.failed,
          tostring(result.code)), remedy = "Linux 5.12" })
  end
  ctx.tell("mount API", "ok", "fsopen, fsmount, open_tree, move_mount, mount_setattr")
  for _, row in ipairs(FILE_SYSTEMS) do tell(ctx, row[1], result[row[1]]) end
end

local function mount_at(ctx, path)
  local best
  local info = require "tidelock.mountinfo"
  for _, mount in ipairs(info.parse(ctx.core.host.read("/proc/self/mountinfo", 4194304) or "")) do
    local below = mount.target == "/" or path == mount.target
      or path:sub(1, #mount.target + 1) == mount.target .. "/"
    if below and (not best or #mount.target >= #best.target) then best = mount end
  end
  return best and best.type or "unknown file system"
end

-- Root's boxes have ids of their own: what is bound is shown with its owners.
local function idmap(ctx)
  local core, cwd = ctx.core, ctx.facts.cwd
  if not ctx.facts.privileged then
    return ctx.tell("idmapped mounts", "info", "not needed: a box has the caller's id")
  elseif not cwd or not ctx.can.user then
    return ctx.tell("idmapped mounts", "info", "not tried")
  end
  local good, code
  local _, failed = require("tidelock.probe.child").call(core, { "user" },
    function() return {} end, function(pid)
      local userns = core.namespace.open(pid, "user")
      local tree
      tree, code = core.mount.open_tree(nil, cwd, "clone")
      if tree and userns then
        good, code = core.mount.mount_setattr(tree, nil, nil, { userns = userns })
      end
      if tree then tree:close() end
      if userns then userns:close() end
    end)
  local fstype = require("tidelock.error").printable(mount_at(ctx, cwd))
  if good then return ctx.tell("idmapped mounts", "ok", "on " .. fstype .. ", here") end
  ctx.tell("idmapped mounts", "warn", ("not here, on %s (%s)"):format(fstype,
    tostring(code or failed)), { cause = fstype .. " has no idmapped mounts: what is bound from it"
      .. " is shown with the host's ids", remedy = "cd to an ext4, xfs or btrfs file system" })
end

local function count(ctx)
  local most = tonumber((ctx.core.host.read("/proc/sys/fs/mount-max", 64) or ""):match("%d+"))
  local _, used = (ctx.core.host.read("/proc/self/mountinfo", 4194304) or ""):gsub("\n", "")
  -- Those of this namespace, and the box's, which begins as a copy.
  local full = most and used + 100 > most
  ctx.tell("mounts", full and "warn" or "ok", ("%d of %s"):format(used, most or "unknown"),
    full and require("tidelock.probe.cause").mounts(ctx.core.host) or nil)
end

---@param ctx table
function M.mounts(ctx)
  file_systems(ctx)
  idmap(ctx)
  count(ctx)
end

return M
