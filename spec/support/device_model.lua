-- Two models of rules for devices, as plain as they can be. A rule is a table { allow, type, major,
-- minor, access } as tidelock.devices has it; access is 1 for m, 2 for r, 4 for w.
local bit = require "bit"

local band, bnot, bor = bit.band, bit.bnot, bit.bor

local M = {}

local function is_about(rule, type, major, minor)
  return (rule.type == "a" or rule.type == type) and (rule.major < 0 or rule.major == major)
    and (rule.minor < 0 or rule.minor == minor)
end

---What runtime-spec says: of one bit of access the last rule that is about it decides; else no.
---@param rules table[]
---@return boolean
function M.last_rule(rules, type, major, minor, access)
  for i = #rules, 1, -1 do
    if is_about(rules[i], type, major, minor) and band(rules[i].access, access) ~= 0 then
      return rules[i].allow
    end
  end
  return false
end

---The kernel's own controller on v1 (security/device_cgroup.c, from knowledge of what it does):
---begins by allowing all, as a new cgroup below one without rules.
---`odd` tells what it did other than a reader of the rules would think: "wide", a rule that takes
---back more than one exception says and so took back nothing; "hole", one that takes back a part.
local Controller = {}
Controller.__index = Controller

function M.controller() return setmetatable({ allow = true, list = {}, odd = {} }, Controller) end

function Controller:find(rule)
  for i, known in ipairs(self.list) do
    if known.type == rule.type and known.major == rule.major and known.minor == rule.minor then
      return i, known
    end
  end
end

local function overlap(a, b)
  return a.type == b.type and (a.major < 0 or b.major < 0 or a.major == b.major)
    and (a.minor < 0 or b.minor < 0 or a.minor == b.minor) and band(a.access, b.access) ~= 0
end

function Controller:remove(rule)
  local i, known = self:find(rule)
  for _, other in ipairs(self.list) do
    if other ~= known and overlap(rule, other) then
      local wide = (rule.major < 0 or rule.major == other.major)
        and (rule.minor < 0 or rule.minor == other.minor)
      self.odd[wide and "wide" or "hole"] = true
    end
  end
  if not known then return end
  known.access = band(known.access, bnot(rule.access))
  if known.access == 0 then table.remove(self.list, i) end
end

function Controller:add(rule)
  local _, known = self:find(rule)
  if known then
    known.access = bor(known.access, rule.access)
  else
    self.list[#self.list + 1] = { type = rule.type, major = rule.major, minor = rule.minor,
      access = rule.access }
  end
end

---Of one line of devices.allow or devices.deny: "a", or one type.
function Controller:write(rule)
  if rule.type == "a" then
    self.allow, self.list = rule.allow, {}
  elseif rule.allow == self.allow then
    self:remove(rule)
  else
    self:add(rule)
  end
end

---@param access integer  several bits at once are one request
---@return boolean
function Controller:answer(type, major, minor, access)
  for _, known in ipairs(self.list) do
    if is_about(known, type, major, minor) then
      if self.allow and band(access, known.access) ~= 0 then return false end
      if not self.allow and band(access, bnot(known.access)) == 0 then return true end
    end
  end
  return self.allow
end

return M
