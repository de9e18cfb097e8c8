-- core.poll: waiting, and signals as a descriptor.
local core = require "tidelock.core"
local run = require "spec.support.run"

local poll, process = core.poll, core.process

describe("core.poll.wait", function()
  it("tells which descriptors are readable, by position", function()
    local r1, w1 = process.pipe()
    local r2, w2 = process.pipe()
    assert.same({}, poll.wait({ r1, r2 }, 0))
    w2:write "x"
    assert.same({ 2 }, poll.wait({ r1, r2 }, 0))
    w1:write "x"
    assert.same({ 1, 2 }, poll.wait({ r1, r2 }, 1))
    r2:read(1)
    w1:close()
    r1:read(1)
    assert.same({ 1 }, poll.wait({ r1, r2 }, 1), "the end of a stream is something to read")
    for _, fd in ipairs { r1, r2, w2 } do fd:close() end
  end)

  it("takes plain descriptors and anything with a pollfd", function()
    local r, w = process.pipe()
    w:write "x"
    local thing = { pollfd = function() return r:pollfd() end }
    assert.same({ 1, 2 }, poll.wait({ r:pollfd(), thing }, 0))
    r:close()
    w:close()
  end)

  it("waits as long as it is told, also for a part of a millisecond", function()
    local before = process.clock()
    assert.same({}, poll.wait({}, 0.03))
    local took = process.clock() - before
    assert(took >= 0.029 and took < 0.2, took)
    before = process.clock()
    poll.wait({}, 0.0004)
    assert(process.clock() - before >= 0.0004)
    assert.same({}, poll.wait({}, -5))
  end)

  it("refuses what is no list, no descriptor or too long", function()
    assert.has_error(function() poll.wait() end)
    assert.has_error(function() poll.wait({ {} }, 0) end)
    assert.has_error(function() poll.wait({ "x" }, 0) end)
    local many = {}
    for i = 1, 1025 do many[i] = 0 end
    assert.has_error(function() poll.wait(many, 0) end)
  end)
end)

describe("what core.poll.wait takes", function()
  it("waits for writing where a thing says so", function()
    local r, w = process.pipe()
    local function thing(events, timeout)
      return {
        pollfd = function() return w:pollfd() end, events = function() return events end,
        timeout = function() return timeout end,
      }
    end
    assert.same({ 1 }, poll.wait({ thing "w" }, 0))
    assert.same({}, poll.wait({ thing "r" }, 0))
    assert.same({ 1 }, poll.wait({ thing "rwp" }, 0))
    assert.same({ "r" }, { r:events() })
    assert.has_error(function() poll.wait({ thing "x" }, 0) end)
    assert.has_error(function() poll.wait({ thing {} }, 0) end)
    local before = process.clock()
    assert.same({ 2 }, poll.wait({ r, thing("r", 0.02), thing("r", 30) }, 10))
    assert(process.clock() - before < 5)
    assert.same({}, poll.wait({ { pollfd = r.pollfd and function() return r:pollfd() end,
      timeout = "10m" } }, 0), "a field of that name is no method")
    r:close()
    w:close()
  end)
end)

describe("core.poll.epoll_create", function()
  it("tells which things are ready, and for what", function()
    local epoll = poll.epoll_create()
    local r, w = process.pipe()
    assert.is_true(epoll:ctl("add", r))
    assert.same({ nil, "EEXIST", 17 }, { epoll:ctl("add", r) })
    assert.same({ {}, {} }, { epoll:wait(0) })
    assert.same({}, poll.wait({ epoll }, 0))
    w:write "x"
    assert.same({ 1 }, poll.wait({ epoll }, 1))
    local things, events = epoll:wait(1)
    assert.same({ 1, "r" }, { #things, events[1] })
    assert.equal(r, things[1])
    assert.is_true(epoll:ctl("mod", r, "w"))
    assert.same({ {}, {} }, { epoll:wait(0) })
    assert.is_true(epoll:ctl("add", w, "w"))
    things, events = epoll:wait(0)
    assert.same({ w, "w" }, { things[1], events[1] })
    assert.is_true(epoll:ctl("del", w))
    w:close()
    assert.same({ "h" }, (select(2, epoll:wait(0))))
    assert.is_true(epoll:ctl("del", r))
    assert.same({ nil, "ENOENT", 2 }, { epoll:ctl("del", r) })
    r:close()
    local fd = process.open "/etc/passwd"
    assert.same({ nil, "EPERM", 1 }, { epoll:ctl("add", fd) })
    fd:close()
    epoll:close()
    epoll:close()
    assert.has_error(function() epoll:wait(0) end)
  end)
end)

describe("core.poll.timerfd_create", function()
  it("expires when it was told to, and again", function()
    local timer = poll.timerfd_create()
    assert.same({ 0, 0 }, { timer:gettime() })
    assert.same({ nil, "EAGAIN", 11 }, { timer:read() })
    local before = process.clock()
    assert.is_true(timer:settime(0.02, 0.01))
    local left, interval = timer:gettime()
    assert(left > 0 and left <= 0.02 and interval == 0.01)
    assert.same({ 1 }, poll.wait({ timer }, 5))
    assert(process.clock() - before >= 0.02)
    poll.wait({}, 0.03)
    assert(timer:read() >= 3)
    assert.is_true(timer:settime(0))
    assert.same({}, poll.wait({ timer }, 0.03))
    timer:close()
    assert.has_error(function() timer:settime(1) end)
    for _, clock in ipairs { "monotonic", "realtime", "boottime" } do
      poll.timerfd_create(clock):close()
    end
    assert.has_error(function() poll.timerfd_create "cpu" end)
    timer = poll.timerfd_create()
    assert.has_error(function() timer:settime(-1) end)
    assert.has_error(function() timer:settime() end)
    timer:close()
  end)
end)

-- In processes of their own: signals belong to the whole process.
local function script(text)
  local box = require "spec.support.box"
  local result = box.lua("local core = require 'tidelock.core'\n" .. text, true)
  assert.equal(0, result.status, result.stderr)
  return result.stdout
end

describe("core.poll.signals", function()
  it("delivers what it was asked for and gives the mask back", function()
    assert.equal("10\nnil\n0x200\ttrue\n", script [[
      local before = core.process.sigmask()
      local signals = core.poll.signals { 10, 15 }
      core.process.kill(core.process.getpid(), 10)
      assert(core.poll.wait({ signals }, 1)[1] == 1)
      print(signals:read())
      print((signals:read()))
      local during = core.process.sigmask()
      core.process.kill(core.process.getpid(), 15)
      signals:read()
      signals:close()
      signals:close()
      print(("0x%x"):format(during - 2 ^ 14), core.process.sigmask() == before)]])
  end)

  it("leaves ignored signals ignored, as nohup wants it", function()
    local box = require "spec.support.box"
    local folder = run.folder()
    run.write(folder .. "/s.lua", [[
      local core = require "tidelock.core"
      local signals = core.poll.signals { 1, 15 }
      core.process.kill(core.process.getpid(), 1)
      core.process.kill(core.process.getpid(), 15)
      print(signals:read(), (signals:read()))]])
    local result = run.run("trap '' HUP; luajit " .. folder .. "/s.lua", { env = box.library() })
    assert.equal("15\tnil\n", result.stdout, result.stderr)
    run.remove(folder)
  end)

  it("tells who sent them, and takes names", function()
    assert.equal("USR1\t10\ttrue\ttrue\tr\nnil\n", script [[
      local signals = core.poll.signals { "USR1", "SIGTERM" }
      core.process.kill(core.process.getpid(), "USR1")
      local info = signals:siginfo()
      print(info.signal, info.signo, info.pid == core.process.getpid(),
        info.uid == core.identity.getresuid(), signals:events())
      print((signals:siginfo()))]])
  end)

  it("refuses what is no signal", function()
    for _, number in ipairs { 0, -1, 65, 1000 } do
      assert.has_error(function() poll.signals { number } end)
    end
    assert.has_error(function() poll.signals() end)
  end)
end)
