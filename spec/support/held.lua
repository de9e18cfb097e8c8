-- Run by stock luajit in the top folder. `held.lua fds` starts the default plan, stops it early
-- and prints what init has open there, one a line; `held.lua cwd PATH...` starts it with each path
-- as the working directory and prints what came of it: "operation CODE", or "started".
local core = require "tidelock.core"
local plan = require "spec.support.plan"

local function start(ops, prepared, hook)
  return core.launch.start { plan = core.plan.pack(ops, { given = #prepared.given }), slots = {},
    hook = hook }
end

local function links(pid)
  os.execute(("for f in /proc/%d/fd/*; do readlink $f; done"):format(pid))
end

local function cwd(path)
  local _, ops, prepared = plan.default { command = { "true" } }
  for _, op in ipairs(ops) do
    if op.op == "chdir" then op.path = path end
  end
  local box, fault = start(ops, prepared)
  if box then
    fault = assert(box:wait(10)).fault
    box:close()
  end
  print(fault and ("%s %s"):format(ops[fault.index].op, fault.code) or "started")
end

if arg[1] == "fds" then
  local fields, at = { command = { "true" } }, nil
  for i, op in ipairs(select(2, plan.default(fields))) do
    if op.op == "propagation" then at = i end
  end
  local _, ops, prepared = plan.default(fields, { pause_at = at })
  local box = assert(start(ops, prepared, function(_, _, pid)
    links(pid)
    return true
  end))
  assert(box:wait(10))
  box:close()
else
  for i = 2, #arg do cwd(arg[i]) end
end
