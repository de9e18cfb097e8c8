--- Operations of one's own in the child, and hooks of one's own beside it.
---
---     tidelock.op.sysctl { "net.ipv4.ip_forward", "1", at = "root" }
---     tidelock.hook { function(state) ... end, at = "created", undo = function(state) ... end }
---
--- `tidelock.op.NAME` is an operation of ops.def that may stand anywhere; its words are the fields
--- in their order, or fields are given by name. `explain` shows each with its line.

local check = require "tidelock.schema.check"
local errors = require "tidelock.error"
local origin = require "tidelock.origin"

local M = {}

local function operation(name, at)
  local names = require("tidelock.schema.process").USER_OPS
  for _, known in ipairs(names) do
    if known == name then
      for _, info in ipairs(require("tidelock.core").plan.operations()) do
        if info.name == name then return info end
      end
    end
  end
  errors.refuse { field = "op", why = "there is no operation " .. errors.show(name), at = at,
    accepted = table.concat(names, ", "), hint = require("tidelock.suggest").hint(name, names) }
end

local function fields_of(info, t, at)
  local fields, known = {}, { "at" }
  for i, field in ipairs(info.fields) do
    known[#known + 1] = field.name
    fields[field.name] = t[field.name]
    if t[i] ~= nil then fields[field.name] = t[i] end
    if fields[field.name] == nil and field.type ~= "ostr" then
      check.refuse(("op.%s.%s"):format(info.name, field.name), nil, at, "is missing",
        "a value of type " .. field.type)
    end
  end
  check.known(t, known, at, "op." .. info.name, #info.fields)
  return fields
end

---A partial spec with the operation.
---@param name string
---@param t table  words or fields, and at = "mounts" | "root" | "confine"
---@return tidelock.Spec
function M.operation(name, t)
  local at = origin.find()
  local info = operation(name, at)
  local own = { at = t.at, op = name, fields = fields_of(info, t, at), origin = at }
  local result = require("tidelock.spec").of { { "ops", { own }, at } }
  return result
end

---A partial spec with a hook: a function, and at = "prepare" | "created" | "started" | "stopped".
---@param t {[1]: function, at: string, undo: function?, name: string?}
---@return tidelock.Spec
function M.hook(t)
  local at = origin.find()
  check.known(t, { "at", "undo", "name" }, at, "hook", 1)
  local hook = { at = t.at, call = t[1], undo = t.undo, name = t.name, origin = at }
  local result = require("tidelock.spec").of { { "hooks", { hook }, at } }
  return result
end

---tidelock.op: a constructor for each operation, by its name.
M.constructors = setmetatable({}, {
  __index = function(_, name)
    return function(t)
      local result = M.operation(name, t)
      return result
    end
  end,
})

return M
