local fs = require "tidelock.fs"
local schema = require "tidelock.schema"
local spec = require "tidelock.spec"

-- A file of the user's: `return` would be a tail call, which leaves no frame.
local function user(text)
  local chunk = assert(loadstring("local tidelock, fs = ...\nlocal result = " .. text
    .. "\nreturn result", "@ci.lua"))
  return chunk({ spec = spec.new, replace = spec.replace }, fs)
end

local function refusal(text)
  local ok, err = pcall(user, text)
  assert.is_false(ok, text .. " was accepted")
  return tostring(err)
end

-- { source text, the error's text without its second line }
local function refuses(cases)
  for _, case in ipairs(cases) do
    local message, hint = case[2], case[3]
    local expected = message .. "\n  asked for at ci.lua:2" .. (hint and "\n  hint: " .. hint or "")
    assert.equal(expected, refusal(case[1]))
  end
end

local function field(name, text)
  return user("tidelock.spec { " .. name .. " = " .. text .. " }"):fields()[name]
end

describe("schema", function()
  it("describes every field", function()
    local list = schema.describe()
    assert.is_true(#list > 20)
    for _, item in ipairs(list) do
      for _, key in ipairs { "name", "type", "merge", "default", "doc", "wider" } do
        assert.equal("string", type(item[key]), item.name .. "." .. key)
      end
      assert.truthy(("replace key append"):find(item.merge, 1, true))
    end
  end)

  it("prints every field", function()
    local text = schema.text()
    for _, item in ipairs(schema.describe()) do
      assert.truthy(("\n" .. text):find("\n" .. item.name .. ": ", 1, true))
    end
    assert.truthy(text:find([[
net: the network
    accepts  "none", "host"
    default  "none"
    parts    the last one counts
    wider    none < host
]], 1, true))
  end)

  it("has a check for every field", function()
    for _, item in ipairs(schema.list) do
      local module = require("tidelock.schema." .. item.module)
      assert.equal("function", type(module[item.check]), item.name)
    end
  end)

  it("refuses unknown fields", function()
    local text = refusal 'tidelock.spec { timeuot = "1s" }'
    assert.truthy(text:find('^unknown field "timeuot" %(accepted: best_effort, capabilities, '))
    assert.truthy(text:find('\n  asked for at ci.lua:2\n  hint: did you mean "timeout"%?$'))
    assert.truthy(refusal "tidelock.spec { [true] = 1 }":find("^spec: unknown field true"))
    assert.truthy(refusal "tidelock.spec { [1.5] = 1 }":find("^spec: "))
    assert.truthy(refusal "tidelock.spec { [0] = 1 }":find("^spec: unknown field 0"))
  end)
end)

describe("simple fields", function()
  it("take their values", function()
    assert.equal("host", field("net", '"host"'))
    assert.equal(600, field("timeout", '"10m"'))
    assert.equal("1000:100", field("user", '"1000:100"'))
    assert.equal("1000", field("user", "1000"))
    assert.equal("www-data", field("user", '"www-data"'))
    assert.equal("a.b-C9", field("hostname", '"a.b-C9"'))
    assert.equal("./x.bpf", field("seccomp", '"./x.bpf"'))
    assert.is_false(field("init", "false"))
    assert.same({ "make", "", "test" }, field("command", '{ "make", "", "test" }'))
    assert.equal(5, field("stdout", "5"))
    assert.equal(print, spec.new { stderr = print }:fields().stderr)
  end)

  it("refuse others by name, value, what is accepted, and line", function()
    refuses {
      { 'tidelock.spec { net = "hots" }', 'net: "hots" is not accepted (accepted: "none", "host")',
        'did you mean "host"?' },
      { "tidelock.spec { net = true }", 'net: true is not accepted (accepted: "none", "host")' },
      { 'tidelock.spec { view = "all" }',
        'view: "all" is not accepted (accepted: "system", "host", "none")' },
      { "tidelock.spec { init = 1 }", "init: 1 is not a boolean (accepted: true, false)" },
      { 'tidelock.spec { timeout = "12 parsecs" }', 'timeout: "12 parsecs" is not a duration '
        .. "(accepted: 500ms, 30s, 10m, 1m30s, 2h, 1d, seconds as a number)" },
      { 'tidelock.spec { rootfs = "" }', 'rootfs: "" is empty (accepted: a path)' },
      { "tidelock.spec { rootfs = {} }", "rootfs: a table is not a string (accepted: a path)" },
      { 'tidelock.spec { cwd = "/a\\0b" }',
        'cwd: "/a\\x00b" has a NUL byte in it (accepted: a path)' },
      { 'tidelock.spec { cwd = ("x"):rep(5000) }', 'cwd: "' .. ("x"):rep(77)
        .. '..." is 5000 bytes long (accepted: at most 4095 bytes)' },
      { 'tidelock.spec { hostname = "a_b" }', 'hostname: "a_b" is not a host name '
        .. "(accepted: 1 to 64 letters, digits, dots and hyphens)" },
      { 'tidelock.spec { hostname = "\\255\\27[31m" }',
        'hostname: "\\xff\\x1b[31m" is not a host name '
        .. "(accepted: 1 to 64 letters, digits, dots and hyphens)" },
      { 'tidelock.spec { hostname = ("a"):rep(65) }', 'hostname: "' .. ("a"):rep(65)
        .. '" is not a host name (accepted: 1 to 64 letters, digits, dots and hyphens)' },
      { 'tidelock.spec { user = "a:b:c" }', 'user: "a:b:c" is not a user '
        .. '(accepted: "1000", "1000:100", "name", "name:group")' },
      { "tidelock.spec { user = -1 }",
        "user: -1 is not accepted (accepted: a whole number from 0 to 4294967294)" },
      { 'tidelock.spec { user = "4294967295" }', 'user: "4294967295" is not a user '
        .. '(accepted: "1000", "1000:100", "name", "name:group")' },
      { 'tidelock.spec { seccomp = "defualt" }', 'seccomp: "defualt" is not accepted '
        .. '(accepted: "default", "none", a file of compiled BPF)', 'did you mean "default"?' },
      { 'tidelock.spec { stdin = "capture" }', 'stdin: "capture" is not accepted '
        .. '(accepted: "inherit", "null", a descriptor, a function)' },
      { 'tidelock.spec { require = { "drop-group" } }', 'require: "drop-group" is not accepted '
        .. '(accepted: "drop-groups")', 'did you mean "drop-groups"?' },
    }
  end)

  it("refuse a bad command", function()
    refuses {
      { 'tidelock.spec { command = "make test" }',
        'command: "make test" is not a list (accepted: a list of words)',
        'command = { "sh", "-c", "..." } for a line of shell' },
      { "tidelock.spec { command = {} }", "command: has no words (accepted: at least one word)" },
      { 'tidelock.spec { command = { "" } }',
        'command: "" (word 1) is empty (accepted: a program\'s name)' },
      { 'tidelock.spec { command = { "a", 1 } }',
        "command: 1 (word 2) is not a string (accepted: a list of words)" },
      { 'tidelock.spec { command = { "a", "\\0" } }',
        'command: "\\x00" (word 2) has a NUL byte in it (accepted: a list of words)' },
      { 'tidelock.spec { command = { "a", ("x"):rep(1048576) } }',
        "command: word 2 is 1048576 bytes long "
        .. "(accepted: at most 131071, the kernel's limit for one argument)" },
      { 'tidelock.spec { command = { "a", nil, "b" } }',
        "command: a hole: item 2 of 3 is nil (accepted: a list without holes)",
        "a variable or a function's result there is nil" },
    }
  end)
end)

describe("env", function()
  it("takes strings and false", function()
    assert.same({ A = "", B = false, ["a b"] = "x=y" },
      field("env", '{ A = "", B = false, ["a b"] = "x=y" }'))
  end)

  it("refuses names and values that cannot be", function()
    local accepted = " (accepted: a string, or false to take it away)"
    refuses {
      { "tidelock.spec { env = { CI = 1 } }", "env.CI: 1 is not a string" .. accepted,
        'write "1"' },
      { "tidelock.spec { env = { CI = true } }", "env.CI: true is not a string" .. accepted },
      { 'tidelock.spec { env = { CI = "\\0" } }', 'env.CI: "\\x00" has a NUL byte in it'
        .. accepted },
      { 'tidelock.spec { env = { [""] = "x" } }',
        'env: "" is not a name (accepted: a name that is not empty)' },
      { 'tidelock.spec { env = { ["A=B"] = "x" } }',
        'env: "A=B" is not a name (accepted: a name without "=" and NUL bytes)' },
      { 'tidelock.spec { env = { "A=1" } }',
        'env: "A=1" has no name (accepted: { NAME = "value" })' },
      { 'tidelock.spec { env = { A = ("x"):rep(131072) } }', "env.A: is 131074 bytes long "
        .. "(accepted: at most 131071 with its name, the kernel's limit)" },
    }
  end)
end)

describe("capabilities", function()
  it("are known by any spelling", function()
    assert.same({ add = { "NET_ADMIN", "SYS_TIME" }, drop = {} },
      field("capabilities", '{ add = { "cap_net_admin", "NET_ADMIN", "CAP_SYS_TIME" } }'))
  end)

  it("mean what they say with ALL", function()
    assert.same({ add = { "NET_RAW" }, drop = {} },
      field("capabilities", '{ add = { "NET_RAW" }, drop = { "ALL" } }'))
    assert.same({ add = { "ALL" }, drop = { "SYS_ADMIN" } },
      field("capabilities", '{ add = { "all" }, drop = { "SYS_ADMIN" } }'))
  end)

  it("refuse unknown names", function()
    refuses {
      { 'tidelock.spec { capabilities = { add = { "NET_ADMN" } } }',
        'capabilities.add: "NET_ADMN" is not a capability (accepted: the names of capabilities(7), '
        .. 'such as "NET_ADMIN", or "ALL")', 'did you mean "NET_ADMIN"?' },
      { 'tidelock.spec { capabilities = { ad = {} } }',
        'capabilities: unknown field "ad" (accepted: add, drop)' },
      { 'tidelock.spec { capabilities = { "NET_RAW" } }',
        "capabilities: is a list (accepted: { add = {...}, drop = {...} })" },
      { 'tidelock.spec { capabilities = { add = { "KILL" }, drop = { "KILL" } } }',
        'capabilities: "KILL" is both added and dropped (accepted: one of them)' },
    }
  end)

  it("are 41, each with its number", function()
    local capability = require "tidelock.capability"
    assert.equal(41, #capability.list())
    assert.equal("CHOWN", capability.names[0])
    assert.equal(12, capability.number.NET_ADMIN)
    assert.equal(21, capability.number.SYS_ADMIN)
    assert.equal(40, capability.number.CHECKPOINT_RESTORE)
    assert.is_nil(capability.parse "CAP_CAP_KILL")
    assert.is_nil(capability.parse(5))
  end)
end)

describe("rlimits", function()
  it("are pairs of soft and hard", function()
    assert.same({ nofile = { 1024, 1024 }, core = { 0, "unlimited" }, as = { 2 ^ 30, 2 ^ 30 } },
      field("rlimits", '{ nofile = 1024, core = { 0, "unlimited" }, as = "1G" }'))
    assert.same({ nproc = { "unlimited", "unlimited" } }, field("rlimits",
      '{ nproc = "unlimited" }'))
  end)

  it("refuse unknown names and bad values", function()
    refuses {
      { "tidelock.spec { rlimits = { nofiles = 1 } }",
        'rlimits: "nofiles" is not a limit of a process '
        .. "(accepted: as core cpu data fsize locks memlock msgqueue nice nofile nproc rss "
          .. "rttime rtprio "
        .. "sigpending stack)", 'did you mean "nofile"?' },
      { 'tidelock.spec { rlimits = { nofile = "many" } }', 'rlimits.nofile: "many" is not a limit '
        .. '(accepted: a number, "unlimited", { soft, hard })' },
      { 'tidelock.spec { rlimits = { as = "1GB" } }', 'rlimits.as: "1GB" is ambiguous '
        .. '(accepted: a size such as 512M, "unlimited", { soft, hard })',
        "use G or GiB, which are 1024-based" },
      { "tidelock.spec { rlimits = { nofile = { 2, 1 } } }",
        "rlimits.nofile: 2 (soft) is above the hard "
        .. "limit 1 (accepted: a soft limit up to the hard one)" },
      { "tidelock.spec { rlimits = { nofile = { 2 } } }",
        "rlimits.nofile: has 1 values (accepted: { soft, hard })" },
      { "tidelock.spec { rlimits = { nofile = -1 } }", "rlimits.nofile: -1 is not a limit "
        .. '(accepted: a number, "unlimited", { soft, hard })' },
    }
  end)
end)

describe("share", function()
  it("is sorted, and the network is net", function()
    local fields = spec.new { share = { "uts", "network", "ipc", "uts" } }:fields()
    assert.same({ "ipc", "uts" }, fields.share)
    assert.equal("host", fields.net)
  end)

  it("refuses what must be the box's own, with the reason", function()
    local accepted = ' (accepted: "ipc", "uts", "cgroup", "network")'
    refuses {
      { 'tidelock.spec { share = { "pid" } }', 'share: "pid" cannot be shared: without its own, '
        .. "killing the box would not kill all that runs in it" .. accepted },
      { 'tidelock.spec { share = { "net" } }',
        'share: "net" is not a namespace that can be shared' .. accepted,
          'did you mean "network"?' },
      { 'tidelock.spec { share = { "network" }, net = "none" }',
        'net: "none" contradicts share = { "network" } (accepted: one of them)' },
    }
  end)
end)

describe("pass_fds, hooks and ops", function()
  it("are taken", function()
    assert.same({ { fd = 9, target = 3 }, { fd = 5, target = 5 } },
      field("pass_fds", "{ 5, { fd = 9, target = 3 } }"))
    local call = function() end
    assert.same({ { at = "created", call = call, name = "link", origin = "x.lua:1" } },
      spec.new { hooks = { { at = "created", call = call, name = "link",
        origin = "x.lua:1" } } }:fields().hooks)
    assert.same({ { at = "root", op = "sysctl", fields = { "a", "1" }, origin = "ci.lua:2" } },
      field("ops", '{ { at = "root", op = "sysctl", fields = { "a", "1" } } }'))
  end)

  it("are refused in the wrong lane and out of range", function()
    refuses {
      { "tidelock.spec { pass_fds = { 2 } }",
        "pass_fds.fd: 2 is not accepted (accepted: a descriptor from 3 to 1023)" },
      { 'tidelock.spec { hooks = { { at = "root", call = print } } }',
        'hooks.at: "root" is not accepted '
        .. '(accepted: "prepare", "created", "started", "stopped")',
        "no Lua runs in the child: this stage takes operations" },
      { 'tidelock.spec { hooks = { { at = "created" } } }',
        "hooks.call: is missing (accepted: a function)" },
      { 'tidelock.spec { ops = { { at = "created", op = "sysctl" } } }',
        'ops.at: "created" is not accepted '
        .. '(accepted: "mounts", "root", "confine")',
          "this stage is not in the child: it takes hooks" },
    }
    assert.truthy(tostring(select(2, pcall(function()
      local x = spec.new { pass_fds = { { fd = 4, target = 3 }, { fd = 5, target = 3 } } }
      x:fields()
    end))):find("^pass_fds: 3 is the target of two descriptors"))
  end)
end)

describe("signal", function()
  it("is known by name and number", function()
    local signal = require "tidelock.signal"
    for _, value in ipairs { "TERM", "SIGTERM", "term", 15, "15" } do
      assert.equal(15, signal.parse(value))
    end
    assert.equal(36, signal.parse "RTMIN+2")
    assert.equal(63, signal.parse "SIGRTMAX-1")
    assert.equal("TERM", signal.name(15))
    assert.equal("RTMIN+2", signal.name(36))
    for _, value in ipairs { "TREM", "", "RTMIN+99", 0, 65, 1.5, -1, "RTMIN2", {}, "0" } do
      assert.is_nil(signal.parse(value))
    end
  end)
end)
