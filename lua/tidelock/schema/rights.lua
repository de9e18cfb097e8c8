--- Checks of the fields that say what is allowed: share, capabilities, rlimits, require.

local check = require "tidelock.schema.check"
local errors = require "tidelock.error"
local suggest = require "tidelock.suggest"

local M = {}

local SHARED = { "ipc", "uts", "cgroup", "network" }

local UNSHARED = {
  pid = "without its own, killing the box would not kill all that runs in it",
  mount = "without its own, its mounts would be the host's",
  user = "without its own, its root would be the host's",
  time = "a box has no time namespace of its own to give up",
}

-- Old and other names; OCI's words are the ones accepted.
local ALIAS = { net = "network", mnt = "mount", ns = "network", hostname = "uts" }

---Names of namespaces, without "network": second result, whether that is there.
---@return string[] names
---@return table? also  fields that this one sets
function M.share(value, at, field)
  local names, also = {}, nil
  local accepted = check.quoted(SHARED)
  for i = 1, check.list(value, at, field, "a list of namespaces: " .. accepted) do
    local name = value[i]
    if name == "network" then
      also = { net = "host" }
    elseif name == "ipc" or name == "uts" or name == "cgroup" then
      names[#names + 1] = name
    elseif UNSHARED[name] then
      check.refuse(field, name, at, "cannot be shared: " .. UNSHARED[name], accepted)
    else
      local near = ALIAS[name]
      check.refuse(field, name, at, "is not a namespace that can be shared", accepted,
        near and ('did you mean "%s"?'):format(near) or suggest.hint(name, SHARED))
    end
  end
  return names, also
end

local function capability(name, at, field)
  local capabilities = require "tidelock.capability"
  if type(name) == "string" and name:upper() == "ALL" then return "ALL" end
  local known = capabilities.parse(name)
  if known then return known end
  local word = type(name) == "string" and name:upper():gsub("^CAP_", "") or ""
  check.refuse(field, name, at, "is not a capability",
    'the names of capabilities(7), such as "NET_ADMIN", or "ALL"',
    suggest.hint(word, capabilities.list()))
end

local function capability_set(value, at, field)
  local set, list = {}, {}
  for i = 1, check.list(value, at, field, "a list of capabilities") do
    local name = capability(value[i], at, field)
    if not set[name] then list[#list + 1] = name end
    set[name] = true
  end
  table.sort(list)
  return list, set
end

---Steps in the order in which they count: within one table "ALL" comes first, so that
---{ drop = { "ALL" }, add = { "NET_RAW" } } and { add = { "ALL" }, drop = { "SYS_ADMIN" } } mean
---what they say.
---@return {drop: boolean, name: string}[]
function M.capabilities(value, at, field)
  if type(value) ~= "table" then
    check.refuse(field, value, at, "is not a table", "{ add = {...}, drop = {...} }")
  end
  if value[1] ~= nil then
    check.refuse(field, nil, at, "is a list", "{ add = {...}, drop = {...} }")
  end
  check.known(value, { "add", "drop" }, at, field)
  local add, added = capability_set(value.add or {}, at, field .. ".add")
  local drop, dropped = capability_set(value.drop or {}, at, field .. ".drop")
  for _, name in ipairs(add) do
    if dropped[name] then
      check.refuse(field, name, at, "is both added and dropped", "one of them")
    end
  end
  local steps = {}
  if dropped.ALL then steps[1] = { drop = true, name = "ALL" } end
  if added.ALL then steps[#steps + 1] = { drop = false, name = "ALL" } end
  for _, name in ipairs(drop) do
    if name ~= "ALL" then steps[#steps + 1] = { drop = true, name = name } end
  end
  for _, name in ipairs(add) do
    if name ~= "ALL" then steps[#steps + 1] = { drop = false, name = name } end
  end
  return steps
end

---What the steps of all parts come to, from none: `add` may be { "ALL" }, less `drop`.
---@return {add: string[], drop: string[]}
function M.resolve_capabilities(steps)
  local all, add, drop = false, {}, {}
  for _, step in ipairs(steps) do
    if step.name == "ALL" then
      all, add, drop = not step.drop, {}, {}
    else
      add[step.name], drop[step.name] = not step.drop or nil, step.drop or nil
    end
  end
  local function sorted(set)
    local list = {}
    for name in pairs(set) do list[#list + 1] = name end
    table.sort(list)
    return list
  end
  return { add = all and { "ALL" } or sorted(add), drop = sorted(drop) }
end

M.RLIMITS = {
  "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc",
  "rss", "rttime", "rtprio", "sigpending", "stack",
}

local IN_BYTES = {
  as = true, core = true, data = true, fsize = true, memlock = true, msgqueue = true, rss = true,
  stack = true,
}

local function limit(value, at, field, name)
  if value == "unlimited" then return value end
  local accepted = 'a number, "unlimited", { soft, hard }'
  if IN_BYTES[name] then
    local bytes, why, _, hint = require("tidelock.units").size(value)
    if bytes then return bytes end
    check.refuse(field, value, at, why, 'a size such as 512M, "unlimited", { soft, hard }', hint)
  end
  local number = value
  if type(value) == "string" and value:find("^%d+$") then number = tonumber(value) end
  if type(number) ~= "number" or number % 1 ~= 0 or number < 0 or number > 2 ^ 53 then
    check.refuse(field, value, at, "is not a limit", accepted)
  end
  return number
end

local function pair(value, at, field, name)
  if type(value) ~= "table" then
    local both = limit(value, at, field, name)
    return { both, both }
  end
  local n = check.list(value, at, field, "{ soft, hard }")
  if n ~= 2 then check.refuse(field, nil, at, ("has %d values"):format(n), "{ soft, hard }") end
  local soft, hard = limit(value[1], at, field, name), limit(value[2], at, field, name)
  if hard ~= "unlimited" and (soft == "unlimited" or soft > hard) then
    check.refuse(field, soft, at, "(soft) is above the hard limit " .. errors.show(hard),
      "a soft limit up to the hard one")
  end
  return { soft, hard }
end

---By name: { soft, hard }, or false to take the limit away.
---@return table<string, table|false>
function M.rlimits(value, at, field)
  if type(value) ~= "table" then
    check.refuse(field, value, at, "is not a table", "{ nofile = 1024 }")
  end
  local result = {}
  for _, name in ipairs(check.names(value, field, at)) do
    local known = false
    for _, candidate in ipairs(M.RLIMITS) do known = known or candidate == name end
    if not known then
      check.refuse(field, name, at, "is not a limit of a process", table.concat(M.RLIMITS, " "),
        suggest.hint(name:lower():gsub("^rlimit_", ""), M.RLIMITS))
    end
    result[name] = value[name] ~= false and pair(value[name], at, field .. "." .. name, name)
  end
  return result
end

local REQUIREMENTS = { "drop-groups" }

---@return string[]
function M.require(value, at, field)
  local list = {}
  for i = 1, check.list(value, at, field, "a list of " .. check.quoted(REQUIREMENTS)) do
    list[i] = check.one_of(value[i], at, field, REQUIREMENTS)
  end
  return list
end

return M
