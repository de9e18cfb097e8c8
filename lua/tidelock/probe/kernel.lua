--- What the kernel has, apart from namespaces and mounts; and who asks.

local M = {}

local function word(ctx, path)
  return (ctx.core.host.read(path, 4096) or ""):match("^(%S+)")
end

-- init and the plan live in sealed memory files.
local function memfd(ctx)
  local file = ctx.core.file
  local fd, code = file.memfd_create("tidelock-doctor", "allow_sealing")
  local good = fd
  if fd then good, code = file.add_seals(fd, { "write", "grow", "shrink" }) end
  local exec = good and file.add_seals(fd, "exec")
  if fd then fd:close() end
  if good then
    ctx.tell("memfd", "ok", "sealed, "
      .. (exec and "F_SEAL_EXEC too" or "without F_SEAL_EXEC (6.3)"))
  else
    ctx.tell("memfd", "fail", code, { cause = "init and the plan need memfd_create(2) with seals",
      remedy = "a kernel with CONFIG_MEMFD_CREATE" })
  end
end

local function descriptor(ctx, name, fd, code, why)
  if fd then
    fd:close()
    ctx.tell(name, "ok", "yes")
  else
    ctx.tell(name, why.remedy and "fail" or "info", "no (" .. tostring(code) .. ")", why)
  end
end

local function features(ctx)
  local core = ctx.core
  local fd, code = core.process.pidfd_open(core.process.getpid())
  descriptor(ctx, "pidfd", fd, code, { cause = "the supervisor waits by pidfd",
    remedy = "Linux 5.12" })
  fd, code = core.file.userfaultfd { "nonblock", "user_mode_only" }
  descriptor(ctx, "userfaultfd", fd, code, { cause = "this kernel has no userfaultfd(2) for"
    .. " ordinary users; run does not need it" })
  local id, why = core.mount.mnt_id(nil, "/")
  local found = id
  if id then found, why = core.mount.statmount(id) end
  ctx.tell("statmount", found and "ok" or "info", found and "yes" or "no (" .. tostring(why) .. ")",
    not found and { cause = "Linux 6.8 has it; run does not need it" } or nil)
end

-- prctl.hide_self_exe, where it is there, would hide this process's own: asked in a child.
local function self_exe(ctx)
  local result = require("tidelock.probe.child").call(ctx.core, {}, function()
    local good, code = ctx.core.prctl.hide_self_exe()
    return { code = good and "yes" or code }
  end)
  ctx.tell("PR_SET_HIDE_SELF_EXE", "info", (result and result.code or "unknown")
    .. "; not needed: no box runs the host's binary")
end

---@param ctx table
function M.kernel(ctx)
  ctx.tell("release", "ok", ("Linux %s"):format(word(ctx, "/proc/sys/kernel/osrelease")
    or "(unknown: /proc/sys is not there)"))
  local lsm = word(ctx, "/sys/kernel/security/lsm")
  ctx.tell("security modules", "info", lsm or "unknown: securityfs is not mounted")
  memfd(ctx)
  features(ctx)
  self_exe(ctx)
  local io_uring = word(ctx, "/proc/sys/kernel/io_uring_disabled")
  ctx.tell("io_uring", "info", ("kernel.io_uring_disabled is %s; the default filter refuses it")
    :format(io_uring or "not there"))
end

local function caller(ctx)
  local ids, facts = ctx.facts.ids, ctx.facts
  local known = facts.passwd(ids.euid)
  local sets = ctx.core.capability.capget() or {}
  local count = #(sets.effective or {})
  ctx.tell("caller", "ok", ("%s, uid %.0f, gid %.0f, %s capabilities"):format(
    known and known.name or "(no name in /etc/passwd)", ids.euid, ids.egid,
    count == 0 and "no" or count))
end

local function groups(ctx)
  local identity, facts = require "tidelock.normalise.identity", ctx.facts
  local others = identity.other_groups(facts)
  local can = facts.privileged or identity.has_subids(facts)
  if not others[1] then
    ctx.tell("groups", "ok", "none beside its own")
  elseif can then
    ctx.tell("groups", "ok", identity.describe_groups(facts, others) .. ": dropped in a box")
  else
    local found = require("tidelock.probe.cause").subids(facts)
    ctx.tell("groups", "warn", identity.describe_groups(facts, others) .. ": stay in a box", {
      cause = "nobody without root or subordinate ids may drop groups: " .. found.cause,
      remedy = found.remedy })
  end
end

---@param ctx table
function M.user(ctx)
  caller(ctx)
  groups(ctx)
  local text = ctx.core.host.read("/proc/self/status", 65536) or ""
  local locked, filter = text:match("\nNoNewPrivs:%s*1"), text:match("\nSeccomp:%s*2")
  ctx.tell("confined", "info", ("no_new_privs %s, %s"):format(locked and "on" or "off",
    filter and "in a filter of system calls" or "no filter of system calls"))
end

return M
