--- The common end: from the process that becomes the workload to its execve.

local M = {}

local SIGKILL = 9

local function mask_of(names)
  if not names[1] then return 0 end
  local number, mask = require("tidelock.capability").number, 0
  for _, name in ipairs(names) do mask = mask + 2 ^ number[name] end
  return mask
end

local STREAMS = { "stdin", "stdout", "stderr" }

--- Which descriptors the caller hands in, in the order of their slots. A passed descriptor whose
--- target is the number at which init holds some slot gets that very slot, so that no dup closes
--- what a later one needs.
---@param norm table
---@return table[] given { use = "stdin"... } or { use = "pass", fd, target }
function M.given(norm)
  local given = {}
  for _, name in ipairs(STREAMS) do
    if norm.streams[name] ~= "inherit" then given[#given + 1] = { use = name } end
  end
  local first, count = #given, #norm.pass_fds
  local rest = {}
  for _, pass in ipairs(norm.pass_fds) do
    local item = { use = "pass", fd = pass.fd, target = pass.target }
    local slot = pass.target - M.SLOT0
    if slot >= first and slot < first + count then
      given[slot + 1] = item
    else
      rest[#rest + 1] = item
    end
  end
  for slot = first + 1, first + count do
    given[slot] = given[slot] or table.remove(rest, 1)
  end
  return given
end

--- The descriptor at which init holds slot 0.
M.SLOT0 = 16

local function streams(build, given)
  for i, item in ipairs(given) do
    for fd, name in ipairs(STREAMS) do
      if item.use == name then build:add { op = "dup", slot = i - 1, fd = fd - 1 } end
    end
  end
end

local function identity(build, norm, mask)
  local user, first = norm.user, norm.identity
  local same = user.uid == first.uid and user.gid == first.gid
  if not same and mask ~= 0 then build:add { op = "keepcaps" } end
  -- init dropped those of the caller, except where it kept the caller's identity.
  local afresh = not same and first.mode ~= "joined" or first.mode == "host"
  if first.setgroups and (afresh or user.groups[1]) then
    build:add { op = "setgroups", gids = user.groups }
  end
  if same then return end
  build:add { op = "setresgid", gid = user.gid, at = norm.origins.user }
  build:add { op = "setresuid", uid = user.uid, at = norm.origins.user }
end

local SYS_ADMIN = 2 ^ 21

local function with_admin(mask)
  return math.floor(mask / SYS_ADMIN) % 2 == 1 and mask or mask + SYS_ADMIN
end

-- A namespace's root gets its capabilities at exec from the bounding set; others need ambient.
local function sets_of(norm)
  local mask = mask_of(norm.capabilities)
  local ambient = norm.user.uid ~= 0 and mask or 0
  return { bounding = mask, effective = mask, permitted = mask, inheritable = ambient,
    ambient = ambient }
end

--- The ids and capabilities of the command.
---@param build table
---@param norm table
function M.become_user(build, norm)
  local sets = norm.capability_sets or sets_of(norm)
  local effective, permitted = sets.effective, sets.permitted
  -- Without no_new_privs only SYS_ADMIN may load a filter; exec takes it away again (trap 11).
  if norm.seccomp.filter and not norm.no_new_privs then
    effective, permitted = with_admin(effective), with_admin(permitted)
  end
  build:add { op = "drop_bounding", keep = sets.bounding, at = norm.origins.capabilities }
  identity(build, norm, permitted)
  build:add { op = "capset", effective = effective, permitted = permitted,
    inheritable = sets.inheritable, at = norm.origins.capabilities }
  -- What the caller has as ambient is taken away with the first identity, where there is one.
  if sets.ambient ~= 0 or norm.identity.mode == "host" then
    build:add { op = "ambient", raise = sets.ambient, at = norm.origins.capabilities }
  end
end

local function rlimits(build, norm)
  for _, limit in ipairs(norm.rlimits) do
    build:add { op = "rlimit", resource = limit.resource, soft = limit.soft, hard = limit.hard,
      at = limit.origin }
  end
end

---@param build table
---@param norm table
---@param given table[]
---@param sigmask number|string the caller's
---@param joins boolean?        the process is put into a box that is there
function M.add(build, norm, given, sigmask, joins)
  local user_ops = require("tidelock.plan.files").user_ops
  build:enter("child", "confine")
  if not norm.command then
    user_ops(build, norm, "confine", "box")
    build:add { op = "reach", id = build:next_rendezvous() }
    build:add { op = "hold" }
    return
  end
  local console = norm.tty and norm.tty.console
  if not console then build:add { op = "setsid" } end
  streams(build, given)
  build:add { op = "umask", mode = norm.umask }
  build:add { op = "chdir", path = norm.cwd, at = norm.origins.cwd }
  user_ops(build, norm, "confine", joins and "process" or nil)
  if norm.persona then
    build:add { op = "personality", persona = norm.persona, at = norm.origins.persona }
  end
  -- The host's root may raise them: before that right is gone. Nothing is opened after that.
  if norm.identity.mode == "host" then rlimits(build, norm) end
  M.become_user(build, norm)
  build:add { op = "pdeathsig", signal = SIGKILL }
  if norm.no_new_privs then build:add { op = "no_new_privs" } end
  -- As the workload's user, who is to own it, and with nobody's rights.
  if norm.tty and not console then
    build:add { op = "open_pty", rows = norm.tty.rows, columns = norm.tty.columns,
      at = norm.origins.tty }
  end
  -- Before the passed descriptors: one of them may take the number of the pipe that it waits on.
  if build.forks then build:add { op = "settle" } end
  build:add { op = "close_fds" }
  for i, item in ipairs(given) do
    if item.use == "pass" then build:add { op = "dup", slot = i - 1, fd = item.target } end
  end
  -- Late: a low nofile would refuse the descriptors above.
  if norm.identity.mode ~= "host" then rlimits(build, norm) end
  build:add { op = "sigmask", mask = sigmask }
  if norm.seccomp.filter then
    build:add { op = "seccomp", filter = norm.seccomp.filter, flags = norm.seccomp.flags or 0,
      at = norm.origins.seccomp }
  end
  build:add { op = "exec", path = norm.exec_paths, argv = norm.command, envp = norm.env,
    at = norm.origins.command }
end

return M
