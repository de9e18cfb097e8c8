-- What must be so before there can be a cgroup at a place, or something in it (core/host/
-- cgroup_room.h), by plans: on the unified hierarchy, with or without controllers, and a cpuset.
local core = require "tidelock.core"
local cgroup = core.cgroup
local plan = require "spec.support.plan"
local run = require "spec.support.run"

local function mount_of(pattern)
  return (run.read "/proc/self/mountinfo"):match(" / (%S+) [^\n]* %- " .. pattern)
end

local UNIFIED = mount_of "cgroup2" or "/sys/fs/cgroup"
local NAME = "tidelock_room"

local function needs(path, version)
  if run.who() ~= "root" then run.skip "needs root" end
  if not path or cgroup.version(path) ~= version then
    run.skip(("needs cgroup v%d controllers"):format(version))
  end
end

local function sh(script, ...)
  local pipe = io.popen(script:format(...))
  local text = pipe:read "*a"
  pipe:close()
  return (text:gsub("\n$", ""))
end

local function own_place()
  return (run.read "/proc/self/cgroup"):match "0::([^\n]*)"
end

local function host(name, fields)
  local op = { op = name, lane = "host", stage = "prepare" }
  for key, value in pairs(fields) do op[key] = value end
  return op
end

-- The default plan, after other operations of the host's, which have slot 1 if they have one:
-- before it is that of stdout, and those of the plan come after it.
local function launch(before)
  local _, ops = plan.default { stdout = "capture" }
  for _, op in ipairs(ops) do
    for _, field in ipairs { "slot", "null", "base" } do
      if op[field] and op[field] > 0 and before[#before].slot then op[field] = op[field] + 1 end
    end
  end
  for i = #before, 1, -1 do table.insert(ops, 1, before[i]) end
  local null = core.process.open("/dev/null", "w")
  local group = cgroup.new()
  local box, fault = core.launch.start { plan = core.plan.pack(ops, { given = 1 }),
    slots = { [0] = null }, cgroup = group }
  null:close()
  if not box then
    return nil, ("%s %s"):format(ops[fault.index].op, fault.code), group
  end
  return box, nil, group
end

describe("a cgroup that the caller steps out of", function()
  local home, dir

  before_each(function()
    if run.who() ~= "root" or cgroup.version(UNIFIED) ~= 2 then return end
    home, dir = UNIFIED .. own_place(), UNIFIED .. "/" .. NAME
    sh("mkdir -p %s && echo %d > %s/cgroup.procs", dir, core.process.getpid(), dir)
  end)
  after_each(function()
    if not dir then return end
    run.write(home .. "/cgroup.procs", tostring(core.process.getpid()))
    sh("find %s -depth -type d -exec rmdir {} \\; 2>/dev/null", dir)
    assert.is_nil(core.host.stat(dir))
    dir = nil
  end)

  local function steps(more)
    local list = { host("step_aside", { path = dir, name = "aside" }),
      host("make_cgroup", { slot = 1, path = dir, name = "tidelock/1" }) }
    for _, op in ipairs(more or {}) do list[#list + 1] = op end
    return launch(list)
  end

  it("is left for one below it, and entered again in the end", function()
    needs(UNIFIED, 2)
    local child = sh "sleep 5 >/dev/null & echo $!" -- in the same one, and of nobody here
    local box, why, group = steps()
    assert(box, why)
    assert.matches("/" .. NAME .. "/aside$", own_place())
    assert.equal(child, sh("cat %s/cgroup.procs", dir))
    box:wait(5)
    box:close()
    assert.is_true(group:close())
    assert.matches("/" .. NAME .. "$", own_place())
    assert.is_nil(core.host.stat(dir .. "/aside"))
    sh("kill %s; sleep 0.1", child)
  end)

  it("is entered again when the start fails, or the group is collected", function()
    needs(UNIFIED, 2)
    local box, why, group = steps { host("limit_cgroup", { slot = 1, file = "cgroup.nosuch",
      value = "1", optional = 0 }) }
    assert.is_nil(box)
    assert.equal("limit_cgroup ENOENT", why)
    assert.matches("/" .. NAME .. "$", own_place())
    assert.is_nil(core.host.stat(dir .. "/aside"))
    assert.is_true(group:close())
    box, why = steps()
    assert(box, why)
    box:wait(5)
    box:close()
    group = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.matches("/" .. NAME .. "$", own_place())
  end)

  it("must be a cgroup of v2, and the name a plain one", function()
    needs(UNIFIED, 2)
    for _, name in ipairs { "..", "a/b", ".x" } do
      local box, why = launch({ host("step_aside", { path = dir, name = name }) })
      assert.is_nil(box)
      assert.equal("step_aside EINVAL", why)
    end
    local _, why = launch({ host("step_aside", { path = "/tmp", name = "x" }) })
    assert.equal("step_aside EINVAL", why)
    _, why = launch({ host("step_aside", { path = dir .. "/nosuch", name = "x" }) })
    assert.equal("step_aside ENOENT", why)
  end)

  it("is given with its files, those that are there", function()
    needs(UNIFIED, 2)
    local function give(files)
      return steps { host("give_cgroup", { slot = 1, uid = 1234, gid = 5678, files = files }) }
    end
    local box, why, group = give { "cgroup.procs", "cgroup.nosuch", "cgroup.threads" }
    assert(box, why)
    assert.equal("1234:5678 1234:5678 1234:5678 0:0", sh([[cd %s/tidelock/1
      echo $(stat -c %%u:%%g . cgroup.procs cgroup.threads cgroup.subtree_control)]], dir))
    box:wait(5)
    box:close()
    assert.is_true(group:close())
    for _, file in ipairs { "../cgroup.procs", ".." } do
      box, why = give { file }
      assert.is_nil(box)
      assert.equal("give_cgroup EINVAL", why)
    end
  end)

  it("is limited by one file of two, and by none of none", function()
    needs(UNIFIED, 2)
    local function limit(...)
      local list = {}
      for i, row in ipairs { ... } do
        list[i] = host("limit_cgroup", { slot = 1, file = row[1], value = "3", optional = row[2] })
      end
      local box, why, group = steps(list)
      if not box then return why end
      box:wait(5)
      box:close()
      return group:close()
    end
    local THERE, NOT = "cgroup.max.depth", "cgroup.nosuch"
    assert.is_true(limit({ THERE, 1 }, { NOT, 2 }))
    assert.is_true(limit({ NOT, 1 }, { THERE, 2 }))
    assert.is_true(limit({ THERE, 1 }, { THERE, 2 }))
    assert.is_true(limit({ NOT, 1 }))
    assert.equal("limit_cgroup ENOENT", limit({ NOT, 1 }, { NOT, 2 }))
    assert.equal("limit_cgroup ENOENT", limit { NOT, 0 })
    assert.equal("limit_cgroup ENOENT", limit({ NOT, 1 }, { THERE, 0 }, { NOT, 1 }, { NOT, 2 }))
  end)
end)

describe("a cpuset", function()
  local CPUSET = mount_of "cgroup %S+ %S*cpuset"

  it("that is made on v1 has what the one above it has, each on the way", function()
    needs(CPUSET, 1)
    local box, why, group = launch({ host("make_cgroup", { slot = 1, path = CPUSET,
      name = "tidelock/room/1", enable = "cpuset" }) })
    assert(box, why)
    for _, part in ipairs { "tidelock", "tidelock/room", "tidelock/room/1" } do
      for _, file in ipairs { "cpus", "mems" } do
        assert.equal(run.read(("%s/cpuset.%s"):format(CPUSET, file)),
          run.read(("%s/%s/cpuset.%s"):format(CPUSET, part, file)))
      end
    end
    box:wait(5)
    box:close()
    assert.is_true(group:close())
    assert.is_nil(core.host.stat(CPUSET .. "/tidelock/room"))
  end)

  it("that cannot be filled is not made", function()
    needs(CPUSET, 1)
    local FREEZER = mount_of "cgroup %S+ %S*freezer"
    local _, why, group = launch({ host("make_cgroup", { slot = 1, path = FREEZER,
      name = NAME .. "/1", enable = "cpuset" }) })
    assert.equal("make_cgroup ENOENT", why)
    assert.is_true(group:close())
    assert.is_nil(core.host.stat(FREEZER .. "/" .. NAME))
    -- Neither of the two hierarchies takes the other's word.
    _, why = launch({ host("make_cgroup", { slot = 1, path = CPUSET, name = "tidelock/room",
      enable = "+cpuset" }) })
    assert.equal("make_cgroup EINVAL", why)
  end)
end)
