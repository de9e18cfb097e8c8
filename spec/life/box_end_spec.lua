-- How boxes end: stop, kill, PID 1 gone while something runs or is started, the supervisor killed.
local box = require "spec.support.box"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local start = "local box = assert(tidelock.spec {}:start())\n"

local function both(text, everywhere) return box.both(start .. text, nil, everywhere) end

describe("box:stop", function()
  it("ends every process of the box, also one in a session of its own, and may be called again",
    function()
      local before = leaks.snapshot()
      assert.equal("3\ntrue\tstopped\tended with its box, which was stopped\nthe box was stopped\n",
        both([[
          local process = box:spawn { "sh", "-c",
            "sleep 60 & setsid sleep 60 & (trap '' TERM HUP INT; sleep 60)" }
          local deadline = tidelock.core.process.clock() + 5
          local count
          repeat
            count = box:exec { "pgrep", "-xc", "sleep", stdout = "capture" }.stdout
          until count == "3\n" or tidelock.core.process.clock() > deadline
          io.write(count)
          box:stop()
          box:stop()
          local report = process:wait()
          print(process:wait() == report, report.reason, report:why())
          print(box:exec { "true" }:why())]], true))
      leaks.verify(before)
    end)

  it("does not wait for processes that nobody has waited for", function()
    -- PID 1 does not end before they are reaped, and they are the supervisor's children.
    assert.equal("stopped\ttrue\n", both [[
      for _ = 1, 3 do box:spawn { "sleep", "60" } end
      local ended = box:spawn { "true" }
      tidelock.loop.wait({ ended }, 5)
      local before = tidelock.core.process.clock()
      box:stop()
      print("stopped", tidelock.core.process.clock() - before < 1)]])
  end)

  it("leaves how a process ended before it to be told", function()
    assert.equal("exit\t5\n", both [[
      local process = box:spawn { "sh", "-c", "exit 5" }
      tidelock.loop.wait({ process }, 5)
      box:stop()
      local report = process:wait()
      print(report.reason, report.status)]])
  end)

  it("gives descriptors, children and the range of ids back", function()
    assert.equal("true\ttrue\n", box.both [[
      local function state()
        collectgarbage() collectgarbage()
        local n = 0
        for fd = 0, 255 do if tidelock.core.process.fd_type(fd) then n = n + 1 end end
        local file = io.open(("/proc/self/task/%d/children"):format(
          tidelock.core.process.getpid()))
        local children = file:read "*a"
        file:close()
        return n, children
      end
      local function once()
        local box = assert(tidelock.spec {}:start())
        box:exec { "true", stdout = "capture" }
        box:spawn { "sleep", "60", stdin = "pipe", stdout = "pipe" }
        box:write("/tmp/file", "x")
        box:stop()
      end
      once()
      local open, children = state()
      for _ = 1, 5 do once() end
      local open_after, children_after = state()
      print(open == open_after, children == children_after)]])
  end)

  it("happens at the end of spec:with, also when it raises, and gives what it gives", function()
    assert.equal("a\tb\nfalse\traised\nnil\ttrue\ntrue\ttrue\n", box.both [[
      local kept = {}
      print(tidelock.spec {}:with(function(box) kept[1] = box return "a", "b" end))
      print(pcall(function()
        tidelock.spec {}:with(function(box) kept[2] = box error("raised", 0) end)
      end))
      local result, err = tidelock.spec { cwd = "/nonexistent" }:with(error)
      print(result, tostring(err):find("cwd", 1, true) ~= nil)
      print(kept[1].stopped, kept[2].stopped)]])
  end)
end)

describe("spec:start", function()
  it("gives nil and an error for what cannot be, and refuses a command", function()
    assert.equal("nil\ttrue\nfalse\ttrue\n", box.both [[
      local box, err = tidelock.spec { cwd = "/nonexistent" }:start()
      print(box, tostring(err):find("script.lua:2", 1, true) ~= nil)
      local good, message = pcall(function()
        return tidelock.spec { command = { "true" } }:start()
      end)
      print(good, tostring(message):find("has no place in start", 1, true) ~= nil)]])
  end)

  it("gives each box a range of ids of its own", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert.equal("3\n", box.both [[
      local boxes, seen, count = {}, {}, 0
      for i = 1, 3 do
        boxes[i] = assert(tidelock.spec {}:start())
        local map = boxes[i]:exec { "cat", "/proc/self/uid_map", stdout = "capture" }.stdout
        local first = map:match "^%s*0%s+(%d+)%s+65536\n$"
        if not seen[first] then count = count + 1 end
        seen[first] = true
      end
      print(count)]])
  end)

  it("makes boxes that do not see or reach each other", function()
    assert.equal("1\ttrue\n", box.both [[
      local a, b = assert(tidelock.spec {}:start()), assert(tidelock.spec {}:start())
      a:spawn { "sleep", "60" }
      a:write("/tmp/file", "of a")
      local report = b:exec { "pgrep", "-xc", "sleep", stdout = "capture" }
      print(report.status, b:read "/tmp/file" == nil)]])
  end)
end)

describe("processes that exec left behind", function()
  it("are adopted and reaped by PID 1", function()
    assert.equal("1\nnone\n", both [[
      box:exec { "sh", "-c", "(exec sh -c 'exit 3') & :" }
      local left = { timeout = "5s", "sh", "-c", "(sleep 60 &); p=;"
        .. " until [ \"$p\" = 1 ]; do p=$(ps -o ppid= -C sleep | tr -d ' '); done; echo $p" }
      box:exec(left)
      box:exec { "sh", "-c", "sleep 0.1; ps ax -o stat= | grep Z || echo none" }]])
  end)

  it("die with the box", function()
    local before = leaks.snapshot()
    both [[box:exec { "sh", "-c", "setsid sleep 60 & :" } box:stop()]]
    leaks.verify(before)
  end)
end)

describe("a box whose PID 1 is gone", function()
  it("says so to whoever asks, and stops", function()
    assert.equal(("the box has ended: its PID 1 is gone\n"):rep(3) .. "true\ttrue\n", both([[
      box:kill()
      print(box:wait(5) and box:exec { "true" }:why())
      print((tostring(select(2, box:spawn { "true" }))))
      print((tostring(select(2, box:read "/etc/passwd"))))
      print(box:wait(), (pcall(box.stop, box)))]], true))
  end)

  it("is told to those who wait for a process of it", function()
    assert.equal("stopped\tended with its box, which has ended: its PID 1 is gone\ntrue\n", both [[
      local process = box:spawn { "sleep", "60" }
      box:kill()
      local report = process:wait(5)
      print(report.reason, report:why())
      print(box:wait(5))]])
  end)

  it("is noticed by whoever waits for the box, with processes of it still to be reaped", function()
    assert.equal("true\nthe box has ended: its PID 1 is gone\n", both [[
      local process = box:spawn { "sleep", "60" }
      box:kill()
      print(box:wait(5))
      print(box:exec { "true" }:why())]])
  end)

  it("at whatever moment of an exec gives a clear error, and nothing is left", function()
    local before = leaks.snapshot()
    assert.equal("true\n", box.both [[
      local odd = {}
      for i = 1, 40 do
        local box = assert(tidelock.spec {}:start())
        -- A shell of the host's strikes while this one is inside of exec.
        os.execute(("sleep 0.00%d; kill -9 %d &"):format(i % 4, box:pid()))
        local report
        repeat report = box:exec { "true" } until not report.ok
        local why = report:why():match "^[^\n]*"
        if why ~= "the box has ended: its PID 1 is gone"
          and why ~= "ended with its box, which has ended: its PID 1 is gone" then
          odd[#odd + 1] = why
        end
        box:stop()
      end
      print(odd[1] == nil or table.concat(odd, "\n"))]])
    leaks.verify(before)
  end)

  it("refuses what is no signal, and PID 1 takes no harm from others", function()
    assert.equal("false\ttrue\ntrue\n", both [[
      local good, message = pcall(box.kill, box, "NOPE")
      print(good, tostring(message):find("is not a signal", 1, true) ~= nil)
      for _, name in ipairs { "TERM", "INT", "HUP", "CHLD", "USR1", "PIPE" } do box:kill(name) end
      print(box:exec { "true" }.ok)]])
  end)
end)

describe("kill -9 of the supervisor", function()
  it("leaves nothing of its boxes and of what was put into them", function()
    local before = leaks.snapshot()
    for _, how in ipairs { false, true } do
      local result = box.lua([[
        local tidelock = require "tidelock"
        local a, b = assert(tidelock.spec {}:start()), assert(tidelock.spec {}:start())
        a:spawn { "setsid", "sleep", "60" }
        b:spawn { "sleep", "60", stdout = "capture" }
        b:exec { "sh", "-c", "trap '' HUP; setsid sleep 60 & :" }
        tidelock.core.process.kill(tidelock.core.process.getpid(), 9)]], how)
      assert.equal(137, result.status, result.stderr)
    end
    leaks.verify_killed(before)
  end)

  it("while it execs in a loop leaves nothing either", function()
    local before = leaks.snapshot()
    local script = os.tmpname()
    run.write(script, [[
      local tidelock = require "tidelock"
      local box = assert(tidelock.spec {}:start())
      while true do box:exec { "sleep", "0" } box:read "/etc/passwd" end]])
    os.execute("mv " .. script .. " " .. script .. ".lua")
    local lines = {}
    for i = 1, 20 do
      lines[i] = ("%s %s.lua & p=$!; sleep 0.0%02d; kill -9 $p; wait $p 2>/dev/null"):format(
        run.quote(run.tidelock), script, 5 + i)
    end
    run.run(table.concat(lines, "\n"))
    os.remove(script .. ".lua")
    leaks.verify_killed(before)
  end)
end)
