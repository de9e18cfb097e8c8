-- core.landlock and core.seccomp: rights that a process takes from itself.
local child = require "spec.support.child"
local core = require "tidelock.core"
local run = require "spec.support.run"

local landlock, seccomp, prctl, file, process =
  core.landlock, core.seccomp, core.prctl, core.file, core.process

local abi, missing = landlock.abi()

local function reads(path)
  local fd, code = process.open(path)
  if fd then fd:close() end
  return fd and "read" or code
end

describe("core.landlock", function()
  it("tells the ABI, or why there is none", function()
    assert(abi or missing == "ENOSYS" or missing == "EOPNOTSUPP", missing)
  end)

  it("knows the rights of each ABI", function()
    assert.equal(13, #landlock.access(1).fs)
    assert.same({}, landlock.access(3).net)
    assert.equal("truncate", landlock.access(3).fs[15])
    assert.same({ "bind_tcp", "connect_tcp" }, landlock.access(4).net)
    assert.equal("ioctl_dev", landlock.access(5).fs[16])
    assert.same({ "abstract_unix_socket", "signal" }, landlock.access(6).scoped)
    if abi then
      assert.same(landlock.access(abi), landlock.access())
      assert(landlock.create_ruleset(landlock.access())):close()
    end
  end)

  it("denies what no rule gives", function()
    if not abi then return end
    local folder = run.folder()
    run.write(folder .. "/file", "x")
    local answers = child.call(function()
      local rules = assert(landlock.create_ruleset { fs = landlock.access().fs })
      local dir = assert(file.openat2(nil, folder, { flags = { "path", "directory" } }))
      assert(landlock.add_rule(rules, "path_beneath", dir, { "read_file", "read_dir" }))
      assert(prctl.set_no_new_privs())
      local before = reads "/etc/passwd"
      assert(landlock.restrict_self(rules))
      return { before, reads "/etc/passwd", reads(folder .. "/file"),
        (select(2, process.open(folder .. "/new", "w"))) }
    end)
    run.remove(folder)
    assert.same({ "read", "EACCES", "read", "EACCES" }, answers)
  end)

  it("takes rules for ports, and scopes", function()
    if not abi or abi < 4 then return end
    assert.is_true((child.call(function()
      local rules = assert(landlock.create_ruleset { net = { "bind_tcp", "connect_tcp" } })
      assert(landlock.add_rule(rules, "net_port", 443, "connect_tcp"))
      prctl.set_no_new_privs()
      return landlock.restrict_self(rules)
    end)))
    if abi >= 6 then
      assert.same({ nil, "EPERM", 1 }, { child.call(function()
        local rules = assert(landlock.create_ruleset { scoped = "signal" })
        prctl.set_no_new_privs()
        assert(landlock.restrict_self(rules))
        return process.kill(process.getppid(), 0)
      end) })
    end
  end)

  it("gives errors as values, and refuses names that are none", function()
    if not abi then return end
    assert.same({ nil, "ENOMSG", 42 }, { landlock.create_ruleset {} })
    local rules = landlock.create_ruleset { fs = "execute" }
    local root = file.openat2(nil, "/")
    assert.same({ nil, "EINVAL", 22 },
      { landlock.add_rule(rules, "path_beneath", root, "read_file") })
    assert.has_error(function() landlock.add_rule(rules, "path", root, "execute") end)
    assert.has_error(function() landlock.add_rule(rules, "path_beneath", root, "exec") end)
    assert.has_error(function() landlock.create_ruleset { fs = { "read" } } end)
    assert.has_error(function() landlock.create_ruleset { files = {} } end)
    assert.same({ nil, "EPERM", 1 }, { child.call(function()
      core.capability.capset { effective = {} }
      return landlock.restrict_self(rules)
    end) })
    rules:close()
    root:close()
  end)
end)

describe("core.seccomp", function()
  local function program(names, action)
    return assert(core.filter.compile {
      otherwise = "allow", bad_arch = "kill", unknown = "allow",
      rules = { { names = names, action = action } },
    })
  end

  it("loads a filter that core.filter compiled", function()
    local deny = program({ "sethostname" }, "errno:EXDEV")
    assert.same({ true, nil, "EXDEV", 18 }, { child.call(function()
      prctl.set_no_new_privs()
      return seccomp.set_mode_filter(deny), core.uts.sethostname "x"
    end) })
    local kill = program({ "sethostname" }, "kill")
    local killed = process.child(function()
      prctl.set_no_new_privs()
      seccomp.set_mode_filter(kill, { "log", "tsync" })
      core.uts.sethostname "x"
    end):wait(5)
    assert.equal("SYS", killed.signal)
  end)

  it("loads the default filter, under which a program runs", function()
    local default = assert(require("tidelock.seccomp.cache").load({}, nil, core))
    local ended = process.child(function()
      prctl.set_no_new_privs()
      assert(seccomp.set_mode_filter(default))
      process.execve("/bin/true", { "true" }, {})
    end):wait(5)
    assert.same({ "exited", 0 }, { ended.code, ended.status })
  end)

  it("gives the listener as a descriptor that closes at exec", function()
    local notify = program({ "sethostname" }, "notify")
    local flags, events = child.call(function()
      prctl.set_no_new_privs()
      local listener = assert(seccomp.set_mode_filter(notify, "new_listener"))
      return run.read("/proc/self/fdinfo/" .. listener:pollfd()):match("flags:%s*(%d+)"),
        #core.poll.wait({ listener }, 0)
    end)
    assert.equal("2", flags:sub(-7, -7))
    assert.equal(0, events)
  end)

  it("tells which actions there are", function()
    for _, name in ipairs { "kill_process", "errno", "allow", "log", "trap", "user_notif" } do
      assert.is_true(seccomp.get_action_avail(name))
    end
    assert.has_error(function() seccomp.get_action_avail "deny" end)
  end)

  it("tells how large a notification is", function()
    assert.same({ notif = 80, response = 24, data = 64 }, seccomp.get_notif_sizes())
  end)

  it("gives errors as values, and refuses what is no program", function()
    local deny = program({ "sethostname" }, "errno:EPERM")
    assert.same({ nil, "EACCES", 13 }, { child.call(function()
      core.capability.capset { effective = {} }
      return seccomp.set_mode_filter(deny)
    end) })
    assert.same({ nil, "EINVAL", 22 }, { child.call(function()
      prctl.set_no_new_privs()
      return seccomp.set_mode_filter(("\255"):rep(8))
    end) })
    for _, bad in ipairs { "", "1234567", ("x"):rep(8 * 4097) } do
      assert.has_error(function() seccomp.set_mode_filter(bad) end)
    end
    assert.has_error(function() seccomp.set_mode_filter(deny, "listener") end)
  end)
end)
