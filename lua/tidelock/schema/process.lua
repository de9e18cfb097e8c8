--- Checks of the fields that say what runs and as whom: command, env, user, hostname, streams,
--- passed descriptors, hooks and operations.

local check = require "tidelock.schema.check"
local errors = require "tidelock.error"

local M = {}

local COMMAND = "a list of words"

---@return string[]
function M.command(value, at, field)
  if type(value) == "string" then
    check.refuse(field, value, at, "is not a list", COMMAND,
      'command = { "sh", "-c", "..." } for a line of shell')
  end
  local n = check.list(value, at, field, COMMAND)
  if n == 0 then check.refuse(field, nil, at, "has no words", "at least one word") end
  local words = {}
  for i = 1, n do
    local word = value[i]
    if type(word) ~= "string" then
      check.refuse(field, word, at, ("(word %d) is not a string"):format(i), COMMAND)
    elseif word:find("%z") then
      check.refuse(field, word, at, ("(word %d) has a NUL byte in it"):format(i), COMMAND)
    elseif #word > check.LONGEST_WORD then
      check.refuse(field, nil, at, ("word %d is %d bytes long"):format(i, #word),
        ("at most %d, the kernel's limit for one argument"):format(check.LONGEST_WORD))
    end
    words[i] = word
  end
  if words[1] == "" then check.refuse(field, "", at, "(word 1) is empty", "a program's name") end
  return words
end

local function env_name(name, at, field)
  if name == "" then check.refuse(field, "", at, "is not a name", "a name that is not empty") end
  if name:find("[=%z]") then
    check.refuse(field, name, at, "is not a name", 'a name without "=" and NUL bytes')
  end
end

---@return table<string, string|false>
function M.env(value, at, field)
  if type(value) ~= "table" then
    check.refuse(field, value, at, "is not a table", "{ NAME = \"value\" }")
  end
  if type(value[1]) == "string" then
    check.refuse(field, value[1], at, "has no name", "{ NAME = \"value\" }")
  end
  local result = {}
  for _, name in ipairs(check.names(value, field, at)) do
    local text = value[name]
    local full = field .. "." .. name
    env_name(name, at, field)
    if text ~= false then
      local accepted = "a string, or false to take it away"
      if type(text) ~= "string" then
        check.refuse(full, text, at, "is not a string", accepted,
          type(text) == "number" and "write " .. errors.show(tostring(text)) or nil)
      elseif text:find("%z") then
        check.refuse(full, text, at, "has a NUL byte in it", accepted)
      elseif #name + #text + 1 > check.LONGEST_WORD then
        check.refuse(full, nil, at, ("is %d bytes long"):format(#name + #text + 1),
          ("at most %d with its name, the kernel's limit"):format(check.LONGEST_WORD))
      end
    end
    result[name] = text
  end
  return result
end

local USERS = '"1000", "1000:100", "name", "name:group"'
local LARGEST_ID = 2 ^ 32 - 2

local function account(text)
  if text:find("^%d+$") then return #text <= 10 and tonumber(text) <= LARGEST_ID end
  return text:find("^[%a_][%w_.-]*%$?$") ~= nil and #text <= 256
end

---@return string
function M.user(value, at, field)
  if type(value) == "number" then
    check.integer(value, at, field, 0, LARGEST_ID)
    return ("%.0f"):format(value)
  end
  check.text(value, at, field, USERS)
  local name, group = value:match("^([^:]*):?(.*)$")
  local colon = value:find(":", 1, true)
  if not account(name) or (colon and not account(group)) then
    check.refuse(field, value, at, "is not a user", USERS)
  end
  return value
end

---@return string
function M.hostname(value, at, field)
  local accepted = "1 to 64 letters, digits, dots and hyphens"
  check.text(value, at, field, accepted)
  if #value > 64 or value:find("[^%w.-]") then
    check.refuse(field, value, at, "is not a host name", accepted)
  end
  return value
end

---@return string|integer|function
function M.stream(value, at, field)
  local words = field == "stdin" and { "inherit", "null" } or { "inherit", "capture", "null" }
  local accepted = check.quoted(words) .. ", a descriptor, a function"
  if type(value) == "function" then return value end
  if type(value) == "number" then
    return check.integer(value, at, field, 0, 2 ^ 31 - 1, accepted)
  end
  for _, word in ipairs(words) do
    if value == word then return word end
  end
  check.refuse(field, value, at, nil, accepted, require("tidelock.suggest").hint(value, words))
end

---@return string
function M.seccomp(value, at, field)
  local accepted = '"default", "none", a file of compiled BPF'
  check.text(value, at, field, accepted, check.LONGEST_PATH)
  if value == "default" or value == "none" or value:find("/", 1, true) then return value end
  local hint = require("tidelock.suggest").hint(value, { "default", "none" })
  if hint then check.refuse(field, value, at, nil, accepted, hint) end
  return value
end

local function descriptor(value, at, field)
  return check.integer(value, at, field, 3, 1023, "a descriptor from 3 to 1023")
end

---@return {fd: integer, target: integer}[]
function M.pass_fds(value, at, field)
  local list = {}
  for i = 1, check.list(value, at, field, "a list of { fd = N, target = M }") do
    local item = value[i]
    if type(item) == "number" then item = { fd = item } end
    if type(item) ~= "table" then
      check.refuse(field, item, at, "is not a descriptor", "{ fd = N, target = M }")
    end
    check.known(item, { "fd", "target" }, at, field)
    local fd = descriptor(item.fd, at, field .. ".fd")
    local target = fd
    if item.target ~= nil then target = descriptor(item.target, at, field .. ".target") end
    list[i] = { fd = fd, target = target }
  end
  return list
end

-- Where Lua can run, and where the child alone is.
local HOST_STAGES = { "prepare", "created", "started", "stopped" }
local CHILD_STAGES = { "mounts", "root", "confine" }

local function stage(value, at, field, stages, hint)
  for _, name in ipairs(stages) do
    if value == name then return value end
  end
  check.refuse(field, value, at, nil, check.quoted(stages), hint
    or require("tidelock.suggest").hint(value, stages))
end

local function wrong_lane(value, stages, hint)
  for _, name in ipairs(stages) do
    if value == name then return hint end
  end
end

local function func(value, at, field)
  if type(value) ~= "function" then
    check.refuse(field, value, at, "is not a function", "a function")
  end
end

---@return table[]
function M.hooks(value, at, field)
  local list = {}
  for i = 1, check.list(value, at, field, "a list of hooks") do
    local hook = value[i]
    if type(hook) ~= "table" then
      check.refuse(field, hook, at, "is not a hook", "{ at = STAGE, call = FUNCTION }")
    end
    check.known(hook, { "at", "call", "undo", "name", "origin" }, at, field)
    stage(hook.at, at, field .. ".at", HOST_STAGES, wrong_lane(hook.at, CHILD_STAGES,
      "no Lua runs in the child: this stage takes operations"))
    if hook.call == nil then check.refuse(field .. ".call", nil, at, "is missing", "a function") end
    func(hook.call, at, field .. ".call")
    if hook.undo ~= nil then func(hook.undo, at, field .. ".undo") end
    if hook.name ~= nil then check.text(hook.name, at, field .. ".name", "a name", 256) end
    if hook.origin ~= nil then check.text(hook.origin, at, field .. ".origin", "a line") end
    list[i] = {
      at = hook.at, call = hook.call, undo = hook.undo, name = hook.name,
      origin = hook.origin or at,
    }
  end
  return list
end

local function plain(value, at, field, depth)
  local kind = type(value)
  if kind == "string" or kind == "boolean" or kind == "number" then return value end
  if kind ~= "table" or depth > 4 then
    check.refuse(field, value, at, "is not plain data", "strings, numbers, booleans, lists of them")
  end
  local copy = {}
  for key, item in pairs(value) do copy[key] = plain(item, at, field, depth + 1) end
  return copy
end

-- Of init's operations those that may stand anywhere: the others are the plan's own skeleton.
M.USER_OPS = {
  "link_up", "mkdir", "mount", "overlay", "readonly", "rlimit", "setdomainname", "sethostname",
  "symlink", "sysctl", "umask",
}

local function user_op(name, at, field)
  check.text(name, at, field, "the name of an operation", 64)
  for _, known in ipairs(M.USER_OPS) do
    if known == name then return end
  end
  check.refuse(field, name, at, "is no operation of one's own", table.concat(M.USER_OPS, ", "),
    require("tidelock.suggest").hint(name, M.USER_OPS))
end

---@return table[]
function M.ops(value, at, field)
  local list = {}
  for i = 1, check.list(value, at, field, "a list of operations") do
    local op = value[i]
    if type(op) ~= "table" then
      check.refuse(field, op, at, "is not an operation",
        "{ at = STAGE, op = NAME, fields = {...} }")
    end
    check.known(op, { "at", "op", "fields", "origin" }, at, field)
    stage(op.at, at, field .. ".at", CHILD_STAGES, wrong_lane(op.at, HOST_STAGES,
      "this stage is not in the child: it takes hooks"))
    user_op(op.op, at, field .. ".op")
    if op.origin ~= nil then check.text(op.origin, at, field .. ".origin", "a line") end
    list[i] = {
      at = op.at, op = op.op, fields = plain(op.fields or {}, at, field .. ".fields", 0),
      origin = op.origin or at,
    }
  end
  return list
end

return M
