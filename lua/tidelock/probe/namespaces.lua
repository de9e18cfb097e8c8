--- Each kind of namespace, by making one in a user namespace that ends at once; and whose ids a box
--- can have.

local M = {}

local NAMES = { "user", "mount", "pid", "ipc", "uts", "network", "cgroup", "time" }

local function cause() return require "tidelock.probe.cause" end

local function tell(ctx, name, good, code)
  local most = cause().limit(ctx.core.host, name)
  ctx.can[name] = good
  if good then
    ctx.tell(name, "ok", most and ("yes, at most %d"):format(most) or "yes")
  else
    local names = name == "user" and { name } or { "user", name }
    -- No box has a time namespace.
    ctx.tell(name, name == "time" and "info" or "fail", "no (" .. tostring(code) .. ")",
      cause().namespaces(ctx.core, names, code)
        or { cause = ("clone3(2) says %s"):format(tostring(code)) })
  end
end

-- AppArmor may let one be made and give no rights in it: the host's name in it is to be set.
local function rights(ctx)
  local child = require "tidelock.probe.child"
  local result, code = child.call(ctx.core, { "user", "uts" }, function()
    local good, why = ctx.core.uts.sethostname "doctor"
    return { code = good and "ok" or why }
  end)
  if result then code = result.code end
  if code == "ok" then
    ctx.tell("rights inside", "ok", "all capabilities")
  else
    ctx.can.user = false
    ctx.tell("rights inside", "fail", "no (" .. tostring(code) .. ")",
      cause().apparmor(ctx.core.host) or {
        cause = ("a user namespace can be made and gives no rights (sethostname: %s)"):format(
          tostring(code)), remedy = "dmesg | tail # names the rule" })
  end
end

---@param ctx table
function M.namespaces(ctx)
  local child = require "tidelock.probe.child"
  for _, name in ipairs(NAMES) do
    if name ~= "user" and not ctx.can.user then
      ctx.tell(name, "info", "not tried: it needs a user namespace")
    else
      tell(ctx, name, child.try(ctx.core, name))
    end
  end
  if ctx.can.user and ctx.can.uts then rights(ctx) end
end

-- A box of its own ids, or why not.
local function box_ids(ctx)
  local facts = ctx.facts
  if facts.privileged then
    ctx.tell("of a box", "ok", "65536 that no other box has")
  elseif facts.uid == 0 then
    ctx.tell("of a box", "warn", "the host's", { cause = "this root lacks SYS_ADMIN, SETUID and"
      .. " SETGID, or its user namespace lacks the range of ids" })
  else
    ctx.tell("of a box", "ok", "the caller's own"
      .. (require("tidelock.normalise.identity").has_subids(facts) and ", and others" or ""))
  end
end

local function ranges(ctx)
  local facts = ctx.facts
  local function text(kind)
    local found = facts["sub" .. kind]
    return ("%ss %s"):format(kind, found
      and ("%.0f-%.0f"):format(found.start, found.start + found.count - 1) or "none")
  end
  local both = text "uid" .. ", " .. text "gid"
  if facts.subuid and facts.subgid then
    ctx.tell("subordinate", "ok", both)
  elseif facts.privileged then
    ctx.tell("subordinate", "info", both .. "; root needs none")
  else
    ctx.tell("subordinate", "warn", both .. ": no other users in a box, and groups stay",
      cause().subids(facts))
  end
end

-- A helper is asked for a real map of a namespace of ours; by a child whose standard error is
-- nobody's, because it says there what it refuses.
local function helper(ctx, name, kind)
  local core, own, given = ctx.core, ctx.facts[kind], ctx.facts["sub" .. kind]
  local result, code = require("tidelock.probe.child").call(core, {}, function()
    core.file.dup2(core.process.open("/dev/null", "w"), 2)
    local target, why = core.process.child(function() core.poll.wait({}, 5) end, { "user" })
    if not target then return { code = why } end
    local good
    good, why = core.namespace[name](target:pid(), { { 0, own, 1 }, { 1, given.start, 1 } })
    target:kill()
    target:wait(5)
    return { code = good and "ok" or why }
  end)
  return result and result.code or code
end

local function helpers(ctx)
  local facts, identity = ctx.facts, require "tidelock.normalise.identity"
  local stat = ctx.core.host.stat
  local there = stat("/usr/bin/newuidmap", true) and stat("/usr/bin/newgidmap", true)
  if facts.privileged then
    return ctx.tell("newuidmap", "info", (there and "there" or "none") .. "; root needs none")
  elseif not there then
    return ctx.tell("newuidmap", "warn", "not there", cause().helpers(ctx.core.host))
  elseif not (identity.has_subids(facts) and ctx.can.user) then
    return ctx.tell("newuidmap", "info", "there, not tried: there are no ids to map")
  end
  local code = helper(ctx, "newuidmap", "uid")
  if code == "ok" then code = helper(ctx, "newgidmap", "gid") end
  if code == "ok" then
    ctx.tell("newuidmap", "ok", "maps, and newgidmap too")
  else
    ctx.tell("newuidmap", "warn", "maps nothing (" .. tostring(code) .. ")",
      cause().helpers(ctx.core.host))
  end
end

---@param ctx table
function M.ids(ctx)
  box_ids(ctx)
  ranges(ctx)
  helpers(ctx)
end

return M
