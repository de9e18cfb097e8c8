--- Up to the first barrier: what is held for later, the clone, and the parent's work beside the
--- waiting child.

local list = require "tidelock.plan.list"

local M = {}

local MS_REC_PRIVATE = 0x44000
local SIGKILL = 9
local EXPECT_ANY, EXPECT_DIR, EXPECT_FILE, EXPECT_CHAR = 0, 1, 2, 3
local MAP_UID, MAP_GID = 0, 1

local function hooks(build, norm, stage)
  for index, hook in ipairs(norm.hooks) do
    if hook.at == stage then
      build:add { op = "hook", index = index, name = hook.name or "hook " .. index,
        at = hook.origin }
    end
  end
end

--- Everything that is bound, the root first.
local function sources(norm)
  local found = {}
  if norm.root.kind == "tree" then found[1] = norm.root end
  for _, entry in ipairs(norm.mounts) do
    if entry.kind == "bind" or entry.kind == "overlay" then found[#found + 1] = entry end
  end
  return found
end

local function hold(build, path, rdev, at)
  if build.held[path] then return end
  local slot = build:new_slot()
  build.held[path] = slot
  build:add { op = "open_path", slot = slot, path = path, at = at,
    expect = rdev and EXPECT_CHAR or EXPECT_ANY, rdev = rdev or 0 }
end

--- Below a directory that is held itself: a tree of its own, or a descriptor.
local function beneath(build, entry, tree)
  hold(build, entry.base, nil, entry.origin)
  local slot = build:new_slot()
  if tree == 1 then build.trees[entry] = slot else build.held[entry] = slot end
  local expect = entry.any and EXPECT_ANY or entry.file and EXPECT_FILE or EXPECT_DIR
  build:add { op = "open_beneath", slot = slot, base = build.held[entry.base],
    path = entry.beneath, expect = expect, tree = tree, at = entry.origin }
end

local function is_recursive(entry)
  if entry.kind == "bind" and not entry.recursive then return 0 end
  return entry.file and 0 or 1
end

--- What is shown with other ids is cloned here, because only the parent can map it; the child
--- inherits the detached tree. Each mount needs a tree of its own.
local function open_trees(build, norm)
  for _, entry in ipairs(sources(norm)) do
    if entry.idmap and entry.beneath then
      beneath(build, entry, 1)
    elseif entry.idmap or entry.clone_early then
      local slot = build:new_slot()
      build.trees[entry] = slot
      build:add { op = "open_tree", slot = slot, path = entry.source,
        recursive = is_recursive(entry), at = entry.origin }
    end
  end
end

local function map_trees(build, norm)
  for _, entry in ipairs(sources(norm)) do
    if entry.idmap then
      build:add { op = "idmap_mount", slot = build.trees[entry],
        recursive = entry.idmap_alone and 0 or is_recursive(entry),
        attr = list.attributes(entry), path = entry.source, at = entry.origin }
    end
  end
end

--- Before the maps the child may do little, but sources must be held before the first mount hides
--- one of them.
local function hold_paths(build, norm)
  for _, entry in ipairs(sources(norm)) do
    if entry.beneath and not entry.idmap then
      beneath(build, entry, 0)
    elseif not entry.idmap and not entry.clone_early then
      hold(build, entry.source, entry.rdev, entry.origin)
    end
  end
  for _, entry in ipairs(norm.mounts) do
    if entry.kind == "mask" then
      local null = require("tidelock.normalise.names").null
      hold(build, null.source, null.rdev, entry.origin)
      break
    end
  end
end

local function maps(build, identity, origins)
  local at = origins.user
  if not identity.uid_map then return end
  local helper = identity.helper and 1 or 0
  if not identity.setgroups then build:add { op = "deny_setgroups", at = at } end
  build:add { op = "write_map", kind = MAP_GID, map = identity.gid_map, helper = helper,
    at = origins.gid_map or at }
  build:add { op = "write_map", kind = MAP_UID, map = identity.uid_map, helper = helper,
    at = origins.uid_map or at }
end

--- In a user namespace only the parent may still lower it; else the child itself does, at once.
local function oom_score_adj(build, norm, lane)
  if norm.oom_score_adj and lane == (norm.identity.uid_map and "parent" or "child") then
    build:add { op = "oom_score_adj", value = norm.oom_score_adj, at = norm.origins.oom_score_adj }
  end
end

---@param build table
---@param norm table
function M.add(build, norm)
  local join = require "tidelock.plan.join"
  build:enter("host", "prepare")
  hooks(build, norm, "prepare")
  if norm.cgroup then require("tidelock.plan.cgroup").make(build, norm) end
  open_trees(build, norm)
  join.hold(build, norm)
  build:add { op = "clone", flags = join.clone_flags(norm), at = norm.origins.namespaces }

  build:enter("child", "created")
  build:add { op = "pdeathsig", signal = SIGKILL }
  if norm.creation_umask then build:add { op = "umask", mode = norm.creation_umask } end
  oom_score_adj(build, norm, "child")
  if norm.cgroup then require("tidelock.plan.cgroup").join(build, norm) end
  join.join(build, norm)
  build:add { op = "propagation", flags = MS_REC_PRIVATE }
  if norm.hostname then
    build:add { op = "sethostname", name = norm.hostname, at = norm.origins.hostname }
  end
  if norm.domainname then
    build:add { op = "setdomainname", name = norm.domainname, at = norm.origins.domainname }
  end
  if norm.net == "none" and not build.forks then build:add { op = "link_up", name = "lo" } end
  hold_paths(build, norm)

  build:enter("parent", "created")
  local before = #build.ops
  maps(build, norm.identity, norm.origins)
  map_trees(build, norm)
  oom_score_adj(build, norm, "parent")
  hooks(build, norm, "created")
  -- Where the parent has nothing to do, there is nothing to wait for.
  if #build.ops > before then
    build:add { op = "barrier", id = build:next_rendezvous(), lane = "child" }
  end
end

return M
