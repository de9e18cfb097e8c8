--- init's first identity: the one that the maps give it (SEQUENCES.md, trap 1).

local M = {}

local SIGKILL = 9

---@param build table
---@param norm table
function M.add(build, norm)
  local identity = norm.identity
  local all = 2 ^ (norm.last_cap + 1) - 1
  build:enter("child", "created")
  if identity.mode == "host" then
    build:add { op = "dumpable", value = 0 }
    return
  end
  if identity.setgroups and identity.mode ~= "joined" then build:add { op = "setgroups",
    gids = {} } end
  build:add { op = "setresgid", gid = identity.gid }
  build:add { op = "setresuid", uid = identity.uid }
  build:add { op = "ambient", raise = 0 }
  build:add { op = "capset", effective = all, permitted = all, inheritable = 0 }
  -- A change of ids clears it.
  build:add { op = "pdeathsig", signal = SIGKILL }
  build:add { op = "dumpable", value = 0 }
  if not build.forks then return end
  -- As early as that: the loopback device takes as long to come up as ten mounts, and PID 1 brings
  -- it up while the workload's process goes on.
  build:add { op = "fork" }
  if norm.net == "none" then build:add { op = "link_up", name = "lo", lane = "beside" } end
end

return M
