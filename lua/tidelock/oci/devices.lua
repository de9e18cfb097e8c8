--- linux.resources.devices: what a container may do with which device, checked and brought to the
--- form that the host's hierarchy of cgroups can enforce (tidelock.devices).

local check = require "tidelock.oci.check"

local M = {}

local FIELD = "linux.resources.devices"

-- As decoded, or its digits where it is past 2^53.
local function device_number(ctx, value, field, most)
  local plain = type(value) == "table" and tonumber(value[1]) or value
  if plain == nil then return -1 end
  -- -1 is what engines write for all of them.
  if plain < -1 or plain > most then
    check.refuse(ctx.at, field, plain, "is out of range", ("0 to %d, and -1 for all"):format(most))
  end
  return plain
end

local function device_rule(ctx, rule, field)
  local devices = require "tidelock.devices"
  local kind, access = rule.type or "a", rule.access or "rwm"
  if not access:find "^[rwm]+$" then
    check.refuse(ctx.at, field .. ".access", access, "is not known", 'letters of "rwm"')
  elseif not kind:find "^[abc]$" then
    check.refuse(ctx.at, field .. ".type", kind, "is not known", '"a", "b", "c"')
  end
  return devices.rule(rule.allow, kind,
    device_number(ctx, rule.major, field .. ".major", devices.MOST_MAJOR),
    device_number(ctx, rule.minor, field .. ".minor", devices.MOST_MINOR), access, field)
end

-- A rule that would not be in force: of those that every container has, the one against it is told.
local function refuse_part(ctx, problem)
  local text = require("tidelock.devices").text
  local rule, exception = problem.rule, problem.exception
  local verb = problem.rule.allow and "allows" or "denies"
  if rule.field then
    check.refuse(ctx.at, rule.field, nil, ("cannot be enforced: it %s %s, a part of %s (%s)")
      :format(verb, text(rule), text(exception), exception.field), nil,
      "exceptions from exceptions are not to be had: name what may be used one by one")
  end
  local function numbers(one) return text(one):match "^%a %S+" end
  check.refuse(ctx.at, exception.field, nil, ("cannot be enforced: it denies %s, and %s is every"
    .. " container's"):format(numbers(exception), numbers(rule)), nil,
    "deny the others one by one")
end

-- What always may be comes last.
local function device_list(ctx, asked)
  local devices = require "tidelock.devices"
  local rules = {}
  if #asked > devices.MOST then
    check.refuse(ctx.at, FIELD, nil, ("has %d rules"):format(#asked),
      ("at most %d"):format(devices.MOST))
  end
  for i, rule in ipairs(asked) do
    rules[i] = device_rule(ctx, rule, ("%s[%d]"):format(FIELD, i - 1))
  end
  for _, text in ipairs(devices.ALWAYS) do rules[#rules + 1] = devices.parse(true, text) end
  local list, problem = devices.reduce(rules)
  if problem then refuse_part(ctx, problem) end
  if #list > devices.MOST then
    check.refuse(ctx.at, FIELD, nil, ("comes to %d exceptions"):format(#list),
      ("at most %d"):format(devices.MOST))
  end
  return list
end

local function makes_nodes(ctx)
  for _, name in ipairs(ctx.norm.capabilities) do
    if name == "MKNOD" then return not ctx.in_user_namespace end
  end
  return false
end

-- Without a controller nodes of the root are of no use where it is mounted nodev, and no others can
-- be made without MKNOD.
local function without_devices(ctx, rules, why)
  if rules[1] and makes_nodes(ctx) then
    check.refuse(ctx.at, FIELD, nil, "cannot be enforced: " .. why, nil,
      "without CAP_MKNOD in process.capabilities.bounding no device can be made")
  end
  local list = ctx.norm.not_enforced
  if makes_nodes(ctx) then
    list[#list + 1] = "devices: the container may make nodes (CAP_MKNOD) of any device: " .. why
  elseif rules[1] then
    list[#list + 1] = FIELD .. ": " .. why
  end
end

---Sets ctx.devices on v2, and adds settings on v1; norm.devices_limited where either is in force.
---@param ctx table
---@param rules table[]  of config.json
---@param add function   a setting: controller, file, value, field
function M.resolve(ctx, rules, add)
  -- Neither rules nor a way to make a node: nothing to be held back.
  if not rules[1] and not makes_nodes(ctx) then return end
  local devices = require "tidelock.devices"
  local list, on_v2 = device_list(ctx, rules), ctx.facts.cgroups.version == 2
  local program = on_v2 and devices.program(list)
  local why = (program or not on_v2) and devices.problem(ctx.facts)
  if why then return without_devices(ctx, rules, why) end
  ctx.norm.devices_limited = true
  if program then
    ctx.devices = program
    program.at = ctx.at .. ", " .. FIELD
  end
  for _, item in ipairs(devices.settings(list)) do
    if on_v2 then
      local enforced = ctx.norm.enforced
      enforced[#enforced + 1] = ("%s %s"):format(item.file, item.value)
    else
      add("devices", item.file, item.value, item.field or FIELD)
    end
  end
end

return M
