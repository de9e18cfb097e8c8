local fake = require "spec.golden.fake_host"

describe("namespaces", function()
  it("are all new, sorted", function()
    assert.same({ "cgroup", "ipc", "mount", "network", "pid", "user", "uts" },
      fake.norm({}).namespaces)
  end)

  it("are fewer by those that are shared", function()
    local norm = fake.norm { share = { "uts", "ipc" }, net = "host" }
    assert.same({ "cgroup", "mount", "pid", "user" }, norm.namespaces)
    assert.is_nil(norm.hostname)
  end)

  it("that make the box cannot be shared", function()
    assert.matches('"pid" cannot be shared', fake.refusal { share = { "pid" } }, 1, true)
    assert.matches('"nets" is not a namespace', fake.refusal { share = { "nets" } }, 1, true)
  end)

  it("of the host's keep their host name", function()
    assert.matches("would rename the host", fake.refusal { share = { "uts" }, hostname = "x" }, 1,
      true)
  end)
end)

describe("capabilities", function()
  it("are none", function() assert.same({}, fake.norm({}).capabilities) end)

  it("are added and dropped by name, sorted", function()
    local norm = fake.norm { capabilities = { add = { "NET_RAW", "CHOWN", "KILL" },
      drop = { "KILL" } } }
    assert.same({ "CHOWN", "NET_RAW" }, norm.capabilities)
  end)

  it("can be all but some", function()
    local norm = fake.norm {
      capabilities = { add = { "ALL" }, drop = { "SYS_ADMIN" } }, force = true }
    assert.equal(40, #norm.capabilities)
  end)

  it("with a name that does not exist are refused with the nearest", function()
    local message = fake.refusal { capabilities = { add = { "NET_ADMN" } } }
    assert.matches('"NET_ADMN" is not a capability', message, 1, true)
    assert.matches("NET_ADMIN", message, 1, true)
  end)

  it("that the kernel does not know are refused", function()
    assert.matches("is not known to this kernel", fake.refusal(
      { capabilities = { add = { "CHECKPOINT_RESTORE" } } }, fake.new { last_cap = 39 }), 1, true)
  end)

  it("with SYS_ADMIN or SYS_PTRACE need force, and are spoken of", function()
    for name, why in pairs { SYS_ADMIN = "read-only mounts writable", SYS_PTRACE = "PID 1" } do
      assert.matches(why, fake.refusal { capabilities = { add = { name } } }, 1, true)
      local norm = fake.norm { capabilities = { add = { name } }, force = true }
      assert.matches(name, norm.notes[1].text, 1, true)
    end
  end)
end)

describe("resource limits", function()
  it("have a number, a soft and a hard limit, and an order", function()
    local list = fake.norm({ rlimits = { nofile = { 10, 20 }, core = 0 } }).rlimits
    assert.same({ name = "core", resource = 4, soft = 0, hard = 0, origin = "ci.lua:1" }, list[1])
    assert.same({ name = "nofile", resource = 7, soft = 10, hard = 20, origin = "ci.lua:1" },
      list[2])
  end)

  it("can be unlimited where the caller is", function()
    local facts = fake.new { }
    facts.rlimit = function() return math.huge, math.huge end
    local list = fake.norm({ rlimits = { core = "unlimited" } }, facts).rlimits
    assert.equal("0xffffffffffffffff", list[1].hard)
  end)

  it("cannot be raised", function()
    assert.matches('rlimits.nofile: "5000" is above the caller\'s own hard limit 4096',
      fake.refusal { rlimits = { nofile = 5000 } }, 1, true)
    assert.matches('"unlimited" is above', fake.refusal { rlimits = { nofile = "unlimited" } }, 1,
      true)
  end)

  it("have names", function()
    local message = fake.refusal { rlimits = { nofiles = 1 } }
    assert.matches("is not a resource limit", message, 1, true)
    assert.matches('did you mean "nofile"?', message, 1, true)
  end)
end)

describe("descriptors", function()
  it("that are directories are refused", function()
    assert.matches("is a directory, by which the command could leave the box",
      fake.refusal { pass_fds = { { fd = 7, target = 7 } } }, 1, true)
    assert.matches("is a directory", fake.refusal { stdin = 7 }, 1, true)
  end)

  it("are one terminal, or three streams", function()
    local norm = fake.norm { tty = true, stdin = "inherit" }
    assert.same({ rows = 24, columns = 80 }, norm.tty)
    assert.is_nil(fake.norm({ tty = false, stdout = "null" }).tty)
    for _, name in ipairs { "stdin", "stdout", "stderr" } do
      assert.matches(name .. ': "null" cannot be had with tty', fake.refusal { tty = true,
        [name] = "null" }, 1, true)
    end
  end)

  it("must be open, have one target each, and leave the standard streams alone", function()
    assert.matches("is not an open descriptor", fake.refusal { pass_fds = { { fd = 30 } } }, 1,
      true)
    assert.matches("is given to two", fake.refusal { pass_fds = { { fd = 4, target = 9 },
      { fd = 5, target = 9 } } }, 1, true)
    assert.matches("is a standard stream", fake.refusal { pass_fds = { { fd = 4, target = 1 } } },
      1, true)
  end)
end)

describe("the environment", function()
  local function env(fields, facts) return table.concat(fake.norm(fields, facts).env, " ") end

  it("is reduced and sorted", function()
    assert.equal("HOME=/home/alice LANG=C.UTF-8 LC_TIME=C PATH=/usr/local/bin:/usr/bin:/bin "
      .. "TERM=xterm TZ=UTC USER=alice", env {})
  end)

  it("agrees with the user", function()
    assert.matches("HOME=/usr/games .*USER=games", env({ user = "games" }, fake.root()))
  end)

  it("is kept, cleared, added to and taken from", function()
    assert.matches("SECRET=x", env { env_keep = "all" }, 1, true)
    assert.equal("A=1", env { env_keep = "none", env = { A = "1" } })
    assert.is_nil(env({ env = { TZ = false } }):find("TZ", 1, true))
  end)

  it("has another PATH in a rootfs", function()
    assert.matches("PATH=/usr/local/sbin:/usr/local/bin:", env { rootfs = "/images/debian" }, 1,
      true)
  end)
end)

describe("the command", function()
  local function paths(command, path)
    return fake.norm({ command = { command }, env = { PATH = path } }).exec_paths
  end

  it("is looked for in PATH, in order", function()
    assert.same({ "/usr/local/bin/make", "/usr/bin/make", "/bin/make" }, paths "make")
  end)

  it("is itself when it has a slash", function()
    assert.same({ "./make" }, paths "./make")
  end)

  it("is never looked for in the current directory", function()
    assert.same({ "/bin/make" }, paths("make", ":.:bin:/bin/:"))
    assert.matches("PATH has no absolute directory",
      fake.refusal { command = { "make" }, env = { PATH = ":." } }, 1, true)
  end)
end)

describe("the filter", function()
  it("is kept as bytes with its name", function()
    assert.equal(8, #fake.norm({}).seccomp.filter)
    assert.same({ name = "none" }, fake.norm({ seccomp = "none" }).seccomp)
  end)

  it("that cannot be used is refused", function()
    assert.matches('seccomp: "/x" cannot be used: no such file', fake.refusal { seccomp = "/x" },
      1, true)
  end)
end)
