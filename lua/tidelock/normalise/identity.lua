--- Who the box is: the user inside, and how its ids map to the host's.
local errors = require "tidelock.error"

local M = {}

local MAX_ID = 4294967294
local USERS = "UID, UID:GID, NAME or NAME:GROUP"

--- A whole decimal number and nothing else: a lenient parser once turned `-u 1` into 0:0.
---@param text string
---@return integer? id
---@return string? why
function M.parse_id(text)
  if not text:find("^%d+$") then return nil, "is not a number" end
  if text:find("^0.") then return nil, "has a leading zero" end
  local id = #text <= 10 and tonumber(text)
  if not id or id > MAX_ID then return nil, "is larger than the largest id 4294967294" end
  return id
end

local function database(ctx, file)
  return ctx.raw.rootfs and "the rootfs's /etc/" .. file or "the host's /etc/" .. file
end

local function find_user(ctx, text, at)
  if text:find("^%d") then
    local uid, why = M.parse_id(text)
    if not uid then
      errors.refuse { field = "user", value = text, why = why, at = at, accepted = USERS }
    end
    local known = ctx.facts.passwd(uid, ctx.raw.rootfs)
    return { uid = uid, gid = known and known.gid or uid, name = known and known.name,
      home = known and known.home }
  end
  local known = ctx.facts.passwd(text, ctx.raw.rootfs)
  if not known then
    errors.refuse { field = "user", value = text, at = at,
      why = "is not a user in " .. database(ctx, "passwd"),
      hint = "users of a directory service (LDAP, SSSD) are not known here: give the number" }
  end
  return { uid = known.uid, gid = known.gid, name = known.name, home = known.home }
end

local function find_group(ctx, text, at)
  if text:find("^%d") then
    local gid, why = M.parse_id(text)
    if not gid then
      errors.refuse { field = "user", value = text, why = why, at = at,
        accepted = "a group's number or name" }
    end
    return gid
  end
  local known = ctx.facts.group(text, ctx.raw.rootfs)
  if not known then
    errors.refuse { field = "user", value = text, at = at,
      why = "is not a group in " .. database(ctx, "group"),
      hint = "groups of a directory service (LDAP, SSSD) are not known here: give the number" }
  end
  return known.gid
end

--- The user that the spec asks for, or nil.
local function wanted(ctx)
  local user = ctx.raw.user
  if user == nil then return nil end
  local at = ctx.where("user")
  if type(user) == "number" then user = string.format("%.14g", user) end
  local name, group = user:match("^([^:]+):([^:]+)$")
  if not name then name = user:match("^[^:]+$") end
  if not name then
    errors.refuse { field = "user", value = user, why = "is not a user", accepted = USERS, at = at }
  end
  local found = find_user(ctx, name, at)
  if group then found.gid = find_group(ctx, group, at) end
  return found
end

--- Three lines at most: the caller's own id is itself, the subordinate ids are all the others.
local function around(own, range)
  local lines = {}
  local below = math.min(own, range.count)
  if below > 0 then lines[1] = ("0 %d %d"):format(range.start, below) end
  lines[#lines + 1] = ("%d %d 1"):format(own, own)
  if range.count > own then
    lines[#lines + 1] = ("%d %d %d"):format(own + 1, range.start + own, range.count - own)
  end
  return table.concat(lines, "\n")
end

local function maps(own, range, id)
  if id == own then return true end
  return id < own and id < range.count or id > own and id <= range.count
end

--- Can the caller map subordinate ids? Where not, tidelock.probe.cause tells why.
---@param facts table
---@return boolean
function M.has_subids(facts)
  return facts.subuid and facts.subgid and facts.stat("/usr/bin/newuidmap") ~= nil
    and facts.stat("/usr/bin/newgidmap") ~= nil
end

--- The caller's groups besides the primary one, which the box should not keep.
---@param facts table
---@return integer[]
function M.other_groups(facts)
  local others = {}
  for _, gid in ipairs(facts.groups) do
    if gid ~= facts.gid then others[#others + 1] = gid end
  end
  return others
end

--- "4(adm), 1000"
---@param facts table
---@param gids integer[]
---@return string
function M.describe_groups(facts, gids)
  local words = {}
  for i, gid in ipairs(gids) do
    local known = facts.group(gid)
    words[i] = known and ("%d(%s)"):format(gid, known.name) or tostring(gid)
  end
  return table.concat(words, ", ")
end

local function range_identity(ctx, user)
  local range = ctx.facts.range()
  for kind, id in pairs { uid = user.uid, gid = user.gid } do
    if id >= range.count then
      errors.refuse { field = "user", value = tostring(id), at = ctx.where("user"),
        why = "is outside the box's range of ids",
        accepted = ("a %s below %d"):format(kind, range.count) }
    end
  end
  return {
    mode = "range", setgroups = true, helper = false, uid = 0, gid = 0, ids = range.count,
    uid_map = ("0 %d %d"):format(range.base, range.count),
    gid_map = ("0 %d %d"):format(range.gid_base or range.base, range.count),
  }
end

local function subids_identity(ctx, user)
  local facts = ctx.facts
  local uids, gids = facts.subuid, facts.subgid
  for _, check in ipairs {
    { "uid", user.uid, facts.uid, uids }, { "gid", user.gid, facts.gid, gids },
  } do
    local kind, id, own, range = check[1], check[2], check[3], check[4]
    if not maps(own, range, id) then
      errors.refuse { field = "user", value = tostring(id), at = ctx.where("user"),
        why = "is outside the caller's subordinate ids",
        accepted = ("the %s %d, or one up to %d"):format(kind, own, range.count) }
    end
  end
  return {
    mode = "subids", setgroups = true, helper = true, uid = facts.uid, gid = facts.gid,
    ids = math.min(uids.count, gids.count),
    uid_map = around(facts.uid, uids), gid_map = around(facts.gid, gids),
  }
end

local function self_identity(ctx, user)
  local facts = ctx.facts
  return {
    mode = "self", setgroups = false, helper = false, uid = user.uid, gid = user.gid, ids = 1,
    uid_map = ("%d %d 1"):format(user.uid, facts.uid),
    gid_map = ("%d %d 1"):format(user.gid, facts.gid),
  }
end

local function requires(raw, name)
  for _, word in ipairs(raw.require or {}) do
    if word == name then return true end
  end
  return false
end

local function report_groups(ctx, others)
  local groups = M.describe_groups(ctx.facts, others)
  if requires(ctx.raw, "drop-groups") then
    local cause = require "tidelock.probe.cause"
    errors.refuse { field = "require", value = "drop-groups", at = ctx.where("require"),
      why = "cannot be met: the supplementary groups " .. groups .. " cannot be dropped",
      hint = "run as root, or give the user subordinate ids; "
        .. cause.text(cause.subids(ctx.facts)) }
  end
  ctx.norm.not_enforced[#ctx.norm.not_enforced + 1] = "drop-groups"
  ctx.note("the supplementary groups " .. groups .. " stay: without root or subordinate ids the"
    .. " kernel lets nobody drop them", "default")
end

--- Sets norm.user, norm.identity and what could not be enforced.
---@param ctx table
function M.resolve(ctx)
  local facts, norm = ctx.facts, ctx.norm
  local asked = wanted(ctx)
  local user = asked
  if not user then
    local known = facts.passwd(facts.uid, ctx.raw.rootfs)
    user = { uid = facts.uid, gid = facts.gid, name = known and known.name,
      home = known and known.home }
  end
  user.groups = {}
  norm.user = user

  local others = M.other_groups(facts)
  if facts.privileged then
    norm.identity = range_identity(ctx, user)
    norm.enforced[1] = "drop-groups"
    return
  end
  local other_id = user.uid ~= facts.uid or user.gid ~= facts.gid
  -- A box that stays may be asked for another user later.
  local wants_more = #others > 0 or other_id or not norm.command
  if wants_more and M.has_subids(facts) then
    norm.identity = subids_identity(ctx, user)
    norm.enforced[1] = "drop-groups"
    return
  end
  norm.identity = self_identity(ctx, user)
  if facts.uid == 0 then
    norm.not_enforced[#norm.not_enforced + 1] = "own-ids"
    ctx.note("the box's ids are the host's: without SYS_ADMIN, SETUID and SETGID, or in a user"
      .. " namespace that lacks the range, root has no other ids to give", "default")
  end
  if #others > 0 then
    report_groups(ctx, others)
  else
    norm.enforced[1] = "drop-groups"
  end
end

--- Whether a gid means something inside the box.
---@param norm table
---@param gid integer
---@return boolean
function M.maps_gid(norm, gid)
  local identity = norm.identity
  if identity.mode == "self" then return gid == identity.gid end
  return gid < identity.ids
end

return M
