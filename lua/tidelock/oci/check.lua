--- Is this decoded config.json what tidelock.oci.schema says? The first thing that is not raises an
--- error that names the property.

local errors = require "tidelock.error"

local M = {}

local LARGEST = 2 ^ 53
-- To setresuid(2) and chown(2) the largest number means "leave it as it is": no id.
local MAX_ID, ALL_IDS = 4294967294, 4294967295

---Raises: the property `field` of the file `at` cannot be `value`.
---@param at string
---@param field string
---@param value any
---@param why string?
---@param accepted string?
---@param hint string?
function M.refuse(at, field, value, why, accepted, hint)
  if field == "" then field = "config.json" end
  errors.refuse { field = field, value = value, why = why, accepted = accepted, at = at,
    hint = hint }
end

local checks = {}

local function kind_of(value, arrays)
  if type(value) == "userdata" then return "null" end
  if type(value) ~= "table" then return type(value) end
  local meta = getmetatable(value)
  if meta == arrays.array then return "array" end
  return meta == arrays.integer and "integer" or "object"
end

local function refuse_kind(ctx, field, value, accepted)
  local kind = kind_of(value, ctx.json)
  local shown = kind == "string" or kind == "number" or kind == "boolean"
  if shown then M.refuse(ctx.at, field, value, "is not " .. accepted) end
  M.refuse(ctx.at, field, nil, ("is %s%s"):format(kind == "null" and "" or kind:find "^[aoi]"
    and "an " or "a ", kind),
    accepted)
end

function checks.boolean(ctx, field, value)
  if type(value) ~= "boolean" then refuse_kind(ctx, field, value, "true or false") end
end

-- Numbers past 2^53 come as their digits: they are kept exact.
local function number(ctx, field, value, least, most, accepted)
  if kind_of(value, ctx.json) == "integer" then
    local digits = value[1]
    if digits:sub(1, 1) == "-" and least >= 0 then
      M.refuse(ctx.at, field, tonumber(digits), "is negative", accepted)
    elseif most <= LARGEST or #digits > 20 or #digits == 20 and digits > "18446744073709551615" then
      M.refuse(ctx.at, field, tonumber(digits), "is too large", accepted)
    end
    return
  end
  if type(value) ~= "number" then refuse_kind(ctx, field, value, accepted) end
  -- As a fraction or with an exponent: not exact any more.
  if value % 1 ~= 0 or value < least or value > most or math.abs(value) > LARGEST then
    M.refuse(ctx.at, field, value, value % 1 ~= 0 and "is no whole number" or "is out of range",
      accepted)
  end
end

function checks.uint(ctx, field, value)
  number(ctx, field, value, 0, 2 ^ 64, "a whole number that is not negative")
end

function checks.int(ctx, field, value)
  number(ctx, field, value, -2 ^ 63, 2 ^ 63, "a whole number")
end

function checks.id(ctx, field, value)
  number(ctx, field, value, 0, MAX_ID, ("a whole number from 0 to %.0f"):format(MAX_ID))
end

function checks.ids(ctx, field, value)
  number(ctx, field, value, 0, ALL_IDS, ("a whole number from 0 to %.0f"):format(ALL_IDS))
end

function checks.string(ctx, field, value)
  if type(value) ~= "string" then refuse_kind(ctx, field, value, "a string") end
end

function checks.text(ctx, field, value)
  checks.string(ctx, field, value)
  if #value > 131071 then
    M.refuse(ctx.at, field, nil, ("is %d bytes long"):format(#value), "at most 131071 bytes")
  end
end

function checks.path(ctx, field, value)
  checks.string(ctx, field, value)
  if value == "" then M.refuse(ctx.at, field, nil, "is empty", "a path") end
  if #value > 4095 then
    M.refuse(ctx.at, field, nil, ("is %d bytes long"):format(#value), "at most 4095 bytes")
  end
end

function checks.version(ctx, field, value)
  checks.string(ctx, field, value)
  -- Semantic versioning: every 1.x is to be read by who knows 1.0.
  if not value:find "^1%.%d+%.%d+" then
    M.refuse(ctx.at, field, value, "is not a version that is known", "1.0.0 to 1.2, and later 1.x")
  end
end

function checks.raw(ctx, field, value)
  if value:sub(1, 1) ~= "{" then M.refuse(ctx.at, field, nil, "is not an object", "an object") end
end

local check

local function object(ctx, field, value, fields)
  if kind_of(value, ctx.json) ~= "object" then refuse_kind(ctx, field, value, "an object") end
  local prefix = field == "" and "" or field .. "."
  for name, inner in pairs(fields) do
    local plain = name:gsub("!$", "")
    local item = value[plain]
    if item ~= nil then
      check(ctx, prefix .. plain, item, inner)
    elseif plain ~= name then
      M.refuse(ctx.at, prefix .. plain, nil, "is missing")
    end
  end
end

local function each(ctx, field, value, inner)
  if kind_of(value, ctx.json) ~= "array" then refuse_kind(ctx, field, value, "an array") end
  for i, item in ipairs(value) do check(ctx, ("%s[%d]"):format(field, i - 1), item, inner) end
end

local function members(ctx, field, value, inner)
  if kind_of(value, ctx.json) ~= "object" then refuse_kind(ctx, field, value, "an object") end
  for name, item in pairs(value) do
    check(ctx, field .. "." .. errors.printable(name), item, inner)
  end
end

-- What is empty, false or zero asks for nothing, and engines write much of that.
local function says_something(value)
  if type(value) ~= "table" then return value ~= "" and value ~= false and value ~= 0 end
  for _, item in pairs(value) do
    if says_something(item) then return true end
  end
  return false
end

function check(ctx, field, value, rule)
  if type(rule) == "string" then return checks[rule](ctx, field, value) end
  local kind, inner = rule[1], rule[2]
  if kind == "list" then return each(ctx, field, value, inner) end
  if kind == "map" then return members(ctx, field, value, inner) end
  if kind == "object" then return object(ctx, field, value, inner) end
  if says_something(value) then
    M.refuse(ctx.at, field, nil, "cannot be done: " .. inner)
  end
end

---Raises for the first property that is missing or of another kind than it should be.
---@param config any         decoded
---@param at string          the file's name, for the error
---@param json table         tidelock.core.json
function M.config(config, at, json)
  check({ at = at, json = json }, "", config, require("tidelock.oci.schema").config)
end

return M
