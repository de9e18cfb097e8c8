--- The plans of what joins a box that is there: a process (exec), or a file opened inside. A helper
--- joins the namespaces, clones once more into the pid namespace and leaves (SEQUENCES.md).

local M = {}

local SIGKILL = 9

local function flags_of(norm)
  local bits, flags = require("tidelock.normalise.names").namespaces, 0
  for _, name in ipairs(norm.namespaces) do flags = flags + bits[name] end
  return flags
end

-- Up to the process that lives in the box, with all rights there and none elsewhere.
local function join(build, norm, box_slot, cgroup_slots)
  local identity = norm.identity
  local all = 2 ^ (norm.last_cap + 1) - 1
  build:enter("host", "prepare")
  if norm.cgroup and norm.cgroup.version == 2 then
    build:add { op = "clone_into", slot = cgroup_slots[1] }
    cgroup_slots = {}
  end
  build:add { op = "clone", flags = 0 }
  build:enter("child", "created")
  build:add { op = "pdeathsig", signal = SIGKILL }
  -- Before it joins: nobody in the box may look into it (CVE-2016-9962).
  build:add { op = "dumpable", value = 0 }
  for _, slot in ipairs(cgroup_slots) do build:add { op = "join_cgroup", slot = slot } end
  build:add { op = "setns", slot = box_slot, flags = flags_of(norm) }
  if identity.setgroups then build:add { op = "setgroups", gids = {} } end
  build:add { op = "setresgid", gid = identity.gid }
  build:add { op = "setresuid", uid = identity.uid }
  build:add { op = "capset", effective = all, permitted = all, inheritable = 0 }
  build:add { op = "dumpable", value = 0 }
  build:add { op = "enter" }
end

-- The box's pidfd takes the slot after those of the streams, and its cgroups the next ones.
local function begin(norm)
  local finish = require "tidelock.plan.finish"
  local build = require("tidelock.plan.list").new()
  local given = finish.given(norm)
  given[#given + 1] = { use = "box" }
  local box_slot, cgroup_slots = #given - 1, {}
  for index in ipairs(norm.cgroup and norm.cgroup.dirs or {}) do
    given[#given + 1] = { use = "cgroup", index = index }
    cgroup_slots[index] = #given - 1
  end
  build.slots = #given
  join(build, norm, box_slot, cgroup_slots)
  return build, given, finish
end

---@param norm table       of the box, with what is the process's own
---@param options tidelock.PlanOptions?
---@return table[] ops
---@return tidelock.Plan.Given[] given
function M.process(norm, options)
  local build, given, finish = begin(norm)
  finish.add(build, norm, given, options and options.sigmask or 0, true)
  return build.ops, given
end

---A file opened by the box's user, inside, and handed out.
---@param norm table
---@param path string
---@param flags integer  of open(2)
---@param mode integer
---@return table[] ops
---@return tidelock.Plan.Given[] given
function M.file(norm, path, flags, mode)
  local plain = setmetatable({ streams = { stdin = "inherit", stdout = "inherit",
    stderr = "inherit" }, pass_fds = {} }, { __index = norm })
  local build, given, finish = begin(plain)
  build:enter("child", "confine")
  build:add { op = "umask", mode = norm.umask }
  finish.become_user(build, norm)
  build:add { op = "pdeathsig", signal = SIGKILL }
  build:add { op = "no_new_privs" }
  -- The helper's message comes first: this process runs beside it, over the same link.
  build:add { op = "barrier", id = build:next_rendezvous() }
  build:add { op = "open_file", path = path, flags = flags, mode = mode }
  build:add { op = "leave" }
  return build.ops, given
end

return M
