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

  it("refuses what is no signal", function()
    for _, number in ipairs { 0, -1, 65, 1000 } do
      assert.has_error(function() poll.signals { number } end)
    end
    assert.has_error(function() poll.signals() end)
  end)
end)
