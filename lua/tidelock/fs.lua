--- Combinators for `fs`: each returns a partial spec with one mount.

local check = require "tidelock.schema.check"
local origin = require "tidelock.origin"
local spec = require "tidelock.spec"

local M = {}

-- The words of a combinator and its settings, checked against what it knows.
local function words(name, t, least, most, known, at)
  local field = "fs." .. name
  if type(t) == "string" then t = { t } end
  if type(t) ~= "table" then
    check.refuse(field, t, at, "is not a table", field .. " { ... }")
  end
  local n = check.length(t, field, at)
  check.known(t, known, at, field, n)
  if n < least or n > most then
    local wants = least == 2 and "source and target" or "one path"
    if least < most then wants = "one or two paths" end
    check.refuse(field, nil, at, ("%d path%s"):format(n, n == 1 and "" or "s"), wants)
  end
  return t, n
end

local function one(entry, at)
  return spec.of { { "fs", { entry }, at } }
end

---A host file or directory in the box, writable unless `readonly`.
---@param t {[1]: string, [2]: string, readonly: boolean?, optional: boolean?}  source, target
---@return tidelock.Spec
function M.bind(t)
  local at = origin.find()
  t = words("bind", t, 2, 2, { "readonly", "optional" }, at)
  local result = one({
    kind = "bind", source = t[1], target = t[2], readonly = t.readonly, optional = t.optional,
  }, at)
  return result
end

---An empty directory in memory.
---@param t {[1]: string, size: string|number|nil, mode: string|number|nil}
---@return tidelock.Spec
function M.tmpfs(t)
  local at = origin.find()
  t = words("tmpfs", t, 1, 1, { "size", "mode" }, at)
  local result = one({ kind = "tmpfs", target = t[1], size = t.size, mode = t.mode }, at)
  return result
end

local function upper_size(t, at)
  if t.upper == nil then return t.size end
  local size = type(t.upper) == "string" and (t.upper == "tmpfs" or t.upper:match("^tmpfs:(.+)$"))
  if not size then
    check.refuse("fs.overlay.upper", t.upper, at, "is not accepted", '"tmpfs", "tmpfs:512M"')
  end
  if size == true then return t.size end
  if t.size ~= nil then
    check.refuse("fs.overlay.size", t.size, at, "is given twice, also by upper", "one of them")
  end
  return size
end

---A directory whose changes are thrown away: with one path it is the root of the box, with two it
---is source and target.
---@param t {[1]: string, [2]: string?, upper: string?, size: string|number|nil}
---@return tidelock.Spec
function M.overlay(t)
  local at = origin.find()
  local n
  t, n = words("overlay", t, 1, 2, { "upper", "size" }, at)
  local target = n == 1 and "/" or t[2]
  local entry = { kind = "overlay", source = t[1], target = target, size = upper_size(t, at) }
  local settings = { { "fs", { entry }, at } }
  if check.tidy(target) == "/" then
    settings[2] = { "rootfs", check.tidy(check.path(t[1], at, "fs.overlay")), at }
  end
  local result = spec.of(settings)
  return result
end

---A host directory, writable at its own path; `all` also what is protected in it (.git/hooks ...).
---@param t {[1]: string, all: boolean?}|string
---@return tidelock.Spec
function M.rw(t)
  local at = origin.find()
  t = words("rw", t, 1, 1, { "all" }, at)
  local result = one({ kind = "rw", source = t[1], all = t.all }, at)
  return result
end

---A host directory, read-only at its own path.
---@param t {[1]: string}|string
---@return tidelock.Spec
function M.ro(t)
  local at = origin.find()
  local result = one({ kind = "ro", source = words("ro", t, 1, 1, {}, at)[1] }, at)
  return result
end

---Nothing can be seen at this path.
---@param t {[1]: string}|string
---@return tidelock.Spec
function M.hide(t)
  local at = origin.find()
  local result = one({ kind = "hide", target = words("hide", t, 1, 1, {}, at)[1] }, at)
  return result
end

---Takes away what the parts before mount on this target.
---@param t {[1]: string}|string
---@return tidelock.Spec
function M.remove(t)
  local at = origin.find()
  local result = one({ kind = "remove", target = words("remove", t, 1, 1, {}, at)[1] }, at)
  return result
end

return setmetatable(M, {
  __index = function(_, name)
    local known = { "bind", "hide", "overlay", "remove", "ro", "rw", "tmpfs" }
    require("tidelock.error").refuse {
      why = "unknown field fs." .. require("tidelock.error").printable(name), at = origin.find(),
      accepted = "fs." .. table.concat(known, ", fs."),
      hint = require("tidelock.suggest").hint(name, known, "fs."),
    }
  end,
})
