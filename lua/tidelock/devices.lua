--- Rules for the devices of a cgroup. What is asked for is an ordered list, in which a later rule
--- overrides an earlier one (runtime-spec, config-linux.md); what the kernel keeps is a default and
--- its exceptions (cgroup-v1/devices.rst). `reduce` makes the one of the other, and both
--- hierarchies are given the same: v1 as lines of devices.allow and devices.deny, v2 as a program
--- (core/host/device_filter.h) that answers as v1 does. Data in, data out.
---
---     local list = devices.reduce { devices.rule(false, "a", -1, -1, "rwm"),
---       devices.parse(true, "c 1:3 rw"), devices.parse(true, "c 10:200 rw") }
---     devices.settings(list) -- on v1; on v2: devices.program(list)

local M = {}

---Of rules that were asked for, and of exceptions: no program before Linux 5.2 is longer.
M.MOST = 450
M.MOST_MAJOR, M.MOST_MINOR = 4095, 1048575

---What may be used whatever else is asked for: config-linux.md, "Default Devices", as nodes and as
---terminals; and any node may be made, which gives no access to what it stands for.
M.ALWAYS = {
  "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
  "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm",
}

---@class tidelock.DeviceRule
---@field allow boolean
---@field type "a"|"b"|"c"  a: both
---@field major integer     -1: all
---@field minor integer
---@field access integer    bits of ACCESS
---@field field string?     who asked for it

---@class tidelock.DeviceList : tidelock.DeviceRule[]
---@field allow boolean     what may be done with a device that no exception is about

-- BPF_DEVCG_ACC_*, and the letters in the order in which the kernel shows them.
local ACCESS = { m = 1, r = 2, w = 4 }
local LETTERS = { "r", "w", "m" }
local ALL = 7

local function bits_of(letters)
  local bits = 0
  for letter in letters:gmatch "." do
    if not ACCESS[letter] then return nil end
    if math.floor(bits / ACCESS[letter]) % 2 == 0 then bits = bits + ACCESS[letter] end
  end
  return bits > 0 and bits or nil
end

---A rule of values that are known to be good.
---@param allow boolean
---@param kind "a"|"b"|"c"
---@param major integer  -1: all
---@param minor integer
---@param access string  letters of "rwm"
---@param field string?
---@return tidelock.DeviceRule
function M.rule(allow, kind, major, minor, access, field)
  return { allow = allow, type = kind, major = major, minor = minor,
    access = assert(bits_of(access)), field = field }
end

local function number(text, most)
  if text == "*" then return -1 end
  local value = text:find "^%d+$" and tonumber(text)
  return value and value <= most and value or nil
end

---A rule as v1 has it: "c 1:3 rwm", "b *:* m", or "a" for all. Nil: it is none.
---@param allow boolean
---@param text string
---@param field string?
---@return tidelock.DeviceRule?
function M.parse(allow, text, field)
  if text == "a" then return M.rule(allow, "a", -1, -1, "rwm", field) end
  local kind, major, minor, access = text:match "^([abc]) ([^: ]+):([^: ]+) (%a+)$"
  if not kind then return nil end
  major, minor = number(major, M.MOST_MAJOR), number(minor, M.MOST_MINOR)
  if not major or not minor or not bits_of(access) then return nil end
  return M.rule(allow, kind, major, minor, access, field)
end

local function has(bits, bit) return math.floor(bits / bit) % 2 == 1 end

---A rule or an exception as v1 has it.
---@param rule tidelock.DeviceRule
---@return string
function M.text(rule)
  local letters = {}
  for _, letter in ipairs(LETTERS) do
    if has(rule.access, ACCESS[letter]) then letters[#letters + 1] = letter end
  end
  local function shown(value) return value < 0 and "*" or ("%d"):format(value) end
  return ("%s %s:%s %s"):format(rule.type, shown(rule.major), shown(rule.minor),
    table.concat(letters))
end

-- Does a say as much of the numbers as b, or more?
local function covers(a, b)
  return a.type == b.type and (a.major < 0 or a.major == b.major)
    and (a.minor < 0 or a.minor == b.minor)
end

local function meet(a, b)
  return a.type == b.type and (a.major < 0 or b.major < 0 or a.major == b.major)
    and (a.minor < 0 or b.minor < 0 or a.minor == b.minor)
end

local function without(access, taken)
  for _, bit in pairs(ACCESS) do
    if has(taken, bit) and has(access, bit) then access = access - bit end
  end
  return access
end

local function key_of(type, major, minor) return ("%s %d:%d"):format(type, major, minor) end

local function add(state, rule)
  local key = key_of(rule.type, rule.major, rule.minor)
  local known = state.by_key[key]
  if known then
    known.access = known.access + without(rule.access, known.access)
    return
  end
  local new = { type = rule.type, major = rule.major, minor = rule.minor, access = rule.access,
    field = rule.field }
  state.by_key[key], state.list[#state.list + 1] = new, new
end

-- v1 takes an exception back only by its very numbers, and says nothing where it has another that
-- is about the device: what would go on being allowed is told here.
local function take_back(state, rule)
  for _, known in ipairs(state.list) do
    local left = without(known.access, rule.access)
    if covers(rule, known) then
      known.access = left
    elseif left ~= known.access and meet(rule, known) then
      return { rule = rule, exception = known, allow = rule.allow }
    end
  end
  local kept = {}
  for _, known in ipairs(state.list) do
    if known.access > 0 then
      kept[#kept + 1] = known
    else
      state.by_key[key_of(known.type, known.major, known.minor)] = nil
    end
  end
  state.list = kept
end

local function apply(state, rule)
  local all = rule.major < 0 and rule.minor < 0 and rule.access == ALL
  if rule.type == "a" and all then
    state.allow, state.list, state.by_key = rule.allow, {}, {}
    return nil
  end
  for _, kind in ipairs(rule.type == "a" and { "b", "c" } or { rule.type }) do
    local one = { allow = rule.allow, type = kind, major = rule.major, minor = rule.minor,
      access = rule.access, field = rule.field }
    local problem
    if rule.allow == state.allow then problem = take_back(state, one) else add(state, one) end
    if problem then return problem end
  end
end

-- One that another says as well. There are three that can.
local function is_needed(state, exception)
  for _, numbers in ipairs { { -1, -1 }, { exception.major, -1 }, { -1, exception.minor } } do
    local other = state.by_key[key_of(exception.type, numbers[1], numbers[2])]
    if other and other ~= exception and without(exception.access, other.access) == 0 then
      return false
    end
  end
  return true
end

---What an ordered list of rules comes to; nothing is allowed before the first. The last rule about
---a device decides, for each letter of its access; and as on v1 one exception must allow all that
---is asked for at once (an "r" for 1:* and a "w" for 1:3 are no "rw" for 1:3).
---Nil where no list of exceptions says that: a rule takes back a part of what an earlier one gave,
---such as c 1:3 of c 1:*.
---@param rules tidelock.DeviceRule[]
---@return tidelock.DeviceList?
---@return { rule: tidelock.DeviceRule, exception: tidelock.DeviceRule }? problem
function M.reduce(rules)
  local state = { allow = false, list = {}, by_key = {} }
  for _, rule in ipairs(rules) do
    local problem = apply(state, rule)
    if problem then return nil, problem end
  end
  local list = { allow = state.allow }
  for _, exception in ipairs(state.list) do
    if is_needed(state, exception) then list[#list + 1] = exception end
  end
  return list
end

---Why the caller's cgroups can hold no device back, or nil.
---@param facts table
---@return string? why
function M.problem(facts)
  local cgroups = facts.cgroups
  if not cgroups.version then return "no cgroup file system is mounted" end
  if cgroups.version == 1 then return require("tidelock.cgroup.v1").problem(facts, "devices") end
  local function may(cap) return has(tonumber(facts.ids.caps_effective), 2 ^ cap) end
  local first = (facts.read "/proc/self/uid_map" or ""):find "^%s*0%s+0%s+4294967295%s"
  -- CAP_NET_ADMIN; CAP_BPF or CAP_SYS_ADMIN.
  if not (first and may(12) and (may(39) or may(21))) then
    return "on cgroup v2 that takes an eBPF program, and those take CAP_BPF and CAP_NET_ADMIN of"
      .. " the host, outside any user namespace"
  end
  local place = require "tidelock.cgroup.place"
  local found, why = place.find(facts, {})
  return not found and place.text(why) or nil
end

---The exceptions as texts.
---@param list tidelock.DeviceList
---@return string[]
function M.texts(list)
  local texts = {}
  for i, exception in ipairs(list) do texts[i] = M.text(exception) end
  return texts
end

---For v1: what is to be written, in this order, where the cgroup is new.
---@param list tidelock.DeviceList
---@return { file: string, value: string, field: string? }[]
function M.settings(list)
  local settings = { { file = list.allow and "devices.allow" or "devices.deny", value = "a" } }
  for _, exception in ipairs(list) do
    settings[#settings + 1] = { file = list.allow and "devices.deny" or "devices.allow",
      value = M.text(exception), field = exception.field }
  end
  return settings
end

---For v2: the fields of the operation limit_devices. Nil where everything is allowed, as it is
---without one.
---@param list tidelock.DeviceList
---@return { allow: integer, rules: string[] }?
function M.program(list)
  if list.allow and not list[1] then return nil end
  return { allow = list.allow and 1 or 0, rules = M.texts(list) }
end

return M
