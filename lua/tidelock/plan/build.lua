--- A normalised spec becomes a plan: a flat list of operations, in the order of SEQUENCES.md. Data
--- in, data out: nothing here looks at the host.

local M = {}

---@class tidelock.PlanOptions
---@field sigmask number|string|nil  the caller's signal mask, 0 unless given
---@field step boolean?              stop before every operation of the child
---@field pause_at integer?          stop before this one, with a hook of index 0

---@class tidelock.Plan.Given
---@field use string     "stdin", "stdout", "stderr" or "pass"
---@field fd integer?    of the caller, for "pass"
---@field target integer?

---@param norm table
---@param options tidelock.PlanOptions?
---@return table[] ops
---@return tidelock.Plan.Given[] given what each of the first slots is to be, from slot 0 on
function M.build(norm, options)
  options = options or {}
  local finish = require "tidelock.plan.finish"
  local build = require("tidelock.plan.list").new()
  local given = finish.given(norm)
  build.slots = #given
  -- Without a command init holds the box open, and needs no second process for that.
  build.forks = norm.init and norm.command ~= nil
  require("tidelock.plan.host").add(build, norm)
  require("tidelock.plan.identity").add(build, norm)
  require("tidelock.plan.join").enter(build, norm)
  require("tidelock.plan.files").add(build, norm)
  finish.add(build, norm, given, options.sigmask or 0)
  local ops = build.ops
  if options.step or options.pause_at then
    ops = require("tidelock.plan.pause").insert(ops, options)
  end
  return ops, given
end

return M
