-- core.process: children that go on in Lua, waiting, signals and execve.
local box = require "spec.support.box"
local child = require "spec.support.child"
local core = require "tidelock.core"

local process = core.process

local function status_of(f, namespaces) return process.child(f, namespaces):wait(5).status end

describe("core.process.child", function()
  it("exits with what the function returns", function()
    assert.equal(7, status_of(function() return 7 end))
    assert.equal(0, status_of(function() end))
    assert.equal(0, status_of(function() return true end))
    assert.equal(1, status_of(function() return false end))
    assert.equal(3, status_of(function() process._exit(3) end))
    assert.equal(4, status_of(function() os.exit(4) end))
  end)

  it("exits with 125 and the message after an error", function()
    local result = box.lua([[
      local core = require "tidelock.core"
      io.write "once "
      local one = core.process.child(function() io.write "child " error "no good" end):wait(5)
      local two = core.process.child(function()
        error(setmetatable({}, { __tostring = function() return "an object" end }))
      end):wait(5)
      local three = core.process.child(function() return "text" end):wait(5)
      local four = core.process.child(function() coroutine.yield() end):wait(5)
      print(one.status, two.status, three.status, four.status)]], true)
    assert.equal("once child 125\t125\t125\t125\n", result.stdout)
    assert.matches("script.lua:3: no good\nan object\nchild: the function returned a string",
      result.stderr, 1, true)
  end)

  it("never goes on in the parent's code, whatever is raised", function()
    local result = box.lua([[
      local core = require "tidelock.core"
      local pid = core.process.getpid()
      local bad = setmetatable({}, { __tostring = function() error "again" end })
      local _, c = pcall(core.process.child, function() error(bad) end)
      print(core.process.getpid() == pid, c:wait(5).status)]], true)
    assert.equal("true\t125\n", result.stdout, result.stderr)
  end)

  it("runs no __gc of the parent's objects, and flushes nothing twice", function()
    local result = box.lua([[
      local core = require "tidelock.core"
      local object = newproxy(true)
      getmetatable(object).__gc = function() io.stderr:write "gc\n" end
      io.write "text\n"
      for _ = 1, 3 do core.process.child(function() io.write "child\n" end):wait(5) end]], true)
    assert.equal("text\nchild\nchild\nchild\n", result.stdout)
    assert.equal("gc\n", result.stderr)
  end)

  it("makes the namespaces that are named", function()
    assert.equal(1, child.call(process.getpid, { "user", "pid" }))
    assert.equal(0, child.call(process.getppid, { "user", "pid" }))
    local before = core.host.readlink "/proc/self/ns/ipc"
    assert.not_equal(before, (child.call(function()
      return core.host.readlink "/proc/self/ns/ipc"
    end, { "user", "ipc", "cgroup", "time", "mount", "network" })))
    assert.has_error(function() process.child(function() end, { "net" }) end)
    assert.has_error(function() process.child() end)
  end)

  it("is an object that can be waited for, polled and killed", function()
    local r, w = process.pipe()
    local c = process.child(function()
      w:close()
      r:read(1)
      core.poll.wait({}, 20)
    end)
    assert.equal("r", c:events())
    assert.is_nil(c:timeout())
    assert.same({ nil, "ETIMEDOUT", 110 }, { c:wait(0.02) })
    assert.same({}, core.poll.wait({ c }, 0))
    assert.is_true(process.kill(c:pid(), 0))
    assert.is_true(c:kill "TERM")
    assert.same({ 1 }, core.poll.wait({ c }, 5))
    local ended = c:wait()
    assert.same({ c:pid(), "killed", 15, "TERM" },
      { ended.pid, ended.code, ended.status, ended.signal })
    assert.same({ nil, "ECHILD", 10 }, { c:wait() })
    assert.same({ nil, "ESRCH", 3 }, { c:kill() })
    c:close()
    c:close()
    assert.has_error(function() c:wait() end)
    r:close()
    w:close()
  end)

  it("tells what was used", function()
    local usage = process.child(function()
      local t = {}
      for i = 1, 3e6 do t[i % 100] = tostring(i) end
      return #t > 0
    end):wait(20).usage
    assert(usage.user > 0.02 and usage.user < 20, usage.user)
    assert(usage.maxrss > 2 ^ 19 and usage.maxrss < 2 ^ 30, usage.maxrss)
    assert(usage.minflt > 10)
  end)

  it("is refused beside a second thread", function()
    local result = box.lua([[
      local ffi = require "ffi"
      ffi.cdef "int pthread_create(unsigned long *, void *, void *(*)(void *), void *);"
      ffi.cdef "int pause();"
      local id = ffi.new "unsigned long[1]"
      ffi.C.pthread_create(id, nil, ffi.cast("void *(*)(void *)", ffi.C.pause), nil)
      print(pcall(require("tidelock.core").process.child, print))]], true)
    assert.matches("^false\t.*more than one thread", result.stdout)
  end)
end)

describe("core.process.waitid", function()
  it("waits by pid, pidfd, group or for all, and tells stops", function()
    assert.equal(5, (child.call(function()
      local one = process.child(function() return 5 end)
      return process.waitid("pid", one:pid()).status
    end)))
    local c = process.child(function() core.poll.wait({}, 20) end)
    assert.is_false(process.waitid("pidfd", c, { "exited", "nohang" }))
    process.kill(c:pid(), "STOP")
    local stopped = process.waitid("pidfd", c, "stopped")
    assert.same({ "stopped", "STOP" }, { stopped.code, stopped.signal })
    process.kill(c:pid(), "CONT")
    assert.equal("continued", process.waitid("pidfd", c, "continued").code)
    c:kill()
    assert.equal("KILL", process.waitid("pidfd", c, { "exited", "nowait" }).signal)
    assert.equal("KILL", process.waitid("pidfd", c).signal)
    assert.same({ nil, "ECHILD", 10 }, { process.waitid("pidfd", c) })
    c:close()
    assert.has_error(function() process.waitid("child", 1) end)
    assert.has_error(function() process.waitid("all", nil, { "exit" }) end)
  end)
end)

describe("core.process by pidfd", function()
  it("opens, signals and copies descriptors", function()
    local r, w = process.pipe()
    local ready, tell = process.pipe()
    local c = process.child(function()
      assert(core.file.dup2(r, 40))
      tell:write "x"
      core.poll.wait({}, 20)
    end)
    ready:read(1)
    local pidfd = assert(process.pidfd_open(c:pid()))
    local copy = assert(process.pidfd_getfd(pidfd, 40))
    w:write "through"
    assert.equal("through", copy:read())
    assert.same({ nil, "EBADF", 9 }, { process.pidfd_getfd(pidfd, 999) })
    assert.is_true(process.pidfd_send_signal(pidfd, "SIGUSR1"))
    assert.equal("USR1", c:wait(5).signal)
    assert.same({ nil, "ESRCH", 3 }, { process.pidfd_send_signal(pidfd, "TERM") })
    assert.same({ nil, "ESRCH", 3 }, { process.pidfd_open(2 ^ 22 + 5) })
    for _, fd in ipairs { r, w, ready, tell, pidfd, copy, c } do fd:close() end
  end)
end)

describe("core.process.execve", function()
  local function output(f)
    local r, w = process.pipe()
    local c = process.child(function()
      core.file.dup2(w, 1)
      core.file.dup2(w, 2)
      return f()
    end)
    w:close()
    local parts = {}
    repeat parts[#parts + 1] = r:read() until parts[#parts] == ""
    r:close()
    return table.concat(parts), c:wait(5).status
  end

  it("becomes the program, with these words and this environment", function()
    assert.same({ "before\nX=1\nY=a b\nZ=1 2\n", 0 }, { output(function()
      io.write "before\n"
      process.execve("/usr/bin/env", { "env", "Z=1 2" }, { "X=1", "Y=a b" })
    end) })
  end)

  it("leaves no descriptor of Lua's to it", function()
    local text = output(function()
      local r = process.pipe()
      local memfd, master = core.file.memfd_create "secret", core.pty.openpty()
      local epoll, timer = core.poll.epoll_create(), core.poll.timerfd_create()
      assert(core.mount.open_tree(nil, "/") and memfd and master and epoll and timer)
      print(core.host.readlink("/proc/self/fd/" .. r:pollfd()))
      process.execve("/bin/ls", { "ls", "-l", "/proc/self/fd" })
    end)
    local pipe, rest = text:match("^(pipe:[^\n]*)\n(.*)$")
    assert.not_matches(pipe, rest, 1, true)
    for _, name in ipairs { "secret", "ptmx", "pts/", "epoll", "timerfd", "pidfd", "> /\n" } do
      assert.not_matches(name, rest, 1, true)
    end
  end)

  it("comes back with an error as a value", function()
    assert.same({ nil, "ENOENT", 2 }, { process.execve("/absent", { "absent" }) })
    assert.same({ nil, "EACCES", 13 }, { process.execve("/etc/passwd", { "x" }) })
    for _, bad in ipairs { {}, { 5 }, { "a\0b" } } do
      assert.has_error(function() process.execve("/bin/true", bad) end)
    end
    assert.has_error(function() process.execve "/bin/true" end)
    assert.has_error(function() process.execve("/bin/true", { "true" }, { {} }) end)
  end)
end)

describe("signals of core.process", function()
  it("have names", function()
    for name, number in pairs { HUP = 1, SIGTERM = 15, IO = 29, POLL = 29, CHLD = 17, RTMIN = 34,
      ["RTMIN+3"] = 37, ["RTMAX-1"] = 63, SYS = 31 } do
      assert.same({ name, number }, { name, (child.call(function()
        process.sigprocmask("setmask", { name })
        local mask = process.sigmask()
        return math.floor(math.log(tonumber(mask)) / math.log(2) + 0.5) + 1
      end)) })
    end
    for _, bad in ipairs { "TERMINATE", "", "SIG", "RTMIN+", "RTMIN-1", "RTMAX+1",
      "RTMIN+99", "term" } do
      assert.has_error(function() process.kill(0, bad) end)
    end
  end)

  it("are blocked, unblocked and ignored", function()
    assert.equal("alive", (child.call(function()
      assert(process.sigprocmask("block", { "TERM", "USR1" }))
      process.kill(process.getpid(), "TERM")
      assert(process.signal("TERM", "ignore"))
      assert(process.sigprocmask("unblock", { "TERM" }))
      return "alive"
    end)))
    assert.same({ nil, "EINVAL", 22 }, { process.signal("KILL", "ignore") })
    assert.has_error(function() process.signal("TERM", print) end)
    assert.equal("TERM", process.child(function()
      process.signal("TERM", "ignore")
      process.signal("TERM", "default")
      process.kill(process.getpid(), "TERM")
    end):wait(5).signal)
  end)

  it("setsid and setpgid", function()
    assert.same({ true, true, "EPERM" }, { child.call(function()
      local grouped = process.setpgid()
      return process.setsid() == nil, grouped, (select(2, process.setsid()))
    end) })
    assert.is_true((child.call(function() return process.setsid() == process.getpid() end)))
  end)
end)
