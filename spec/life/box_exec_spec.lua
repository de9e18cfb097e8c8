-- box:exec and box:spawn: what a process of a box gets, how its end is told, and its streams.
local box = require "spec.support.box"
local run = require "spec.support.run"

local function start(text, fields)
  return ("local box = assert(tidelock.spec { %s }:start())\n%s"):format(fields or "", text)
end

local function both(text, fields) return box.both(start(text, fields)) end

describe("box:exec", function()
  it("gives a report for each way to end, wherever it is called from", function()
    assert.same({
      "true\t0\t0\tnil\texit", "false\t7\t7\tnil\texit", "false\t143\tnil\tTERM\tsignal",
      "killed by SIGTERM", "false\t159\tnil\tSYS\tseccomp", "false\t127\tnil\tnil\tsetup",
      "no-such-command: not found", "false\t126\tnil\tnil\tsetup",
    }, box.lines(start([[
      local function show(report)
        print(report.ok, report.code, report.status, report.signal, report.reason)
        return report
      end
      show(box:exec { "true" })
      show(box:exec { "sh", "-c", "exit 7" })
      print(show(box:exec { "sh", "-c", "kill -TERM $$" }):why())
      show(box:exec { "sh", "-c", "kill -SYS $$" })
      print((show(box:exec { "no-such-command" }):why():match "^[^\n]*"))
      show(box:exec { "/etc/passwd" })
      box:stop()]]), nil, true))
  end)

  it("measures the process: times, and the peak of it and its children", function()
    assert.equal("true\ttrue\ttrue\ttrue\n", both [[
      local report = box:exec { "sh", "-c", "head -c 20000000 /dev/zero | tail -c 20000000 | wc -c",
        stdout = "null" }
      local usage = report.usage
      print(usage.wall > 0 and usage.wall < 5, usage.user + usage.system > 0,
        usage.memory_peak > 15e6, usage.memory_peak < 60e6)]])
  end)

  it("does not count the supervisor's memory as the process's", function()
    assert.equal("true\n", both [[
      local large = ("x"):rep(100 * 1024 * 1024)
      print(box:exec { "true" }.usage.memory_peak < 20e6 and #large > 0)]])
  end)

  it("names the line of the caller in an error", function()
    local lines = box.lines(start [[
      print(box:exec { "true", cwd = "/none" }.at)
      print((tostring(box:exec { "true", nonsense = 1 }.error):gsub("\n.*", "")))
      print((tostring(box:exec { "true", timout = 1 }.error):match "did you mean[^\n]*"))
      print((tostring(box:exec { stdout = "null" }.error):gsub("\n.*", "")))
      print((tostring(box:exec { "true", stdout = "pipe" }.error):match '"pipe"'))]])
    assert.same({
      "script.lua:3",
      'unknown field "nonsense" for a process of a box (accepted: cwd, env, pass_fds, rlimits,'
        .. " stderr, stdin, stdout, timeout, user)",
      'did you mean "timeout"?', "command: has no words (accepted: at least one word)", '"pipe"',
    }, lines)
  end)

  it("has the box's environment with its own over it, in no other process", function()
    assert.equal("spec own -\nspec spec2 -\n", both([[
      local words = { "sh", "-c", "echo $A $B ${HIDDEN--}", env = { B = "own", HIDDEN = false } }
      box:exec(words)
      box:exec { "sh", "-c", "echo $A $B ${HIDDEN-}-" }]],
      "env = { A = 'spec', B = 'spec2', HIDDEN = '' }"))
  end)

  it("starts in the box's cwd, or in its own, also from there", function()
    assert.equal("/usr\n/etc\n/usr/bin\n/\n", both([[
      box:exec { "pwd" }
      box:exec { "pwd", cwd = "/etc" }
      box:exec { "pwd", cwd = "bin" }
      box:exec { "sh", "-c", "cd ..; pwd" }]], "cwd = '/usr'"))
  end)

  it("does not start where there is no directory, nor in one behind a descriptor", function()
    assert.equal("ENOENT\nENOTDIR\n0\n", both [[
      print(box:exec { "true", cwd = "/none" }.error.code)
      print(box:exec { "true", cwd = "/etc/passwd" }.error.code)
      local started = 0
      for fd = 0, 24 do
        if box:exec { "true", cwd = "/proc/self/fd/" .. fd }.ok then started = started + 1 end
      end
      print(started)]])
  end)

  it("has the box's rlimits, or its own", function()
    assert.equal("100\n50\n100\ntrue\n", both([[
      box:exec { "sh", "-c", "ulimit -n" }
      box:exec { "sh", "-c", "ulimit -n", rlimits = { nofile = 50 } }
      box:exec { "sh", "-c", "ulimit -n" }
      local report = box:exec { "true", rlimits = { nofile = "9000000" } }
      print(report:why():find("above the caller's own hard limit", 1, true) ~= nil)]],
      "rlimits = { nofile = 100 }"))
  end)

  it("runs as another user of the box, with that one's home", function()
    if run.who() ~= "root" and not run.has_subids() then
      assert.matches("is not an id of the box", both [[
        print(box:exec { "id", user = "1" }:why())
        box:exec { "true", user = tostring(tidelock.core.host.ids().euid) }:assert()]])
      return
    end
    assert.equal("1 1\n33 33\n2 7\ntrue\n", both([[
      box:exec { "sh", "-c", "echo $(id -u) $(id -g)", user = "1" }
      box:exec { "sh", "-c", "echo $(id -u) $(id -g)", user = "www-data" }
      box:exec { "sh", "-c", "echo $(id -u) $(id -g)", user = "2:7" }
      print(box:exec { "true", user = "70000" }.reason == "setup")]],
      -- An ordinary user's box has more ids than one where its spec asks for another's.
      run.who() ~= "root" and "user = '1'" or nil))
  end)

  it("has the box's time limit, or its own", function()
    assert.equal("timeout\tscript.lua:2\nexit\ntimeout\tscript.lua:6\n", both([[
      local report = box:exec { "sleep", "60" }
      print(report.reason, report.at)
      print(box:exec { "sleep", "0.05", timeout = "1m" }.reason)
      report = box:exec { "sleep", "60", timeout = 0.02 }
      print(report.reason, report.at)]], "timeout = '40ms'"))
  end)

  it("is killed at its time limit, with what it started in its session", function()
    assert.equal("timeout\t124\ttimeout\tscript.lua:3\tkilled by the time limit 60 ms\n1\n", both [[
      local report = box:exec { "sh", "-c", "sleep 60 & sleep 60", timeout = "60ms" }
      print(report.reason, report.code, report.rule, report.at, (report:why():gsub(" %(.*", "")))
      box:exec { "sh", "-c", "! pgrep -x sleep && echo 1" }]])
  end)

  it("can be called a thousand times in one box, which grows nothing", function()
    local result = box.lua("local tidelock = require 'tidelock'\n" .. start [[
      local function descriptors()
        local n = 0
        for fd = 0, 255 do if tidelock.core.process.fd_type(fd) then n = n + 1 end end
        return n
      end
      local function resident()
        collectgarbage() collectgarbage()
        local file = io.open "/proc/self/status"
        local size = file:read("*a"):match "VmRSS:%s*(%d+)"
        file:close()
        return tonumber(size)
      end
      local words = { "true", stdout = "capture" }
      for _ = 1, 100 do box:exec(words) end
      local memory, open, good = resident(), descriptors(), 0
      for _ = 1, 1000 do if box:exec(words).ok then good = good + 1 end end
      local grown = resident() - memory
      print(good, descriptors() - open == 0 or descriptors() - open, grown < 1024 or grown)]])
    assert.equal("1000\ttrue\ttrue\n", result.stdout, result.stderr)
  end)
end)

describe("the streams of box:exec", function()
  it("are the caller's, captured, thrown away, a descriptor or a function", function()
    assert.equal("inherited\ncaptured|problem|\ntrue\nto a file\nab\n", both [[
      box:exec { "echo", "inherited" }
      local report = box:exec { "sh", "-c", "printf captured; printf problem >&2",
        stdout = "capture", stderr = "capture" }
      io.write(report.stdout, "|", report.stderr, "|\n")
      print(box:exec { "sh", "-c", "echo lost; ! read line", stdin = "null", stdout = "null" }.ok)
      local path = os.tmpname()
      local out = assert(tidelock.core.process.open(path, "w"))
      box:exec { "echo", "to a file", stdout = out:pollfd() }
      out:close()
      print((io.open(path):read "*l"))
      os.remove(path)
      local parts = {}
      box:exec { "sh", "-c", "printf a; printf b >&2",
        stdout = function(chunk) parts[#parts + 1] = chunk end,
        stderr = function(chunk) parts[#parts + 1] = chunk end }
      table.sort(parts)
      print(table.concat(parts))]])
  end)

  it("are bounded at a megabyte, which is said, and the process still ends", function()
    assert.equal("1048576\ttrue\ttrue\n1048576\tnil\n", both [[
      local report = box:exec { "head", "-c", "3000000", "/dev/zero", stdout = "capture" }
      print(#report.stdout, report.stdout_truncated, report.ok)
      report = box:exec { "head", "-c", "1048576", "/dev/zero", stdout = "capture" }
      print(#report.stdout, report.stdout_truncated)]])
  end)

  it("do not wait for whoever else holds the other end", function()
    assert.equal("early\ntrue\n", both [[
      local report = box:exec { "sh", "-c", "sleep 60 & echo early", stdout = "capture" }
      io.write(report.stdout)
      print(report.usage.wall < 5)]])
  end)

  it("that raise leave nothing running, and the box as it was", function()
    assert.equal("false\tstop here\nfalse\tstop there\n1\n", both [[
      local function show(good, message)
        print(good, (tostring(message):gsub("^.-: ", "")))
      end
      show(pcall(box.exec, box, { "sh", "-c", "echo x; sleep 60",
        stdout = function() error "stop here" end }))
      show(pcall(box.exec, box, { "sh", "-c", "echo x >&2; sleep 60", stdout = "capture",
        stderr = function() error "stop there" end }))
      box:exec { "sh", "-c", "! pgrep -x sleep && echo 1" }]])
  end)

  it("refuse a directory and what is not open", function()
    assert.equal("true\ntrue\n", both [[
      local function why(fields) return box:exec(fields):why() end
      local dir = assert(tidelock.core.process.open("/etc", "r"))
      print(why { "true", stdin = dir:pollfd() }:find("is a directory", 1, true) ~= nil)
      print(why { "true", stdout = 200 }:find("is not an open descriptor", 1, true) ~= nil)]])
  end)

  it("beyond the three are passed by number, and no others", function()
    assert.equal("passed\n0 1 2 3 9\n0 1 2 3\n", both [[
      local from, to = tidelock.core.process.pipe()
      to:write "passed\n"
      box:exec { "sh", "-c", "read line <&9; echo $line; echo $(ls /proc/self/fd)",
        pass_fds = { { fd = from:pollfd(), target = 9 } } }
      box:exec { "sh", "-c", "echo $(ls /proc/self/fd)" }]])
  end)
end)

describe("box:spawn", function()
  it("gives a process with a pid, a descriptor, signals and a report", function()
    assert.equal("true\ttrue\tnil\ttrue\nTERM\tfalse\nESRCH\tTERM\n", box.both(start([[
      local process = assert(box:spawn { "sleep", "60" })
      print(process:alive(), process:pid() > 1, process:wait(0.01), process:pollfd() > 2)
      process:kill "TERM"
      print(process:wait(5).signal, process:alive())
      print(select(2, process:kill()).code, process:wait().signal)]]), nil, true))
  end)

  it("talks through pipes both ways", function()
    assert.equal("HELLO\n|problem\n|true\n", both [[
      local process = assert(box:spawn { "sh", "-c", "tr a-z A-Z; echo problem >&2",
        stdin = "pipe", stdout = "pipe", stderr = "pipe" })
      process.stdin:write "hello\n"
      process.stdin:close()
      local function all(fd)
        local parts = {}
        repeat
          local chunk = assert(fd:read())
          parts[#parts + 1] = chunk
        until chunk == ""
        return table.concat(parts)
      end
      io.write(all(process.stdout), "|", all(process.stderr), "|")
      print(process:wait().ok)]])
  end)

  it("reads what is captured while somebody waits for so long, and keeps the time limit", function()
    assert.equal("true\t300000\ntimeout\ttrue\ntimeout\n", both [[
      local process = box:spawn { "head", "-c", "300000", "/dev/zero", stdout = "capture" }
      local report
      repeat report = process:wait(0.01) until report
      print(report.ok, #report.stdout)
      process = box:spawn { "sleep", "60", timeout = "40ms" }
      report = process:wait(5)
      print(report.reason, report.usage.wall < 1)
      -- It runs from the start, not from the wait.
      process = box:spawn { "sleep", "60", timeout = "40ms" }
      tidelock.loop.sleep(0.06)
      print(process:wait(0.02).reason)]])
  end)

  it("raises for a mistake of the caller, and tells in the report what cannot be", function()
    local lines = box.lines(start [[
      print((select(2, pcall(box.spawn, box, { "true", cwd = 3 }))))
      print((box:spawn { "true", cwd = "/none" }:wait():why():match "ENOENT"))
      local process = box:spawn { "sleep", "60" }
      print((select(2, pcall(process.kill, process, "TREM"))))]])
    assert.same({
      "cwd: 3 is not a string (accepted: a path)", "  asked for at script.lua:3", "ENOENT",
      'signal: "TREM" is not a signal (accepted: names as in signal(7), or numbers)',
      "  asked for at script.lua:6", '  hint: did you mean "TERM"?',
    }, lines)
  end)
end)
