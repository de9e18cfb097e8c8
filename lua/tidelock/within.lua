--- `spec:within(ceiling)`: refuses whatever is wider than the ceiling. Where two values cannot be
--- put in order, any difference is refused.

local errors = require "tidelock.error"
local schema = require "tidelock.schema"
local width = require "tidelock.schema.width"

local M = {}

-- A finding: what this spec says and what the ceiling says, as texts, and the names to look up.
local function found(list, field, mine, theirs, name, ceiling_name)
  list[#list + 1] = {
    field = field, mine = mine, theirs = theirs, name = name or field,
    ceiling_name = ceiling_name or name or field,
  }
end

local function text(name, value)
  if value == nil then return "nothing" end
  return width.show(name, value)
end

local compare = {}

local function ordered(name)
  return function(list, mine, theirs)
    local a, b = mine[name], theirs[name]
    if a == nil then a = width.DEFAULTS[name] end
    if b == nil then b = width.DEFAULTS[name] end
    if width.wider(name, a, b) then found(list, name, text(name, a), text(name, b)) end
  end
end

local ORDERED = {
  "net", "env_keep", "seccomp", "init", "force", "best_effort", "tty", "stdin", "stdout", "stderr",
}
for _, name in ipairs(ORDERED) do
  compare[name] = ordered(name)
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, item in pairs(a) do
    -- Where a hook was asked for does not make it another.
    if key ~= "origin" and not same(item, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- With no order of their own.
local function equal(list, mine, theirs, name)
  if not same(mine[name], theirs[name]) then
    found(list, name, text(name, mine[name]), text(name, theirs[name]))
  end
end

-- The ceiling binds only where it speaks.
local function equal_if_said(list, mine, theirs, name)
  if theirs[name] ~= nil then equal(list, mine, theirs, name) end
end

compare.command = equal_if_said

function compare.view(list, mine, theirs)
  -- A root of one's own shows nothing of the host's unless a view is asked for.
  local a = mine.view or (mine.rootfs and "none" or "system")
  local b = theirs.view or (theirs.rootfs and "none" or "system")
  if width.wider("view", a, b) then found(list, "view", text("view", a), text("view", b)) end
end

function compare.hostname(list, mine, theirs, name)
  local shared = false
  for _, namespace in ipairs(mine.share or {}) do shared = shared or namespace == "uts" end
  if shared then equal(list, mine, theirs, name) else equal_if_said(list, mine, theirs, name) end
end

function compare.timeout(list, mine, theirs)
  if not theirs.timeout then return end
  if not mine.timeout then
    found(list, "timeout", "no time limit", text("timeout", theirs.timeout))
  elseif mine.timeout > theirs.timeout then
    found(list, "timeout", text("timeout", mine.timeout), text("timeout", theirs.timeout))
  end
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local MINIMAL = { PATH = true, TERM = true, LANG = true, TZ = true, HOME = true, USER = true }

local function comes_from_caller(name, keep)
  if keep == "none" then return false end
  return keep == "all" or MINIMAL[name] or name:sub(1, 3) == "LC_"
end

function compare.env(list, mine, theirs)
  local own = mine.env or {}
  for _, name in ipairs(sorted_keys(theirs.env)) do
    local a, b = own[name], theirs.env[name]
    local full = "env." .. name
    if b == false then
      if a then
        found(list, full, text("env", a), "none")
      elseif a == nil and comes_from_caller(name, mine.env_keep or "minimal") then
        found(list, full, "the caller's value", "none")
      end
    elseif a and a ~= b then
      found(list, full, text("env", a), text("env", b))
    end
  end
end

-- Of all keys, for some that are not there have a value, too.
function compare.limits(list, mine, theirs)
  if not mine.limits and not theirs.limits then return end
  local order, limits = require "tidelock.schema.limits_order", require "tidelock.schema.limits"
  local a = order.effective(limits.flat(mine.limits))
  local b = order.effective(limits.flat(theirs.limits))
  local both = {}
  for name in pairs(a) do both[name] = true end
  for name in pairs(b) do both[name] = true end
  local function shown(name, value)
    if value == nil then value = order.absent(name) end
    return value == nil and "no limit" or value == false and "none" or limits.text(name, value)
  end
  for _, name in ipairs(sorted_keys(both)) do
    if order.wider(name, a[name], b[name]) then
      found(list, "limits." .. name, shown(name, a[name]), shown(name, b[name]))
    end
  end
end

function compare.rlimits(list, mine, theirs)
  local a, b = mine.rlimits or {}, theirs.rlimits or {}
  for _, name in ipairs(sorted_keys(b)) do
    local full, limit = "rlimits." .. name, width.show_key("rlimits", name, b[name])
    if not a[name] then
      found(list, full, "no limit", limit)
    elseif width.above("rlimits", name, a[name], b[name]) then
      found(list, full, width.show_key("rlimits", name, a[name]), limit)
    end
  end
  -- The inherited limit is not known here, so only 0 is surely not above it.
  for _, name in ipairs(sorted_keys(a)) do
    if not b[name] and width.higher_limit(a[name], { 0, 0 }) then
      found(list, "rlimits." .. name, text("rlimits", a[name]), "the caller's limit")
    end
  end
end

function compare.share(list, mine, theirs)
  local allowed = {}
  for _, name in ipairs(theirs.share or {}) do allowed[name] = true end
  for _, name in ipairs(mine.share or {}) do
    if not allowed[name] then
      local others = text("share", theirs.share)
      found(list, "share", errors.show(name), others, "share." .. name, "share")
    end
  end
end

function compare.require(list, mine, theirs)
  local kept = {}
  for _, name in ipairs(mine.require or {}) do kept[name] = true end
  for _, name in ipairs(theirs.require or {}) do
    if not kept[name] then
      local own = text("require", mine.require)
      found(list, "require", own, errors.show(name), "require", "require." .. name)
    end
  end
end

function compare.capabilities(list, mine, theirs)
  local allowed = width.capability_set(theirs.capabilities)
  for _, name in ipairs(sorted_keys(width.capability_set(mine.capabilities))) do
    if not allowed[name] then
      local asked = mine.capabilities.add[1] == "ALL" and "ALL" or name
      found(list, "capabilities", errors.show(name), "capabilities without it",
        "capabilities." .. asked, "capabilities")
    end
  end
end

function compare.pass_fds(list, mine, theirs)
  local allowed = {}
  for _, item in ipairs(theirs.pass_fds or {}) do allowed[item.target] = item.fd end
  for _, item in ipairs(mine.pass_fds or {}) do
    local fd = allowed[item.target]
    if fd ~= item.fd then
      found(list, "pass_fds", ("descriptor %d as %d"):format(item.fd, item.target),
        fd and ("descriptor %d there"):format(fd) or "descriptors", "pass_fds." .. item.target)
    end
  end
end

function compare.fs(list, mine, theirs)
  require("tidelock.within_mounts").compare(list, mine, theirs, found)
end

compare.rootfs = function(list, mine, theirs)
  require("tidelock.within_mounts").compare_root(list, mine, theirs, found)
end

compare.cwd = function(list, mine, theirs)
  require("tidelock.within_mounts").compare_cwd(list, mine, theirs, found)
end

local function place(at)
  return at and " (" .. at .. ")" or ""
end

local function report(list, spec, ceiling)
  local first = list[1]
  local at, ceiling_at = spec:where(first.name), ceiling:where(first.ceiling_name)
  local others, seen = {}, { [first.field] = true }
  for i = 2, #list do
    local field = list[i].field
    if not seen[field] then others[#others + 1] = errors.printable(field, 40) end
    seen[field] = true
  end
  local more = #others > 8 and ", ..." or ""
  local fields = table.concat(others, ", ", 1, math.min(#others, 8)) .. more
  return errors.new {
    message = ("%s: %s%s is wider than the ceiling's %s%s"):format(errors.printable(first.field),
      first.mine, at and "" or " (default)", first.theirs,
      ceiling_at and place(ceiling_at) or " (default)"),
    code = "EPERM", field = first.field, value = first.mine, ceiling = first.theirs, at = at,
    ceiling_at = ceiling_at, hint = first.hint or (others[1] and "also wider: " .. fields or nil),
  }
end

---Raises if `spec` is wider than `ceiling` in any field.
---@param spec tidelock.Spec
---@param ceiling tidelock.Spec
function M.check(spec, ceiling)
  local mine, theirs = spec:fields(), ceiling:fields()
  local list = {}
  for _, field in ipairs(schema.list) do
    (compare[field.name] or equal)(list, mine, theirs, field.name)
  end
  if list[1] then error(report(list, spec, ceiling), 0) end
end

return M
