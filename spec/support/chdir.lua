-- Run by stock luajit in the top folder: `chdir.lua PATH...` starts the default plan with each path
-- as the working directory and prints what came of it: "operation CODE", or "started".
local core = require "tidelock.core"
local plan = require "spec.support.plan"

for _, path in ipairs(arg) do
  local _, ops, prepared = plan.default { command = { "true" } }
  for _, op in ipairs(ops) do
    if op.op == "chdir" then op.path = path end
  end
  local box, fault = core.launch.start { plan = core.plan.pack(ops, { given = #prepared.given }),
    slots = {} }
  if box then
    fault = assert(box:wait(10)).fault
    box:close()
  end
  print(fault and ("%s %s"):format(ops[fault.index].op, fault.code) or "started")
end
