--- Filters of system calls, and Landlock.

local M = {}

local ACTIONS = {
  "allow", "errno", "kill_process", "kill_thread", "log", "trace", "trap", "user_notif",
}
local ALLOW = "\6\0\0\0\0\0\255\127" -- return SECCOMP_RET_ALLOW

-- In a child: a filter is for good.
local function try_flags(core)
  local load = core.seccomp.set_mode_filter
  core.prctl.set_no_new_privs()
  local good, code = load(ALLOW)
  local result, flags = { filter = good and "ok" or code }, {}
  for _, flag in ipairs { "tsync", "log", "spec_allow" } do
    if load(ALLOW, flag) then flags[#flags + 1] = flag end
  end
  -- There is one listener at most: the better first.
  if load(ALLOW, { "new_listener", "wait_killable_recv" }) then
    result.listener = "wait_killable_recv"
  elseif load(ALLOW, "new_listener") then
    result.listener = "without wait_killable_recv (5.19)"
  end
  result.flags = table.concat(flags, " ")
  return result
end

local function actions(ctx)
  local there, missing = {}, {}
  for _, name in ipairs(ACTIONS) do
    local list = ctx.core.seccomp.get_action_avail(name) and there or missing
    list[#list + 1] = name
  end
  if missing[1] then
    ctx.tell("actions", "warn", "without " .. table.concat(missing, " "),
      { cause = "this kernel does not know them all", remedy = "Linux 5.0" })
  else
    ctx.tell("actions", "ok", table.concat(there, " "))
  end
end

---@param ctx table
function M.filters(ctx)
  local result, code = require("tidelock.probe.child").call(ctx.core, {}, function()
    return try_flags(ctx.core)
  end)
  if not result then
    return ctx.tell("seccomp", "info", ("not tried: there is no child to try it in (%s)"):format(
      tostring(code)))
  elseif result.filter ~= "ok" then
    return ctx.tell("seccomp", "fail", "no (" .. tostring(result.filter) .. ")",
      { cause = "filters of system calls cannot be loaded", remedy = "a kernel with"
        .. " CONFIG_SECCOMP_FILTER, or tidelock run --seccomp none ..." })
  end
  ctx.tell("seccomp", "ok", "filters; flags " .. result.flags)
  actions(ctx)
  local sizes = ctx.core.seccomp.get_notif_sizes()
  if result.listener and sizes then
    ctx.tell("notifications", "ok", ("%s; %d and %d bytes"):format(result.listener, sizes.notif,
      sizes.response))
  else
    ctx.tell("notifications", "info", "no", { cause = "Linux 5.0 has them, one listener for a"
      .. " process and those around it; run does not need it" })
  end
  local library = ctx.core.filter.library
  ctx.tell("libseccomp", "ok", ("%d.%d.%d"):format(math.floor(library / 65536),
    math.floor(library / 256) % 256, library % 256))
end

local NEW = { { "network", 4 }, { "ioctl", 5 }, { "scopes", 6 }, { "audit", 7 } }

---@param ctx table
function M.landlock(ctx)
  local abi, code = ctx.core.landlock.abi()
  if abi then
    local words = { "files" }
    for _, row in ipairs(NEW) do
      if abi >= row[2] then words[#words + 1] = row[1] end
    end
    return ctx.tell("landlock", "ok", ("ABI %d: %s"):format(abi, table.concat(words, ", ")))
  end
  ctx.tell("landlock", "info", "no (" .. tostring(code) .. ")", {
    cause = code == "EOPNOTSUPP" and "it is built in and not enabled; run does not need it"
      or "it is not built in; run does not need it",
    remedy = code == "EOPNOTSUPP" and "boot with lsm=landlock,... as the first of the modules"
      or "a kernel with CONFIG_SECURITY_LANDLOCK" })
end

return M
