-- Run by stock luajit in the top folder: `step.lua count` prints how many places the default plan
-- has to stop at; `step.lua N` starts it and kills this very process with -9 there.
local core = require "tidelock.core"
local plan = require "spec.support.plan"

local fields = { command = { "sleep", "60" } }

if arg[1] == "count" then
  local _, err = pcall(plan.default, fields, { pause_at = 1000000 })
  print(tostring(err):match("accepted: 1 to (%d+)"))
  return
end

local bytes, ops, prepared = plan.default(fields, { pause_at = tonumber(arg[1]) })
local next_op
for i, op in ipairs(ops) do
  if op.op == "hook" and op.index == 0 then
    next_op = ops[i + 1].op == "barrier" and ops[i + 1].id ~= 1 and ops[i + 2] or ops[i + 1]
  end
end
print(next_op.op)
io.flush()
core.launch.start {
  plan = bytes, slots = {},
  hook = function() core.process.kill(core.process.getpid(), 9) end,
}
print("lived on", prepared)
