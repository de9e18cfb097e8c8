--- The process of config.json: who it is, what it may do, what it executes.

local check = require "tidelock.oci.check"
local namespaces = require "tidelock.oci.namespaces"

local M = {}

local UMASK = 18 -- 0022
local ROWS, COLUMNS = 24, 80
local SETS = { "bounding", "effective", "permitted", "inheritable", "ambient" }

---Sets norm.user and norm.umask.
---@param ctx table
function M.user(ctx)
  local norm, user, linux = ctx.norm, ctx.config.process.user or {}, ctx.config.linux
  local uid, gid = user.uid or 0, user.gid or 0
  local uids, gids = nil, nil
  if ctx.new.user then uids, gids = linux.uidMappings, linux.gidMappings end
  local function must_map(list, id, field)
    if not namespaces.maps(list, id) then
      check.refuse(ctx.at, field, id, "is not mapped in the container's user namespace")
    end
  end
  must_map(uids, uid, "process.user.uid")
  must_map(gids, gid, "process.user.gid")
  local groups = {}
  for i, extra in ipairs(user.additionalGids or {}) do
    local field = ("process.user.additionalGids[%d]"):format(i - 1)
    must_map(gids, extra, field)
    if not norm.identity.setgroups then
      check.refuse(ctx.at, field, extra,
        "cannot be had: an ordinary user's own map lets nobody set groups",
        nil, "give the user ranges in /etc/subuid and /etc/subgid, and map them")
    end
    groups[i] = extra
  end
  table.sort(groups)
  norm.user = { uid = uid, gid = gid, groups = groups }
  norm.umask = user.umask or UMASK
  if norm.umask > 511 then
    check.refuse(ctx.at, "process.user.umask", norm.umask, "is out of range", "0 to 511 (0777)")
  end
end

local function capability_mask(ctx, name, list)
  local capabilities, mask, seen = require "tidelock.capability", 0, {}
  for i, text in ipairs(list or {}) do
    local field = ("process.capabilities.%s[%d]"):format(name, i - 1)
    local known = text:find "^CAP_" and capabilities.parse(text)
    if not known then
      check.refuse(ctx.at, field, text, "is not a capability", "names as in capabilities(7)",
        require("tidelock.suggest").hint(text:upper():gsub("^CAP_", ""), capabilities.list(),
          "CAP_"))
    end
    local number = capabilities.number[known]
    if number > ctx.facts.last_cap then
      ctx.note(text .. " is not known to this kernel", ctx.at .. ", " .. field)
    elseif not seen[number] then
      seen[number] = true
      mask = mask + 2 ^ number
    end
  end
  return mask, seen
end

---Sets norm.capability_sets, norm.no_new_privs, norm.capabilities (those of the bounding set).
---@param ctx table
function M.capabilities(ctx)
  local norm, process = ctx.norm, ctx.config.process
  local asked, sets, members = process.capabilities or {}, {}, {}
  for _, name in ipairs(SETS) do
    sets[name], members[name] = capability_mask(ctx, name, asked[name])
  end
  local names = require("tidelock.capability").names
  for number in pairs(members.effective) do
    if not members.permitted[number] then
      check.refuse(ctx.at, "process.capabilities.effective", "CAP_" .. names[number],
        "is not in permitted too, without which the kernel refuses it")
    end
  end
  -- Engines list ambient ones that are not inheritable; the kernel has none such (capabilities(7)).
  for number in pairs(members.ambient) do
    if not (members.permitted[number] and members.inheritable[number]) then
      sets.ambient = sets.ambient - 2 ^ number
    end
  end
  norm.capability_sets, norm.capabilities = sets, {}
  for number in pairs(members.bounding) do
    norm.capabilities[#norm.capabilities + 1] = names[number]
  end
  table.sort(norm.capabilities)
  norm.no_new_privs = process.noNewPrivileges or false
end

local function amount(ctx, field, value)
  local digits = type(value) == "table" and value[1] or nil
  if digits == "18446744073709551615" then
    return require("tidelock.normalise.names").unlimited, math.huge
  end
  local number = tonumber(digits or value)
  if number >= 2 ^ 64 then check.refuse(ctx.at, field, number, "is too large") end
  return digits or value, number
end

---Sets norm.rlimits.
---@param ctx table
function M.rlimits(ctx)
  local list, known = require("tidelock.normalise.names").rlimits, {}
  for number = 0, #list do known["RLIMIT_" .. list[number]:upper()] = number end
  local limits, seen = {}, {}
  for i, limit in ipairs(ctx.config.process.rlimits or {}) do
    local field = ("process.rlimits[%d]"):format(i - 1)
    local number = known[limit.type]
    if not number or seen[number] then
      local names = {}
      for name in pairs(known) do names[#names + 1] = name end
      table.sort(names)
      check.refuse(ctx.at, field .. ".type", limit.type, number and "is there twice"
        or "is not a resource limit", not number and table.concat(names, ", ") or nil,
        not number and require("tidelock.suggest").hint(limit.type, names) or nil)
    end
    seen[number] = true
    local soft, low = amount(ctx, field .. ".soft", limit.soft)
    local hard, high = amount(ctx, field .. ".hard", limit.hard)
    if low > high then
      check.refuse(ctx.at, field .. ".soft", low, "is above the hard limit")
    end
    limits[#limits + 1] = { name = list[number], resource = number, soft = soft, hard = hard,
      origin = ctx.at .. ", " .. field }
  end
  ctx.norm.rlimits = limits
end

-- PER_LINUX, PER_LINUX32.
local DOMAINS = { LINUX = 0, LINUX32 = 8 }

---Sets norm.persona.
---@param ctx table
function M.personality(ctx)
  local personality = ctx.config.linux.personality
  if not personality then return end
  local domain = DOMAINS[personality.domain]
  if not domain then
    check.refuse(ctx.at, "linux.personality.domain", personality.domain, "is not known",
      "LINUX, LINUX32")
  elseif personality.flags and personality.flags[1] then
    check.refuse(ctx.at, "linux.personality.flags", personality.flags[1],
      "is not known: the specification names no flag")
  end
  ctx.norm.persona = domain
end

local function check_words(ctx, field, list)
  for i, word in ipairs(list) do
    local where = ("%s[%d]"):format(field, i - 1)
    if #word > 131071 then
      check.refuse(ctx.at, where, nil, ("is %d bytes long"):format(#word), "at most 131071 bytes")
    end
  end
end

local function environment(ctx)
  local env, path = {}, nil
  check_words(ctx, "process.env", ctx.config.process.env or {})
  for i, text in ipairs(ctx.config.process.env or {}) do
    if not text:find "^[^=]" or not text:find("=", 1, true) then
      check.refuse(ctx.at, ("process.env[%d]"):format(i - 1), text, "is not NAME=VALUE")
    end
    env[i] = text
    path = text:match "^PATH=(.*)$" or path
  end
  return env, path
end

---Sets norm.command, norm.env, norm.exec_paths, norm.cwd.
---@param ctx table
---@param words string[]?  in the place of process.args
function M.command(ctx, words)
  local norm, process = ctx.norm, ctx.config.process
  local args = words or process.args
  if not args or not args[1] or args[1] == "" then
    check.refuse(ctx.at, "process.args", nil, "has nothing to execute",
      "a program and its arguments")
  end
  check_words(ctx, "process.args", args)
  norm.command = { unpack(args) }
  local path
  norm.env, path = environment(ctx)
  norm.cwd = process.cwd
  if norm.cwd:sub(1, 1) ~= "/" then
    check.refuse(ctx.at, "process.cwd", norm.cwd, "is not absolute")
  end
  local env = require "tidelock.normalise.env"
  norm.exec_paths = env.exec_paths(norm.command, path or env.PATH, function(why, hint)
    check.refuse(ctx.at, "process.args[0]", norm.command[1], why, nil, hint)
  end)
end

---Sets norm.tty.
---@param ctx table
function M.terminal(ctx)
  local process = ctx.config.process
  if not process.terminal then return end
  local size = process.consoleSize or {}
  local function side(name, usual)
    local value = size[name] ~= 0 and size[name] or usual
    if value > 65535 then
      check.refuse(ctx.at, "process.consoleSize." .. name, value, "is out of range", "1 to 65535")
    end
    return value
  end
  ctx.norm.tty = { rows = side("height", ROWS), columns = side("width", COLUMNS),
    console = "/dev/console" }
end

---Sets norm.oom_score_adj.
---@param ctx table
function M.oom_score_adj(ctx)
  local value = ctx.config.process.oomScoreAdj
  if value and (value < -1000 or value > 1000) then
    check.refuse(ctx.at, "process.oomScoreAdj", value, "is out of range", "-1000 to 1000")
  end
  ctx.norm.oom_score_adj = value
end

---Sets norm.seccomp.
---@param ctx table
function M.seccomp(ctx)
  local text = ctx.config.linux.seccomp
  ctx.norm.seccomp = { name = text and "config.json" or "none" }
  if not text then return end
  local good, loaded = pcall(require("tidelock.oci.seccomp").load, text, ctx.facts.cache or nil,
    require "tidelock.core")
  if not good then
    if require("tidelock.error").is(loaded) then loaded.at = ctx.at end
    error(loaded, 0)
  end
  ctx.norm.seccomp.filter, ctx.norm.seccomp.flags = loaded.filter, loaded.flags
end

return M
