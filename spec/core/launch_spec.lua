-- core.launch: a plan started, waited for, killed; hooks and faults.
local core = require "tidelock.core"
local leaks = require "spec.support.leaks"
local plans = require "spec.support.plan"
local run = require "spec.support.run"

-- `hooks` go in as in a spec; returns what start returns.
local function start(fields, hook, options)
  local bytes, ops, prepared = plans.default(fields, options)
  local slots = {}
  for i, item in ipairs(prepared.given) do slots[i - 1] = item.fd end
  local box, fault = core.launch.start { plan = bytes, slots = slots, hook = hook }
  return box, fault, ops, prepared
end

local function sh(script) return { command = { "sh", "-c", script } } end

describe("core.launch", function()
  it("starts a box and tells how it ended", function()
    local box = assert(start(sh "exit 6"))
    assert(box:pid() > 1)
    local finish = assert(box:wait(5))
    assert.same({ false, true, false, 6 },
      { finish.setup_failed, finish.executed, finish.signaled, finish.code })
    assert(finish.wall > 0 and finish.memory_peak > 0)
    box:close()
  end)

  it("tells the signal that ended the workload", function()
    local box = assert(start(sh "kill -KILL $$"))
    local finish = assert(box:wait(5))
    assert.same({ true, 9 }, { finish.signaled, finish.code })
    box:close()
  end)

  it("waits no longer than it is told, and then again", function()
    local box = assert(start(sh "sleep 0.1; exit 3"))
    local before = core.process.clock()
    local finish, code = box:wait(0.02)
    local took = core.process.clock() - before
    assert.same({ nil, "ETIMEDOUT" }, { finish, code })
    assert(took >= 0.02 and took < 0.09, took)
    assert.equal("ETIMEDOUT", select(2, box:wait(0)))
    assert.equal(3, assert(box:wait(5)).code)
    assert.equal(3, assert(box:wait(0)).code)
    box:close()
    assert.has_error(function() box:wait(0) end)
  end)

  it("has a descriptor that becomes readable at the end", function()
    local box = assert(start(sh "sleep 0.05"))
    assert.same({}, core.poll.wait({ box }, 0))
    assert.same({ 1 }, core.poll.wait({ box }, 5))
    assert(box:wait(0))
    box:close()
  end)

  it("kills, also by what PID 1 hands on, and not once it is closed", function()
    local box = assert(start(sh "trap 'exit 8' TERM; echo; while :; do sleep 0.01; done"))
    core.poll.wait({}, 0.05 * run.slow)
    assert.is_true(box:kill(15))
    assert.equal(8, assert(box:wait(5)).code)
    box:close()
    assert.equal("ESRCH", select(2, box:kill(9)))
    box = assert(start(sh "sleep 60"))
    assert.is_true(box:kill())
    assert.is_true(assert(box:wait(5)).signaled)
  end)

  it("ends the box when it is closed or collected", function()
    local before = leaks.snapshot()
    local box = assert(start(sh "sleep 60"))
    box:close()
    box:close()
    assert(start(sh "sleep 60"))
    collectgarbage()
    collectgarbage()
    leaks.verify(before)
  end)

  it("reaps an init that was begun early where the start fails before it is used", function()
    local function children()
      local pid = core.process.getpid()
      local file = assert(io.open(("/proc/%d/task/%d/children"):format(pid, pid)))
      local text = file:read "*a"
      file:close()
      return text
    end
    local bytes, ops, prepared = plans.default { hooks = { { at = "prepare", call = print } } }
    local flags, slots = nil, {}
    for _, op in ipairs(ops) do flags = flags or op.op == "clone" and op.flags end
    for i, item in ipairs(prepared.given) do slots[i - 1] = item.fd end
    local before = children()
    local spawn = core.launch.spawn(flags)
    local box, fault = core.launch.start { plan = bytes, slots = slots, spawn = spawn,
      hook = function() return nil, "not today" end }
    assert.is_nil(box)
    assert.equal("not today", fault.cause)
    assert.equal(before, children())
  end)

  it("keeps its link from what else is started", function()
    local function sockets()
      local pipe = assert(io.popen "ls -l /proc/self/fd | grep -c socket:")
      local text = pipe:read "*a"
      pipe:close()
      return text
    end
    local before = sockets()
    local box = assert(start(sh "sleep 60"))
    assert.equal(before, sockets())
    box:close()
  end)

  it("has a time for each operation", function()
    local box, _, ops = assert(start(sh ":"))
    assert(box:wait(5))
    local times = box:times()
    assert.equal(#ops, #times)
    for i, time in ipairs(times) do assert(time[2] >= time[1] and time[1] >= 0, i) end
    box:close()
  end)

  it("refuses a plan that the validator refuses", function()
    local bytes = plans.default()
    for _, bad in ipairs { "", "x", bytes:sub(1, -2), bytes .. "\0", ("\0"):rep(#bytes) } do
      local box, fault = core.launch.start { plan = bad, slots = {} }
      assert.is_nil(box)
      assert.equal("EINVAL", fault.code)
    end
    local box, fault = core.launch.start { plan = bytes, slots = { [0] = 0 } }
    assert.same({ nil, "EINVAL" }, { box, fault.code })
    assert.has_error(function() core.launch.start {} end)
    assert.has_error(function() core.launch.start() end)
  end)

  it("tells the operation, the call and the errno of what failed", function()
    local before = leaks.snapshot()
    local box, fault, ops = start { command = { "true" }, ops = {
      { at = "root", op = "sysctl", fields = { name = "net.nowhere.at_all", value = "1" } } } }
    if box then fault = assert(box:wait(5)).fault end
    assert.same({ "sysctl", "ENOENT", "openat2" }, { ops[fault.index].op, fault.code, fault.call })
    box = nil -- luacheck: ignore
    collectgarbage()
    leaks.verify(before)
  end)

  it("a descriptor that is not open is a fault, not a crash", function()
    local bytes, _, prepared = plans.default { pass_fds = { { fd = 3, target = 3 } },
      stdin = 0, stdout = 1, stderr = 2 }
    local slots = {}
    for i in ipairs(prepared.given) do slots[i - 1] = 900 + i end
    local box, fault = core.launch.start { plan = bytes, slots = slots }
    assert.is_nil(box)
    assert.equal("EBADF", fault.code)
  end)
end)

describe("a hook", function()
  local function hooks(...)
    local list = {}
    for i, stage in ipairs { ... } do list[i] = { at = stage, call = function() end } end
    return { command = { "true" }, hooks = list }
  end

  it("is called with its number, stage by stage, with the pid once there is one", function()
    local calls = {}
    local box = assert(start(hooks("created", "prepare"), function(index, undo, pid)
      calls[#calls + 1] = ("%d %s %s"):format(index, tostring(undo), pid > 1 and "pid" or "none")
      return true
    end))
    assert(box:wait(5))
    assert.same({ "2 false none", "1 false pid" }, calls)
    box:close()
  end)

  it("that fails or raises stops the start, and those before it are undone in reverse", function()
    for _, how in ipairs { "return", "raise" } do
      local before, calls = leaks.snapshot(), {}
      local box, fault, ops = start(hooks("prepare", "prepare", "created"), function(index, undo)
        calls[#calls + 1] = index .. (undo and " undone" or "")
        if index == 3 and how == "raise" then error({ own = true }) end
        if index == 3 then return nil, "not now" end
        return true
      end)
      assert.is_nil(box)
      assert.same({ "1", "2", "3", "2 undone", "1 undone" }, calls)
      assert.equal("hook", ops[fault.index].op)
      assert.same(how == "raise" and { own = true } or "not now", fault.cause)
      collectgarbage()
      collectgarbage()
      leaks.verify(before)
    end
  end)

  it("whose undo fails does not keep the others from being undone", function()
    local calls = {}
    local box = start(hooks("prepare", "prepare", "created"), function(index, undo)
      calls[#calls + 1] = index .. (undo and " undone" or "")
      if undo then error "undo failed" end
      return index ~= 3
    end)
    assert.is_nil(box)
    assert.same({ "1", "2", "3", "2 undone", "1 undone" }, calls)
  end)

  it("is called where a plan is told to pause, the child waiting", function()
    local state
    local box = assert(start(sh "exit 4", function(index, _, pid)
      assert(index == 0)
      state = io.open("/proc/" .. pid .. "/comm"):read("*l")
      return true
    end, { pause_at = 40 }))
    assert.equal("tidelock-init", state)
    assert.equal(4, assert(box:wait(5)).code)
    box:close()
  end)

  it("is called before each operation of the child that can be stepped", function()
    local box = assert(start(sh "exit 4", function() return true end, { step = true }))
    assert.equal(4, assert(box:wait(5)).code)
    box:close()
  end)
end)
