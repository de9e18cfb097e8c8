--- The view of files: the new root, everything on it, and the way into it.

local list = require "tidelock.plan.list"

local M = {}

-- Directories and links take no blocks; files never land here before it is read-only.
local ROOT_SIZE = "1m"

-- What a process has for itself. In a box that stays, each that is put in gets these.
local OF_PROCESS = { rlimit = true, umask = true }

--- Operations of the user's own at a stage of the child.
---@param build table
---@param norm table
---@param stage string
---@param whose "box"|"process"|nil  only those of the box itself, or of each process in it
function M.user_ops(build, norm, stage, whose)
  for _, own in ipairs(norm.ops) do
    if own.at == stage and (not whose or (whose == "process") == (OF_PROCESS[own.op] or false)) then
      local op = {}
      for name, value in pairs(own.fields) do op[name] = value end
      op.op, op.lane, op.stage, op.at = own.op, "child", stage, own.origin
      build:add(op)
    end
  end
end

local function size_data(size)
  return size and ("size=%.0f"):format(size) or nil
end

local function bind(build, entry)
  local tree = build.trees[entry]
  build:add {
    op = "bind", slot = tree or build.held[entry] or build.held[entry.source],
    target = entry.target,
    -- The parent set the attributes together with the ids.
    attr = entry.idmap and 0 or list.attributes(entry), tree = tree and 1 or 0,
    recursive = entry.recursive and 1 or 0, path = entry.source, at = entry.origin,
  }
end

local function filesystem(fstype)
  return function(build, entry)
    build:add { op = "mount", target = entry.target, fstype = fstype, flags = entry.flags,
      data = entry.data, at = entry.origin }
  end
end

local KINDS = {
  bind = bind, tmpfs = filesystem "tmpfs", proc = filesystem "proc", sysfs = filesystem "sysfs",
  devpts = filesystem "devpts", mqueue = filesystem "mqueue",
}

function KINDS.filesystem(build, entry)
  build:add { op = "mount", target = entry.target, fstype = entry.fstype, flags = entry.flags,
    data = entry.data, source = entry.source, at = entry.origin }
end

function KINDS.attributes(build, entry)
  build:add { op = "mount_attr", target = entry.target, set = entry.set, clear = entry.clear,
    propagation = entry.propagation, recursive = entry.recursive and 1 or 0, at = entry.origin }
end

function KINDS.device(build, entry)
  build:add { op = "mknod", target = entry.target, mode = entry.mode, major = entry.major,
    minor = entry.minor, uid = entry.uid, gid = entry.gid, at = entry.origin }
end

function KINDS.overlay(build, entry)
  bind(build, entry)
  build:add { op = "overlay", target = entry.target, size = size_data(entry.size),
    at = entry.origin }
end

function KINDS.dir(build, entry)
  build:add { op = "mkdir", target = entry.target, mode = entry.mode, at = entry.origin }
end

function KINDS.symlink(build, entry)
  build:add { op = "symlink", target = entry.target, to = entry.to, at = entry.origin }
end

function KINDS.mask(build, entry)
  local null = require("tidelock.normalise.names").null.source
  build:add { op = "mask", target = entry.target, null = build.held[null], at = entry.origin }
end

function KINDS.readonly(build, entry)
  build:add { op = "readonly", target = entry.target, at = entry.origin }
end

local function new_root(build, root)
  if root.kind == "tmpfs" then
    build:add { op = "root_tmpfs", size = ROOT_SIZE, at = root.origin }
    return
  end
  local tree = build.trees[root]
  build:add {
    op = "root_tree", slot = tree or build.held[root.source], tree = tree and 1 or 0,
    attr = tree and 0 or list.attributes(root), path = root.source, at = root.origin,
  }
  if root.overlay then
    build:add { op = "overlay", target = "/", size = size_data(root.size), at = root.origin }
  end
end

local function uses_sysctl(norm)
  for _, own in ipairs(norm.ops) do
    if own.op == "sysctl" then return true end
  end
  return false
end

-- Detaching takes one mount off the new root. Under an overlay the lower tree and the layer were
-- mounted over the old root, and after the pivot they lie on top of it: all three must go, or the
-- host's root stays in the box's namespace.
local function detach(build, root)
  for _ = 1, root.overlay and 3 or 1 do build:add { op = "detach_old" } end
end

-- The terminal while there is a right to show it: at /dev/console, before the root is read-only.
local function console(build, norm)
  build:add { op = "setsid" }
  build:add { op = "open_pty", rows = norm.tty.rows, columns = norm.tty.columns,
    at = norm.origins.tty }
  build:add { op = "console", target = norm.tty.console, uid = norm.user.uid,
    at = norm.origins.tty }
end

--- SEQUENCES.md masks after the pivot. Here it is before: a mask clones the held /dev/null, and
--- of a descriptor on a tree that was detached open_tree(2) makes no clone (EINVAL).
---@param build table
---@param norm table
function M.add(build, norm)
  build:enter("child", "mounts")
  if uses_sysctl(norm) then build:add { op = "private_proc" } end
  new_root(build, norm.root)
  for _, entry in ipairs(norm.mounts) do KINDS[entry.kind](build, entry) end
  M.user_ops(build, norm, "mounts")
  build:enter("child", "root")
  build:add { op = "pivot" }
  detach(build, norm.root)
  M.user_ops(build, norm, "root")
  if norm.tty and norm.tty.console then console(build, norm) end
  -- A cwd that is not there is made (runtime-spec: by every runtime that engines know).
  if norm.bundle and norm.cwd ~= "/" then
    build:add { op = "mkdir", target = norm.cwd, mode = 493, at = norm.origins.cwd }
  end
  if norm.root.propagation then
    build:add { op = "mount_attr", target = "/", set = 0, clear = 0,
      propagation = norm.root.propagation, recursive = norm.root.recursive_propagation and 1 or 0,
      at = norm.root.origin }
  end
  if norm.root.kind == "tmpfs" or norm.root.seal then
    build:add { op = "seal_root", at = norm.root.origin }
  end
end

return M
