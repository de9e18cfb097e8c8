-- tidelock.core.cgroup: on v1 through plans, on v2 by hand in a hierarchy without controllers.
local core = require "tidelock.core"
local cgroup = core.cgroup
local plan = require "spec.support.plan"
local run = require "spec.support.run"

-- Beside v1 it has no controllers.
local UNIFIED = "/sys/fs/cgroup"
if cgroup.version(UNIFIED) ~= 2 then UNIFIED = UNIFIED .. "/unified" end
local FREEZER = "/sys/fs/cgroup/freezer"

local function sh(script)
  local pipe = assert(io.popen(script))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("\n$", ""))
end

-- A directory with a process in it that ignores all it can, as another box would have.
local function populated(parent, name)
  local dir = parent .. "/tidelock/" .. name
  return sh(([[
    mkdir -p %s
    sh -c 'echo $$ > %s/cgroup.procs; trap "" TERM HUP; exec sleep 60' >/dev/null 2>&1 & echo $!
    i=0; until [ -n "$(cat %s/cgroup.procs)" ] || [ $i = 200 ]; do sleep 0.01; i=$((i + 1)); done
  ]]):format(dir, dir, dir)), dir
end

local function needs(path, version)
  if run.who() ~= "root" then run.skip "needs root" end
  if cgroup.version(path) ~= version then
    run.skip(("needs cgroup v%d controllers"):format(version))
  end
end

describe("core.cgroup", function()
  it("knows a cgroup file system from others", function()
    assert.is_nil(cgroup.version "/tmp")
    assert.is_nil(cgroup.version "/nonexistent")
  end)

  for version, parent in ipairs { FREEZER, UNIFIED } do
    it("kills and removes what another left, on v" .. version, function()
      needs(parent, version)
      local pid, dir = populated(parent, "spec-1")
      local group = cgroup.new()
      assert.is_true(group:adopt(parent, "tidelock/spec-1"))
      assert.matches(pid, group:read "cgroup.procs")
      group:kill()
      assert.is_true(group:close())
      assert.is_nil(core.host.stat(dir))
      assert.is_nil(core.host.stat(parent .. "/tidelock"))
      assert.is_true(group:close()) -- again: nothing to do
    end)

    it("does so when it is collected, on v" .. version, function()
      needs(parent, version)
      local _, dir = populated(parent, "spec-2")
      assert.is_true(cgroup.new():adopt(parent, "tidelock/spec-2"))
      collectgarbage()
      collectgarbage()
      assert.is_nil(core.host.stat(dir))
    end)
  end

  it("kills what is frozen: the supervisor died between freezing and thawing", function()
    needs(FREEZER, 1)
    local _, dir = populated(FREEZER, "spec-3")
    sh("echo FROZEN > " .. dir .. "/freezer.state")
    local group = cgroup.new()
    assert.is_true(group:adopt(FREEZER, "tidelock/spec-3"))
    group:kill()
    assert.is_true(group:close())
    assert.is_nil(core.host.stat(dir))
  end)

  it("takes no path that leads elsewhere", function()
    local group = cgroup.new()
    for _, name in ipairs { "..", ".", "", "a/b", ("x"):rep(256), "a/../b", "a//b", "/a", "a/" } do
      assert.is_nil((group:adopt(FREEZER, name)))
      assert.is_nil((group:read(name)))
    end
    assert.equal("EINVAL", (select(2, group:adopt("/tmp", "x"))))
    assert.equal("ENOENT", (select(2, group:adopt("/nonexistent", "x"))))
    assert.equal("ENOENT", (select(2, group:read "memory.max")))
    assert.is_false(group:oom())
  end)

  it("is where an init of another user namespace begins on v2, which is at / then", function()
    needs(UNIFIED, 2)
    local ops, name = plan.elsewhere(UNIFIED, { stdout = "capture",
      command = { "grep", "^0:", "/proc/self/cgroup" } }, function(slot)
      return { { op = "limit_cgroup", slot = slot, file = "cgroup.max.descendants", value = "3",
        optional = 0 },
        { op = "limit_cgroup", slot = slot, file = "memory.swap.max", value = "0", optional = 1 } }
    end)
    local group = cgroup.new()
    local from, to = core.process.pipe()
    local box, fault = core.launch.start { plan = core.plan.pack(ops, { given = 1 }),
      slots = { [0] = to }, cgroup = group }
    assert(box, fault and fault.index .. fault.code)
    to:close()
    assert.equal("3\n", group:read "cgroup.max.descendants")
    assert.equal("0::/\n", from:read())
    assert.is_table(box:wait(5))
    box:close()
    from:close()
    assert.is_true(group:close())
    assert.equal("", sh("find /sys/fs/cgroup -type d -name " .. name))
  end)

  it("is emptied by a launch that fails", function()
    needs(FREEZER, 1)
    local _, ops = plan.default { limits = { pids = 9, memory = "64M" } }
    local name
    for _, op in ipairs(ops) do
      if op.op == "make_cgroup" then name = op.name end
      if op.file == "pids.max" then op.value = "many" end
    end
    local group = cgroup.new()
    local bytes = core.plan.pack(ops, { given = 0 })
    local box, fault = core.launch.start { plan = bytes, slots = {}, cgroup = group }
    assert.is_nil(box)
    assert.same({ "limit_cgroup", "EINVAL", "write" },
      { ops[fault.index].op, fault.code, fault.call })
    assert.equal("", sh("find /sys/fs/cgroup -type d -name " .. name))
    assert.equal("ENOENT", (select(2, group:read "pids.max")))
    box, fault = core.launch.start { plan = bytes, slots = {} }
    assert.is_nil(box)
    assert.same({ "make_cgroup", "ENOSYS" }, { ops[fault.index].op, fault.code })
  end)
end)
