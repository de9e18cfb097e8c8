--- A process in a box that is there: the box's normalised spec with what is the process's own.

local errors = require "tidelock.error"

local M = {}

-- Of a spec's fields, those that one process may have otherwise than the box.
local FIELDS = {
  "cwd", "env", "pass_fds", "rlimits", "stderr", "stdin", "stdout", "timeout", "user",
}

local OWN = {}
for _, name in ipairs(FIELDS) do OWN[name] = true end

local STREAMS = { stdin = true, stdout = true, stderr = true }

local function refuse_field(name, at)
  errors.refuse { why = "unknown field " .. errors.show(name) .. " for a process of a box", at = at,
    accepted = table.concat(FIELDS, ", "), hint = require("tidelock.suggest").hint(name, FIELDS) }
end

-- Words, and the fields that are set, checked.
local function read(t, at, pipes)
  local schema = require "tidelock.schema"
  local words, fields = {}, {}
  for key, value in pairs(t) do
    if type(key) == "number" then
      words[key] = value
    elseif not OWN[key] then
      refuse_field(key, at)
    elseif pipes and STREAMS[key] and value == "pipe" then
      fields[key] = "pipe"
    else
      fields[key] = schema.check(key, value, at)
    end
  end
  fields.command = schema.check("command", words, at)
  return fields
end

local function same_map(box, norm, at)
  if norm.identity.uid_map == box.norm.identity.uid_map
    and norm.identity.gid_map == box.norm.identity.gid_map then
    return
  end
  errors.refuse { field = "user", value = norm.user.uid, at = at,
    why = "is not an id of the box, which maps only " .. box.norm.identity.uid_map:match("%d+"),
    hint = "a box has more ids as root, or with subordinate ids and a user in its spec" }
end

local function choose_user(ctx, box, at)
  if not ctx.raw.user then return end
  ctx.norm.enforced, ctx.norm.not_enforced = {}, {}
  require("tidelock.normalise.identity").resolve(ctx)
  same_map(box, ctx.norm, at)
  require("tidelock.normalise").choose_home(ctx)
end

local function merged_env(box, own)
  local env = {}
  for name, value in pairs(box.fields.env or {}) do env[name] = value end
  for name, value in pairs(own or {}) do env[name] = value end
  return env
end

---@param box tidelock.Box
---@param t table       words and fields
---@param at string?    who asks
---@param pipes boolean "pipe" is a stream
---@return table norm
---@return table fields  raw: functions as streams are only here
function M.normalise(box, t, at, pipes)
  local fields = read(t, at, pipes)
  local paths, confine = require "tidelock.normalise.path", require "tidelock.normalise.confine"
  local norm = {}
  for name, value in pairs(box.norm) do norm[name] = value end
  norm.origins = { command = at, user = fields.user and at, cwd = fields.cwd and at }
  norm.hooks, norm.notes, norm.init = {}, {}, false
  norm.command = fields.command
  if fields.timeout then norm.timeout, norm.timeout_at = fields.timeout, at end
  local raw = setmetatable({}, { __index = function(_, name)
    if OWN[name] then return fields[name] end
    return box.fields[name]
  end })
  local ctx = { raw = raw, facts = box.facts, norm = norm, new = {} }
  function ctx.where() return at end
  function ctx.note(text) norm.notes[#norm.notes + 1] = { text = text, at = at } end
  choose_user(ctx, box, at)
  raw.env = merged_env(box, fields.env)
  require("tidelock.normalise.env").resolve(ctx)
  if fields.cwd then norm.cwd = paths.join(box.norm.cwd, fields.cwd) end
  if fields.rlimits then confine.rlimits(ctx) end
  confine.descriptors(ctx)
  return norm, fields
end

return M
