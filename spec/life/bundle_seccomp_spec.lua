-- linux.seccomp of a bundle, and the rights that a filter without no_new_privs needs for a moment.
local bundles = require "spec.support.bundle"
local cjson = require "cjson"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("the filter of a bundle", function()
  local folder, before

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before) end)

  local function root_only()
    if run.who() ~= "root" then run.skip "needs root" end
  end

  local function filtered(profile, script, change)
    return bundles.run(folder, script, function(config)
      config.linux.seccomp = profile
      if change then change(config) end
    end)
  end

  local function deny(names, action, more)
    local rule = { names = names, action = action or "SCMP_ACT_ERRNO" }
    for name, value in pairs(more or {}) do rule[name] = value end
    return { defaultAction = "SCMP_ACT_ALLOW", architectures = { "SCMP_ARCH_X86_64" },
      syscalls = { rule } }
  end

  it("refuses what it says, with the errno that it says", function()
    local result = filtered(deny({ "mkdir", "mkdirat" }, nil, { errnoRet = 38 }), "mkdir /tmp/x")
    assert.matches("Function not implemented", result.stderr)
    result = filtered(deny { "mkdir", "mkdirat" }, "mkdir /tmp/x; grep Seccomp: /proc/self/status")
    assert.matches("Operation not permitted", result.stderr)
    assert.equal("Seccomp:\t2\n", result.stdout)
  end)

  it("kills, and the report says that it did", function()
    local result = filtered(deny({ "mkdir", "mkdirat" }, "SCMP_ACT_KILL_PROCESS"),
      "exec /bin/mkdir /tmp/x")
    assert.equal(159, result.status)
    assert.matches("the seccomp filter refused a system call", result.stderr)
  end)

  it("is the engines' own, for three architectures", function()
    local engine = cjson.decode((run.read "spec/support/oci/engine-config.json"))
    local result = filtered(engine.linux.seccomp, "mkdir /tmp/x; umount /proc; unshare -r true",
      function(config)
        table.insert(config.mounts, bundles.mount("/tmp", "tmpfs", "tmpfs"))
      end)
    assert.matches("umount: .*Operation not permitted", result.stderr)
    assert.is_nil(result.stderr:find("mkdir", 1, true))
  end)

  it("may be any that leaves the way to execve open, also one that kills capset", function()
    for _, privileges in ipairs { true, false } do
      local result = filtered(deny({ "capset", "seccomp", "close_range", "capget" },
        "SCMP_ACT_KILL_PROCESS"), "echo fine",
        function(config) config.process.noNewPrivileges = privileges end)
      assert.equal("", result.stderr)
      assert.equal("fine\n", result.stdout)
    end
    local result = filtered(deny({ "execve" }, "SCMP_ACT_KILL_PROCESS"), "true")
    assert.equal(125, result.status)
    assert.matches("linux%.seccomp: the filter would stop the command from starting", result.stderr)
  end)

  it("is loaded without no_new_privs, and leaves no right that config.json does not give",
    function()
    local function status(uid, ambient)
      local result = filtered(deny { "mkdir" },
        "grep -e Cap -e NoNew -e Seccomp: /proc/self/status",
        function(config)
          config.process.noNewPrivileges = false
          config.process.user = { uid = uid, gid = uid }
          for _, set in pairs(config.process.capabilities) do set[1], set[2], set[3] = nil, nil,
            nil end
          for _, name in ipairs { "bounding", "effective", "permitted" } do
            config.process.capabilities[name] = { "CAP_KILL", "CAP_CHOWN" }
          end
          for _, name in ipairs { "inheritable", "ambient" } do
            config.process.capabilities[name] = ambient and { "CAP_KILL" } or cjson.empty_array
          end
        end)
      assert.equal("", result.stderr)
      return (result.stdout:gsub("\t", ""))
    end
    local both, kill, none = "0000000000000021", "0000000000000020", "0000000000000000"
    local function expected(inheritable, permitted, ambient)
      return ("CapInh:%s\nCapPrm:%s\nCapEff:%s\nCapBnd:%s\nCapAmb:%s\nNoNewPrivs:0\nSeccomp:2\n")
        :format(inheritable, permitted, permitted, both, ambient)
    end
    assert.equal(expected(none, both, none), status(0, false))
    root_only()
    assert.equal(expected(none, none, none), status(1000, false))
    assert.equal(expected(kill, kill, kill), status(1000, true))
  end)

  -- PID 1 of a pid namespace, which may make no system call any more to say so.
  it("does not keep the end from being told when there is nothing to execute", function()
    local result = bundles.run(folder, { "/bin/nosuch" }, function(config)
      config.linux.seccomp = deny({ "exit_group", "exit", "kill", "write" },
        "SCMP_ACT_KILL_PROCESS")
    end)
    assert.equal(127, result.status)
    assert.matches("process%.args", result.stderr)
  end)

  it("that asks for a listener is refused by name", function()
    local profile = deny { "mkdir" }
    profile.listenerPath = "/run/listener.sock"
    local result = filtered(profile, "true")
    assert.equal(125, result.status)
    assert.matches("linux%.seccomp%.listenerPath", result.stderr)
    assert.matches("asked for at .-config%.json", result.stderr)
  end)

  it("that names no action or a wrong one is told which", function()
    for change, text in pairs {
      [function(p) p.defaultAction = nil end] = "linux%.seccomp%.defaultAction",
      [function(p) p.syscalls[1].action = "SCMP_ACT_MAYBE" end] =
        "linux%.seccomp%.syscalls%[0%]%.action",
      [function(p) p.syscalls[1].args = { { index = 9, value = 0, op = "SCMP_CMP_EQ" } } end] =
        "linux%.seccomp%.syscalls%[0%]%.args%[0%]%.index",
      [function(p) p.architectures = { "SCMP_ARCH_PDP11" } end] =
        "linux%.seccomp%.architectures%[0%]",
    } do
      local profile = deny { "mkdir" }
      change(profile)
      local result = filtered(profile, "true")
      assert.equal(125, result.status)
      assert.matches(text, result.stderr)
    end
  end)

  it("may have properties that nobody knows", function()
    local profile = deny { "mkdir" }
    profile.future, profile.syscalls[1].comment = { 1 }, "why"
    assert.equal(0, filtered(profile, "true").status)
  end)
end)
