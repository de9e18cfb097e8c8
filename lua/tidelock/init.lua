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

    ---Starts a box that stays: box:exec{...} runs in it, box:stop() ends it.
    ---@param self tidelock.Spec
    ---@return tidelock.Box? box
    ---@return tidelock.Error? err
    function spec.methods.start(self)
      return require("tidelock.box").start(self)
    end

    ---A box for as long as the function runs.
    ---@param self tidelock.Spec
    ---@param f fun(box: tidelock.Box): ...
    function spec.methods.with(self, f)
      return require("tidelock.box").with(self, f)
    end

    ---The plan, as a list of operations; see `tidelock explain`.
    ---@param self tidelock.Spec
    ---@return table[] ops
    function spec.methods.plan(self)
      return require("tidelock.container").prepare(self).ops
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
  local settings = { operations = true, source = require("tidelock.origin").find() }
  local whole = spec.new(base and { base, own } or own)
  return (require("tidelock.container").run(whole, settings))
end

---An OCI bundle: a directory with a config.json. `bundle:run()` runs it to its end.
---@param dir string
---@return tidelock.Bundle
function M.bundle(dir)
  return require("tidelock.oci.bundle").load(dir)
end

---Runs functions side by side: waiting for a process in one lets the others go on.
---@param functions function[]
---@return any[] results
function M.all(functions)
  return require("tidelock.loop").run(functions)
end

---A hook of one's own; see tidelock.op for operations in the child.
function M.hook(t)
  local result = require("tidelock.op").hook(t)
  return result
end

local lazy = {
  core = "tidelock.core", fs = "tidelock.fs", limits = "tidelock.limits", loop = "tidelock.loop",
  op = "tidelock.op", units = "tidelock.units",
}

return setmetatable(M, {
  __index = function(self, name)
    local module = lazy[name] and require(lazy[name])
    if name == "op" then module = require("tidelock.op").constructors end
    if module then rawset(self, name, module) end
    return module
  end,
})
