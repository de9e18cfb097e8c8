-- The workload's terminal is one of the box's own, whatever lies where it is looked for
-- (CVE-2025-52565).
local core = require "tidelock.core"
local plans = require "spec.support.plan"

-- The default plan of a box with a terminal whose /dev/pts is a plain directory with a `ptmx` of
-- `make`: given an unused slot it returns the operation. Returns how it ended.
local function ends(make)
  local _, ops, prepared = plans.default { command = { "true" }, tty = true }
  local slot, list = 0, {}
  for _, op in ipairs(ops) do
    for _, name in ipairs { "slot", "null" } do
      if op[name] and op[name] >= slot then slot = op[name] + 1 end
    end
  end
  for _, op in ipairs(ops) do
    if op.op == "propagation" then
      list[#list + 1] = op
      list[#list + 1] = { op = "open_path", lane = "child", stage = "created", slot = slot,
        path = make(slot).from, expect = 0, rdev = 0 }
    elseif op.op == "mount" and op.fstype == "devpts" then
      list[#list + 1] = { op = "mount", lane = "child", stage = "mounts", target = op.target,
        fstype = "tmpfs", flags = 0 }
      list[#list + 1] = make(slot).op
    else
      list[#list + 1] = op
    end
  end
  local bytes = core.plan.pack(list, { given = #prepared.given })
  local box, fault = core.launch.start { plan = bytes, slots = {} }
  if box then
    fault = assert(box:wait(10)).fault
    box:close()
  end
  return fault and list[fault.index].op .. " " .. fault.code or "started"
end

local function bound(from)
  return function(slot)
    return { from = from, op = { op = "bind", lane = "child", stage = "mounts", slot = slot,
      target = "/dev/pts/ptmx", attr = 0, tree = 0, recursive = 0, path = from } }
  end
end

local function linked(from)
  return function(slot)
    return { from = from, op = { op = "symlink", lane = "child", stage = "mounts",
      target = "/dev/pts/ptmx", to = "/proc/self/fd/" .. 16 + slot } }
  end
end

describe("what lies at /dev/pts/ptmx", function()
  it("is no terminal where it is another device", function()
    assert.equal("open_pty ENOTTY", ends(bound "/dev/null"))
  end)

  it("is not followed into a descriptor", function()
    assert.equal("open_pty ELOOP", ends(linked "/dev/pts/ptmx"))
  end)
end)
