-- core.terminal: modes, size and the copying, where no terminal is at hand; spec/life/tty_spec.lua
-- has the rest.
local core = require "tidelock.core"

local terminal = core.terminal

describe("core.terminal", function()
  it("has no modes and no size for what is no terminal", function()
    local fd = assert(core.process.open("/dev/null"))
    assert.equal("ENOTTY", select(2, terminal.modes(fd)))
    assert.is_nil(terminal.size(fd))
    assert.is_true(terminal.foreground(fd))
  end)

  it("copies for masters only, and nothing once it is closed", function()
    local fd = assert(core.process.open("/dev/null"))
    assert.equal("ENOTTY", select(2, terminal.relay(fd, fd, fd)))
    assert.equal("EBADF", select(2, terminal.relay(999, fd, fd)))
  end)

  local function has_output(relay, from, seconds)
    local deadline, text = core.process.clock() + seconds, ""
    while core.process.clock() < deadline and not text:find "got" do
      relay:step()
      if core.poll.wait({ relay, from }, 0.05)[1] and core.poll.wait({ from }, 0)[1] then
        text = text .. from:read()
      end
    end
    return text
  end

  it("copies between pipes and a box's terminal, which box:pty() gives once", function()
    local plans = require "spec.support.plan"
    local bytes, _, prepared = plans.default { tty = true,
      command = { "sh", "-c", "read a; stty size; echo got $a" } }
    local box = assert(core.launch.start { plan = bytes, slots = {} })
    local master = box:pty()
    assert.is_nil(box:pty())
    local from, input = core.process.pipe()
    local output, to = core.process.pipe()
    local relay = assert(terminal.relay(master, from, to))
    master:close()
    assert.is_true(relay:resize(7, 9))
    input:write "a line\n"
    input:close()
    assert.matches("7 9\r\ngot a line", has_output(relay, output, 5))
    assert.equal(0, assert(box:wait(5)).code)
    assert.is_true(relay:drain())
    relay:close()
    assert.has_error(function() relay:step() end)
    box:close()
    assert(prepared)
  end)
end)
