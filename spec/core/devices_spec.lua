-- core.devices with the kernel: programs on real cgroups, and processes that make and open devices.
-- A hierarchy without controllers does.
local child = require "spec.support.child"
local core = require "tidelock.core"
local devices = require "tidelock.devices"
local ebpf = require "spec.support.ebpf"
local nodes = require "spec.support.device_nodes"
local plan = require "spec.support.plan"
local run = require "spec.support.run"

local attach, replace, detach = core.devices.attach, core.devices.replace, core.devices.detach

local function hierarchy(version)
  if run.who() ~= "root" then run.skip "needs root" end
  local found = require("tidelock.cgroup.host").read(core)
  if version == 1 then
    return (found.v1.devices or run.skip "needs cgroup v1 controllers").dir
  end
  return (found.v2 or run.skip "needs a mount of cgroup v2").dir
end

-- How many this process has open, but for what waits to be collected.
local function descriptors()
  collectgarbage()
  collectgarbage()
  return run.run(("ls /proc/%d/fd | wc -l"):format(core.process.getpid())).stdout
end

describe("core.devices", function()
  local folder, made

  setup(function()
    folder = run.folder()
    if run.who() ~= "root" then return end
    for name, device in pairs { null = "c 1:3", zero = "c 1:5", full = "c 1:7", random = "c 1:8",
      loop = "b 7:0" } do
      assert(nodes.make(folder .. "/" .. name, device))
    end
  end)
  teardown(function() run.remove(folder) end)
  before_each(function() made = {} end)
  after_each(function()
    for i = #made, 1, -1 do os.execute("rmdir " .. made[i]) end
  end)

  local function cgroup(parent, name)
    local path = ("%s/spec-%s-%d"):format(parent, name or "devices", core.process.getpid())
    assert(core.file.mkdirat(nil, path, 493))
    made[#made + 1] = path
    return path
  end

  -- "null rw", "zero r": what a process in the cgroup is told, in the order of the questions.
  local function answers(dir, questions)
    return nodes.inside(dir, function()
      local told = {}
      for i, question in ipairs(questions) do
        local name, how = question:match "^(.*) (%S+)$"
        told[i] = name:find ":" and nodes.mknod(folder, name) or nodes.open(folder .. "/" .. name,
          how)
      end
      return table.concat(told, " ")
    end)
  end

  local ASKED = { "null r", "null w", "null rw", "zero r", "zero rw", "random r", "full r",
    "loop r", "c 1:3 m", "c 1:5 m", "b 7:0 m" }

  it("lets a process make and open what the rules say, and nothing else", function()
    local dir = cgroup(hierarchy(2))
    assert.equal("yes yes yes yes yes yes yes yes yes yes yes", answers(dir, ASKED))
    assert.is_true(attach(dir, { "c 1:3 rw", "c 1:5 r", "c *:* m" }))
    assert.equal("yes yes yes yes no no no no yes yes no", answers(dir, ASKED))
    assert.is_true(replace(dir, { allow = true, "c 1:3 w", "b *:* rwm" }))
    assert.equal("yes no no yes yes yes yes no yes yes no", answers(dir, ASKED))
    assert.is_true(replace(dir, {}))
    assert.equal("no no no no no no no no no no no", answers(dir, ASKED))
    assert.equal(1, detach(dir))
    assert.equal("yes yes yes yes yes yes yes yes yes yes yes", answers(dir, ASKED))
    assert.equal(0, detach(dir))
  end)

  it("answers as the kernel's own controller of v1 does to the same rules", function()
    local v1, v2 = cgroup(hierarchy(1)), cgroup(hierarchy(2))
    -- Numbers for local use, which no driver has.
    local all = {}
    for _, kind in ipairs { "b", "c" } do
      for major = 60, 61 do
        for minor = 0, 2 do
          local device = ("%s %d:%d"):format(kind, major, minor)
          all[#all + 1] = device
          assert(nodes.make(folder .. "/" .. device, device))
        end
      end
    end
    local function ask()
      local told = {}
      for _, device in ipairs(all) do
        for _, how in ipairs { "none", "r", "w", "rw" } do
          told[#told + 1] = ("%s %s %s"):format(device, how,
            nodes.may(folder .. "/" .. device, how))
        end
        told[#told + 1] = ("%s m %s"):format(device, nodes.mknod(folder, device))
      end
      return table.concat(told, "\n")
    end
    math.randomseed(20250712)
    local seen, done = {}, 0
    while done < 25 do
      local rules = {}
      for i = 1, math.random(1, 6) do
        local which = ({ "a", "b", "c" })[math.random(3)]
        local whole = math.random(6) == 1
        rules[i] = devices.rule(math.random(2) == 1, whole and "a" or which,
          whole and -1 or math.random(59, 61), whole and -1 or math.random(-1, 2),
          whole and "rwm" or ({ "r", "w", "rw", "m", "rwm" })[math.random(5)])
        if rules[i].major == 59 then rules[i].major = -1 end
      end
      local list = devices.reduce(rules)
      if list then
        done = done + 1
        for _, line in ipairs(devices.settings(list)) do
          run.write(v1 .. "/" .. line.file, line.value)
        end
        local program = devices.texts(list)
        program.allow = list.allow
        assert.is_true(replace(v2, program))
        local one, two = nodes.inside(v1, ask), nodes.inside(v2, ask)
        assert.equal(one, two, table.concat(program, ", "))
        seen[one] = true
      end
    end
    local different = 0
    for _ in pairs(seen) do different = different + 1 end
    assert(different > 10, "only " .. different .. " kinds of answers")
  end)

  it("holds what is below too, where nothing can be given back", function()
    local top = cgroup(hierarchy(2))
    local below = cgroup(top, "below")
    assert.is_true(attach(top, { "c 1:3 rw", "c 1:5 rw" }))
    assert.is_true(attach(below, { "c 1:3 rw", "c 1:7 rw" }))
    assert.equal("yes no no", answers(below, { "null rw", "zero r", "full r" }))
    -- Nor by a program that would take the place of what is above, if that had allowed it to.
    assert.equal(1, detach(below))
    assert.is_true(ebpf.attach(below, core.devices.compile { allow = true }, 0))
    assert.equal("yes yes no", answers(below, { "null rw", "zero r", "full r" }))
  end)

  it("can have none where a cgroup above lets nothing below it have one", function()
    local top = cgroup(hierarchy(2))
    local below = cgroup(top, "below")
    assert.is_true(ebpf.attach(top, core.devices.compile { allow = true }, 0))
    assert.equal("EPERM", select(2, attach(below, { "c 1:3 rw" })))
  end)

  it("replaces its own program alone, and leaves one", function()
    local dir = cgroup(hierarchy(2))
    assert.is_true(ebpf.attach(dir, core.devices.compile { allow = true, "c 1:8 r" }))
    assert.is_true(replace(dir, { "c 1:3 rw", "c 1:8 r" }))
    assert.equal("yes no no", answers(dir, { "null rw", "zero r", "random r" }))
    assert.is_true(attach(dir, { "c 1:3 r" }))
    assert.equal("no yes", answers(dir, { "null rw", "null r" }))
    assert.is_true(replace(dir, { "c 1:5 rw", "c 1:8 r" }))
    assert.equal("no yes no", answers(dir, { "null r", "zero r", "random r" }))
    assert.equal(1, detach(dir))
    assert.equal("yes yes no", answers(dir, { "null rw", "zero r", "random r" }))
  end)

  it("replaces in two steps where the kernel cannot in one", function()
    local dir = cgroup(hierarchy(2))
    run.write(folder .. "/job.lua", ([[
      local devices = require("tidelock.core").devices
      assert(devices.attach(%q, { "c 1:3 rw" }))
      assert(devices.replace(%q, { "c 1:5 r" }))
    ]]):format(dir, dir))
    -- load, attach; load, query, descriptor, name: the seventh is the one that replaces.
    local inject = os.getenv("TIDELOCK_INJECT") or run.top .. "/build/spec/inject"
    local result = run.run { inject, "fail", "0", "bpf", "7", "22", run.tidelock,
      folder .. "/job.lua" }
    assert.same({ "", 0 }, { result.stderr, result.status })
    assert.equal("no yes", answers(dir, { "null r", "zero r" }))
    assert.equal(1, detach(dir))
  end)

  it("is the cgroup's own, and goes with it", function()
    local parent, before = hierarchy(2), ebpf.programs()
    local dir = ("%s/spec-gone-%d"):format(parent, core.process.getpid())
    assert(core.file.mkdirat(nil, dir, 493))
    assert.is_true(attach(dir, { "c 1:3 rw" }))
    local function new()
      local count = 0
      for id in pairs(ebpf.programs()) do count = count + (before[id] and 0 or 1) end
      return count
    end
    assert.equal(1, new())
    os.execute("rmdir " .. dir)
    for _ = 1, 40 do
      if new() == 0 then break end
      os.execute "sleep 0.05"
    end
    assert.equal(0, new())
  end)

  it("keeps no descriptor, whether it could or not", function()
    local dir = cgroup(hierarchy(2))
    local before = descriptors()
    assert.is_true(attach(dir, { "c 1:3 rw" }))
    assert.is_true(attach(dir, { "c 1:3 rw" }))
    assert.is_true(replace(dir, { "c 1:3 rw" }))
    assert.is_nil((attach("/sys/fs/cgroup/nosuch", { "c 1:3 rw" })))
    assert.is_nil((attach("/tmp", { "c 1:3 rw" })))
    assert.is_nil((replace("/tmp", { "c 1:3 rw" })))
    assert.is_nil((detach "/tmp"))
    assert.equal(1, detach(dir))
    assert.equal(before, descriptors())
  end)

  -- A box whose rules stand in a plan: what it says, or the fault.
  local function start(parent, rules, allow)
    local ops, name = plan.elsewhere(parent, { stdout = "capture", share = { "cgroup" },
      command = { "sh", "-c", "head -c 3 /dev/zero | wc -c; (: < /dev/full) 2>&1" } },
      function(slot)
        return { { op = "limit_devices", slot = slot, allow = allow or 0, rules = rules } }
      end)
    local group = core.cgroup.new()
    local from, to = core.process.pipe()
    local box, fault = core.launch.start { plan = core.plan.pack(ops, { given = 1 }),
      slots = { [0] = to }, cgroup = group }
    to:close()
    local text = ""
    if box then
      assert(box:wait(5))
      text = from:read()
      box:close()
      assert.is_true(group:close())
    end
    from:close()
    assert.equal("", run.run("find /sys/fs/cgroup -type d -name " .. name).stdout)
    return text, fault and fault.index and { ops[fault.index].op, fault.code, fault.call,
      fault.reason }
  end

  it("is an operation of a plan, which keeps no descriptor either", function()
    local parent = hierarchy(2)
    local before = descriptors()
    assert.matches("^3\n.*/dev/full: Operation not permitted",
      (start(parent, { "c 1:3 rw", "c 1:5 r" })))
    assert.matches("^3\n.*/dev/full: Operation not permitted", (start(parent, { "c 1:7 r" }, 1)))
    assert.equal("3\n", (start(parent, {}, 1)))
    assert.equal(before, descriptors())
  end)

  it("fails a launch by its operation, and leaves nothing", function()
    local many = {}
    for i = 1, devices.MOST + 1 do many[i] = "c 1:3 r" end
    local _, fault = start(hierarchy(2), many)
    assert.same({ "limit_devices", "E2BIG" }, fault)
    -- The number is a 1 in 32 bits.
    for _, text in ipairs { "x", "c 4096:0 r", "c 4294967297:3 rw", "c 1:4294967299 rw" } do
      assert.same({ "limit_devices", "EINVAL" }, select(2, start(hierarchy(2), { text })))
    end
    assert.same({ "limit_devices", "EBADF", "bpf" },
      select(2, start(hierarchy(1), { "c 1:3 rw" })))
  end)

  it("says why it cannot be done", function()
    hierarchy(2)
    local good = { "c 1:3 rw" }
    assert.equal("ENOENT", select(2, attach("/sys/fs/cgroup/nosuch", good)))
    assert.equal("ENOTDIR", select(2, attach("/etc/passwd", good)))
    assert.equal("EBADF", select(2, attach("/tmp", good)))
    assert.equal("EBADF", select(2, replace("/tmp", good)))
    assert.equal("EBADF", select(2, detach "/tmp"))
    local exit = "\149" .. ("\0"):rep(7)
    local function returns(n) return "\183\0\0\0" .. string.char(n) .. "\0\0\0" .. exit end
    core.devices.load(returns(1)):close()
    local _, code, number, reason = core.devices.load(returns(2))
    assert.same({ "EINVAL", 22 }, { code, number })
    assert.matches("R0", reason)
    _, code, _, reason = core.devices.load(exit)
    assert.equal("EACCES", code)
    assert.matches("R0", reason)
    assert.same({ "E2BIG", 7 }, { select(2, core.devices.load "") })
    assert.has_error(function() core.devices.load "1234567" end)
    assert.has_error(function() core.devices.load(exit:rep(4097)) end)
  end)

  it("is not for who has no right to it, in a user namespace least of all", function()
    local dir = cgroup(hierarchy(2))
    local function try()
      local _, code, number = attach(dir, { "c 1:3 rw" })
      return code, number
    end
    assert.same({ "EPERM", 1 }, { child.call(try, { "user" }) })
    assert.equal("EPERM", (child.call(function()
      assert(core.capability.capset { effective = {}, permitted = {}, inheritable = {} })
      return (try())
    end)))
  end)
end)
