-- core.process: descriptors, pipes, signals and the clock.
local core = require "tidelock.core"
local run = require "spec.support.run"

local process = core.process

describe("core.process", function()
  it("pipe gives two ends that close at exec", function()
    local r, w = process.pipe()
    assert.equal(5, w:write "hello")
    assert.equal("hel", r:read(3))
    assert.equal("lo", r:read(100))
    for _, fd in ipairs { r, w } do
      local flags = run.read("/proc/self/fdinfo/" .. fd:pollfd()):match("flags:%s*0*(%d+)")
      assert.equal("2", flags:sub(-7, -7), "O_CLOEXEC")
    end
    w:close()
    assert.equal("", r:read())
    r:close()
  end)

  it("a closed descriptor says so and stays closed", function()
    local r, w = process.pipe()
    local number = r:pollfd()
    r:close()
    r:close()
    local other = process.pipe()
    assert.equal(number, other:pollfd())
    assert.same({ nil, "EBADF", 9 }, { r:read() })
    assert.has_error(function() r:pollfd() end)
    assert.equal("fifo", process.fd_type(number))
    other:close()
    w:close()
  end)

  it("descriptors are closed when they are collected", function()
    local number
    do
      local r, w = process.pipe()
      number = r:pollfd()
      w:close()
    end
    collectgarbage()
    collectgarbage()
    assert.same({ nil, "EBADF", 9 }, { process.fd_type(number) })
  end)

  it("open reads, writes and appends, and gives errors as values", function()
    local folder = run.folder()
    local path = folder .. "/f"
    assert.same({ nil, "ENOENT", 2 }, { process.open(path) })
    local fd = process.open(path, "w")
    assert.is_true(process.write(fd:pollfd(), "one\n"))
    fd:close()
    fd = process.open(path, "a")
    fd:write "two\n"
    fd:close()
    assert.equal("one\ntwo\n", run.read(path))
    fd = process.open(path, "w")
    fd:close()
    assert.equal("", run.read(path))
    assert.has_error(function() process.open(path, "x") end)
    assert.same({ nil, "EISDIR", 21 }, { process.open(folder, "w") })
    run.remove(folder)
  end)

  it("write writes all, and tells what went wrong", function()
    local r, w = process.pipe()
    assert.is_true(process.write(w:pollfd(), ("x"):rep(60000)))
    assert.equal(60000, #r:read(65536))
    assert.same({ nil, "EBADF", 9 }, { process.write(999, "x") })
    assert.same({ nil, "EBADF", 9 }, { process.write(r:pollfd(), "x") })
    r:close()
    w:close()
  end)

  it("fd_type and isatty", function()
    for path, kind in pairs { ["/"] = "dir", ["/dev/null"] = "char", ["/etc/passwd"] = "file" } do
      local fd = process.open(path)
      assert.equal(kind, process.fd_type(fd:pollfd()))
      assert.is_false(process.isatty(fd:pollfd()))
      fd:close()
    end
    assert.same({ nil, "EBADF", 9 }, { process.fd_type(999) })
  end)

  it("getpid, kill and sigmask", function()
    local pid = process.getpid()
    assert.equal(tostring(pid), run.read("/proc/self/stat"):match("^%d+"))
    assert.is_true(process.kill(pid, 0))
    assert.same({ nil, "EINVAL", 22 }, { process.kill(pid, 999) })
    assert.equal(("%016x"):format(tonumber(process.sigmask())),
      run.read("/proc/self/status"):match("SigBlk:%s*(%x+)"))
  end)

  it("the clock goes on and is in seconds", function()
    local before = process.clock()
    core.poll.wait({}, 0.02)
    local took = process.clock() - before
    assert(took >= 0.019 and took < 0.5, took)
  end)
end)
