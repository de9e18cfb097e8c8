--- tidelock: sandboxes as Lua. Everything below is loaded at its first use.
---
---     local tidelock = require "tidelock"
---     local job = tidelock.spec { command = { "make", "test" }, tidelock.fs.rw { "." } }
---     print(job:run():line())

local M = {}

local function spec_module()
  local spec = require "tidelock.spec"
  if not spec.methods.run then
    ---Runs the spec to its end; words replace its command. Always returns a report.
    ---@param self tidelock.Spec
    ---@param t table? words, and fields of a spec
    ---@return tidelock.Report
    function spec.methods.run(self, t)
      return M.run(t, self)
    end
  end
  return spec
end

---A spec of parts and fields.
---@param t table
---@return tidelock.Spec
function M.spec(t)
  return spec_module().new(t)
end

---Takes the place of what the parts say, instead of being added to it.
function M.replace(t)
  return spec_module().replace(t)
end

---Runs a command: the words, and fields of a spec. Always returns a report.
---@param t table?
---@param base tidelock.Spec?
---@return tidelock.Report
function M.run(t, base)
  local spec = spec_module()
  local own, words = {}, {}
  for key, value in pairs(t or {}) do
    if type(key) == "number" then words[key] = value else own[key] = value end
  end
  if #words > 0 then own.command = words end
  local settings = { operations = true }
  return require("tidelock.container").run(spec.new(base and { base, own } or own), settings)
end

local lazy = { fs = "tidelock.fs", core = "tidelock.core", units = "tidelock.units" }
lazy.limits = "tidelock.limits"

return setmetatable(M, {
  __index = function(self, name)
    local module = lazy[name] and require(lazy[name])
    if module then rawset(self, name, module) end
    return module
  end,
})
