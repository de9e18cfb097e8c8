-- core.file and core.pty: files by descriptor, and terminals.
local child = require "spec.support.child"
local core = require "tidelock.core"
local run = require "spec.support.run"

local file, pty, process = core.file, core.pty, core.process

local function cloexec(fd)
  local flags = run.read("/proc/self/fdinfo/" .. fd:pollfd()):match("flags:%s*(%d+)")
  return #flags >= 7 and flags:sub(-7, -7) == "2"
end

local function code_of(_, code) return code end

describe("core.file.openat2", function()
  local folder, dir
  setup(function()
    folder = run.folder()
    os.execute(("cd %s && mkdir in && echo x > in/f && echo o > out && ln -s ../out in/up && "
      .. "ln -s f in/link && ln -s /out in/abs"):format(folder))
    dir = assert(file.openat2(nil, folder .. "/in", { flags = { "path", "directory" } }))
  end)
  teardown(function()
    dir:close()
    run.remove(folder)
  end)

  it("opens, makes and closes at exec", function()
    local fd = assert(file.openat2(dir, "new", { flags = { "rdwr", "creat", "excl" }, mode = 416 }))
    assert.is_true(cloexec(fd))
    assert.equal(2, fd:write "ab")
    local stat = file.fstat(fd)
    assert.same({ "file", 416, 2, 1 }, { stat.type, stat.mode, stat.size, stat.nlink })
    assert.equal("EEXIST", code_of(file.openat2(dir, "new", {
      flags = { "wronly", "creat", "excl" }, mode = 416,
    })))
    fd:close()
    assert.is_true(file.unlinkat(dir, "new"))
    assert.same({ nil, "ENOENT", 2 }, { file.openat2(dir, "new") })
  end)

  it("resolves as it is told", function()
    local function try(path, resolve)
      local fd, code = file.openat2(dir, path, { resolve = resolve })
      if not fd then return code end
      local text = fd:read()
      fd:close()
      return text
    end
    assert.equal("o\n", try "up")
    assert.equal("EXDEV", try("up", "beneath"))
    assert.equal("EXDEV", try("../out", { "beneath" }))
    assert.equal("EXDEV", try("abs", "beneath"))
    assert.equal("ENOENT", try("up", { "in_root", "no_magiclinks" }))
    assert.equal("x\n", try("link", "beneath"))
    assert.equal("ELOOP", try("link", "no_symlinks"))
    assert.equal("ELOOP", try("/proc/self/exe", "no_magiclinks"))
    assert.equal("EXDEV", try("/proc/self/status", "no_xdev"))
  end)

  it("refuses what is none", function()
    for _, bad in ipairs { { flags = "readonly" }, { resolve = "root" }, { mode = -1 },
      { mode = 4096 }, { flag = {} } } do
      assert.has_error(function() file.openat2(dir, "f", bad) end)
    end
    assert.same({ nil, "EINVAL", 22 }, { file.openat2(dir, "f", { mode = 384 }) })
    assert.same({ nil, "ENOTDIR", 20 }, { file.openat2(dir, "f", { flags = "directory" }) })
  end)

  it("mkdirat, symlinkat, unlinkat, chdir, fchdir and umask", function()
    assert.same({ true, 448, "f", folder .. "/in/made", folder .. "/in" }, { child.call(function()
      assert.equal(18, (file.umask(63)))
      local made = file.mkdirat(dir, "made")
      local fd = file.openat2(dir, "made")
      file.symlinkat("f", fd, "l")
      assert(file.chdir(folder .. "/in/made"))
      local first = core.host.getcwd()
      file.fchdir(dir)
      return made, file.fstat(fd).mode, core.host.readlink(folder .. "/in/made/l"), first,
        (core.host.getcwd())
    end) })
    assert.equal("ENOTEMPTY", code_of(file.unlinkat(dir, "made", "removedir")))
    assert.is_true(file.unlinkat(dir, "made/l"))
    assert.is_true(file.unlinkat(dir, "made", "removedir"))
    assert.same({ nil, "ENOENT", 2 }, { file.chdir(folder .. "/in/made") })
  end)
end)

describe("core.file", function()
  it("userfaultfd is for every user in user mode", function()
    local fd, code = file.userfaultfd { "nonblock", "user_mode_only" }
    if not fd then
      assert.equal("ENOSYS", code)
      run.skip "needs a kernel with userfaultfd for ordinary users"
    end
    assert.matches("userfaultfd", core.host.readlink("/proc/self/fd/" .. fd:pollfd()), 1, true)
    fd:close()
    assert.has_error(function() file.userfaultfd "wrong" end)
  end)

  it("memfd_create makes a file that can be sealed", function()
    local fd = assert(file.memfd_create("name", "allow_sealing"))
    assert.is_true(cloexec(fd))
    assert.matches("/memfd:name", core.host.readlink("/proc/self/fd/" .. fd:pollfd()), 1, true)
    fd:write "sealed"
    assert.same({}, file.get_seals(fd))
    assert.is_true(file.add_seals(fd, { "write", "grow", "shrink" }))
    assert.same({ nil, "EPERM", 1 }, { fd:write "more" })
    assert.is_true(file.add_seals(fd, "seal"))
    assert.same({ "seal", "shrink", "grow", "write" }, file.get_seals(fd))
    assert.same({ nil, "EPERM", 1 }, { file.add_seals(fd, "future_write") })
    fd:close()
    local plain = file.memfd_create "plain"
    assert.same({ "seal" }, file.get_seals(plain))
    plain:close()
    assert.same({ nil, "EINVAL", 22 }, { file.memfd_create(("x"):rep(250)) })
    assert.has_error(function() file.memfd_create("x", "seal") end)
    local null = process.open "/dev/null"
    assert.same({ nil, "EINVAL", 22 }, { file.get_seals(null) })
    null:close()
  end)

  it("a memfd can be executed by descriptor alone", function()
    local ended = process.child(function()
      local fd, text = file.memfd_create "true", run.read "/bin/true"
      process.write(fd:pollfd(), text)
      process.execveat(fd, nil, { "true" }, {})
    end):wait(5)
    assert.same({ "exited", 0 }, { ended.code, ended.status })
  end)

  it("dup makes a second descriptor that closes at exec; dup2 takes a number and does not",
    function()
      local r, w = process.pipe()
      local second = file.dup(r, 50)
      assert(second:pollfd() >= 50)
      assert.is_true(cloexec(second))
      w:write "x"
      assert.equal("x", second:read(1))
      assert.is_true(file.dup2(w, 60))
      assert.is_false(cloexec { pollfd = function() return 60 end })
      assert.is_true(file.close_range(60, 60))
      assert.same({ nil, "EBADF", 9 }, { process.fd_type(60) })
      assert.is_true(file.dup2(w, w:pollfd()))
      assert.is_false(cloexec(w))
      for _, fd in ipairs { r, w, second } do fd:close() end
      assert.same({ nil, "EBADF", 9 }, { file.dup(999) })
    end)

  it("close_range closes, or marks for exec", function()
    assert.same({ true, true, "fifo", true, "EBADF" }, { child.call(function()
      local r = process.pipe()
      assert(file.dup2(r, 100))
      local marked = file.close_range(100, nil, "cloexec")
      local closes = cloexec { pollfd = function() return 100 end }
      local before = process.fd_type(100)
      return marked, closes, before, file.close_range(100), (select(2, process.fd_type(100)))
    end) })
    assert.same({ nil, "EINVAL", 22 }, { file.close_range(5, 4) })
    assert.has_error(function() file.close_range(-1) end)
  end)

  it("fstat tells types", function()
    for path, kind in pairs { ["/"] = "dir", ["/dev/null"] = "char", ["/etc/passwd"] = "file" } do
      local fd = file.openat2(nil, path)
      local stat, other = file.fstat(fd), core.host.stat(path)
      assert.equal(kind, stat.type)
      assert.same({ other.ino, other.dev, other.uid }, { stat.ino, stat.dev, stat.uid })
      fd:close()
    end
  end)
end)

describe("core.pty", function()
  it("openpty gives both sides, of the size that is asked for", function()
    local master, slave = pty.openpty { rows = 24, cols = 80 }
    assert.is_true(cloexec(master))
    assert.is_true(cloexec(slave))
    assert.is_true(process.isatty(slave:pollfd()))
    assert.equal(core.host.readlink("/proc/self/fd/" .. slave:pollfd()), pty.ptsname(master))
    assert.same({ rows = 24, cols = 80, xpixel = 0, ypixel = 0 }, pty.tcgetwinsize(slave))
    assert.is_true(pty.tcsetwinsize(master, { rows = 50, cols = 132, xpixel = 1, ypixel = 2 }))
    assert.same({ rows = 50, cols = 132, xpixel = 1, ypixel = 2 }, pty.tcgetwinsize(slave))
    slave:write "out\n"
    assert.equal("out\r\n", master:read())
    master:close()
    slave:close()
  end)

  it("raw passes every character on, and the modes come back", function()
    local master, slave = pty.openpty()
    local before = assert(pty.raw(slave))
    local during = pty.tcgetattr(slave)
    slave:write "out\n"
    assert.equal("out\n", master:read())
    master:write "\3\4"
    assert.equal("\3\4", slave:read())
    assert.equal(during, pty.cfmakeraw(before))
    assert.is_true(pty.tcsetattr(slave, before, "now"))
    assert.equal(before, pty.tcgetattr(slave))
    assert.not_equal(before, during)
    master:close()
    slave:close()
  end)

  it("is the controlling terminal of a session", function()
    local master, slave = pty.openpty()
    local c = process.child(function()
      assert(process.setsid())
      process.signal("INT", "default") -- stock luajit has a handler
      assert(pty.set_controlling(slave))
      assert(pty.tcgetpgrp(slave) == process.getpid())
      assert(pty.tcsetpgrp(slave, process.getpid()))
      slave:write "ready\n"
      core.poll.wait({}, 10)
    end)
    assert.equal("ready\r\n", master:read())
    master:write "\3"
    assert.equal("INT", c:wait(5).signal)
    master:close()
    slave:close()
  end)

  it("gives errors as values, and refuses what is none", function()
    local r, w = process.pipe()
    for _, name in ipairs { "tcgetattr", "tcgetwinsize", "raw", "tcgetpgrp", "ptsname",
      "set_controlling" } do
      assert.same({ nil, "ENOTTY", 25 }, { pty[name](r) }, name)
    end
    r:close()
    w:close()
    assert.same({ nil, "ENOENT", 2 }, { pty.openpty(nil, "/dev/absent") })
    assert.same({ nil, "ENOTTY", 25 }, { pty.openpty(nil, "/dev/null") })
    assert.has_error(function() pty.openpty { rows = 65536 } end)
    assert.has_error(function() pty.openpty { row = 1 } end)
    assert.has_error(function() pty.tcsetattr(0, "short") end)
    assert.has_error(function() pty.cfmakeraw "" end)
  end)
end)
