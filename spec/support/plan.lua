-- Real plans for specs: the default one of `tidelock run`, as operations and as bytes.
local container = require "tidelock.container"
local core = require "tidelock.core"
local tidelock = require "tidelock"

local M = {}

---@param fields? table  of the spec; its command is `true` unless given
---@param options? tidelock.PlanOptions
---@return string bytes
---@return table[] ops
---@return table prepared  holds the box's range of ids while it is referenced
function M.default(fields, options)
  local own = { command = { "true" } }
  for name, value in pairs(fields or {}) do own[name] = value end
  local prepared = container.prepare(tidelock.spec(own), options)
  local bytes = core.plan.pack(prepared.ops, { given = #prepared.given })
  return bytes, prepared.ops, prepared
end

return M
