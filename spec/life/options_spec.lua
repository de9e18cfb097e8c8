-- The options of `tidelock run` for environment, identity, rights and limits.
local box = require "spec.support.box"
local run = require "spec.support.run"

local function names(options, settings)
  local list = {}
  for line in box.run({ "env" }, options, settings).stdout:gmatch("[^\n]+") do
    list[line:match("^([%w_]+)=")] = line:match("=(.*)$")
  end
  return list
end

describe("the environment", function()
  it("is reduced to PATH TERM LANG LC_* TZ HOME USER", function()
    local env = names(nil, { env = {
      SECRET = "1", TERM = "vt100", LANG = "C", LC_TIME = "C", TZ = "UTC", LD_PRELOAD_X = "1",
      HOSTNAME = "h", SSH_AUTH_SOCK = "/x", XDG_RUNTIME_DIR = os.getenv "XDG_RUNTIME_DIR" or "/tmp",
    } })
    for name in pairs(env) do
      assert(name:match("^LC_") or name:match("^PATH$") or name:match("^TERM$")
        or name:match("^LANG$") or name:match("^TZ$") or name:match("^HOME$")
        or name:match("^USER$"), name .. " came through")
    end
    assert.same({ "vt100", "C", "C", "UTC" }, { env.TERM, env.LANG, env.LC_TIME, env.TZ })
    assert.equal(run.run("getent passwd $(id -u) | cut -d: -f1,6").stdout,
      env.USER .. ":" .. env.HOME .. "\n")
  end)

  it("-e and --env set a variable or pass one on, and never invent one", function()
    local env = names({ "-e", "A=1", "--env", "B=x y=z", "-e", "SECRET", "-e", "MISSING", "-eC=3" },
      { env = { SECRET = "s" } })
    assert.same({ "1", "x y=z", "s", "3" }, { env.A, env.B, env.SECRET, env.C })
    assert.is_nil(env.MISSING)
  end)

  it("--env-file reads NAME=VALUE lines, without comments and empty ones", function()
    local folder = run.folder()
    run.write(folder .. "/env", "# comment\nA=1\n\nB=two words\r\nSECRET\n")
    local env = names({ "--env-file", folder .. "/env" }, { env = { SECRET = "s" } })
    assert.same({ "1", "two words", "s" }, { env.A, env.B, env.SECRET })
    run.remove(folder)
  end)

  it("--keep-env keeps all but HOME and USER, --clear-env keeps none", function()
    local env = names({ "--keep-env" }, { env = { SECRET = "s", HOME = os.getenv "HOME" } })
    assert.equal("s", env.SECRET)
    assert.same({ A = "1" }, names { "--clear-env", "-e", "A=1" })
  end)

  it("finds the command in the PATH that it gives, absolute folders only", function()
    local folder = run.folder()
    run.write(folder .. "/tool", "#!/bin/sh\necho own\n")
    os.execute("chmod 755 " .. folder .. "/tool")
    assert.equal("own\n", box.run({ "tool" }, { "-e", "PATH=" .. folder .. ":/usr/bin" },
      { cwd = folder }).stdout)
    assert.equal(127, box.run({ "tool" }, { "-e", "PATH=.::/usr/bin" }, { cwd = folder }).status)
    assert.equal("own\n", box.run({ "./tool" }, nil, { cwd = folder }).stdout)
    run.remove(folder)
  end)
end)

describe("names, rights and namespaces", function()
  it("--hostname sets the host name inside only", function()
    local before = run.run("hostname").stdout
    assert.equal("build-7", box.prints("hostname", { "--hostname", "build-7" }))
    assert.equal(before, run.run("hostname").stdout)
  end)

  it("--net host shows the host's links, none shows lo only", function()
    local count = "tail -n +3 /proc/net/dev | wc -l"
    assert.equal(run.run(count).stdout, box.prints(count, { "--net", "host" }) .. "\n")
    assert.equal("1", box.prints(count, { "--net", "none" }))
  end)

  it("--share keeps a namespace of the host's, and only that", function()
    for option, file in pairs { ipc = "ipc", uts = "uts", cgroup = "cgroup", network = "net" } do
      assert.equal(run.run("readlink /proc/self/ns/" .. file).stdout,
        box.prints("readlink /proc/self/ns/" .. file, { "--share", option }) .. "\n")
      assert.not_equal(run.run("readlink /proc/self/ns/pid").stdout,
        box.prints("readlink /proc/self/ns/pid", { "--share", option }) .. "\n")
    end
  end)

  it("--share refuses the namespaces without which there is no box", function()
    for _, name in ipairs { "pid", "mount", "user" } do
      local result = box.run({ "true" }, { "--share", name })
      assert.equal(125, result.status)
      assert.matches(name, result.stderr)
    end
  end)

  it("--cap-add gives a capability, --cap-drop takes it away", function()
    local function effective(options)
      return tonumber(box.prints("sed -n 's/CapEff:\\s*//p' /proc/self/status", options), 16)
    end
    assert.equal(2 ^ 12, effective { "--cap-add", "NET_ADMIN" })
    assert.equal(2 ^ 12 + 2 ^ 10, effective { "--cap-add", "net_admin,CAP_NET_BIND_SERVICE" })
    assert.equal(0, effective { "--cap-add", "NET_ADMIN", "--cap-drop", "NET_ADMIN" })
    assert.equal(0, effective { "--cap-drop", "ALL" })
    local all = effective { "--cap-add", "ALL", "--cap-drop", "SYS_ADMIN", "--force" }
    assert(all > 2 ^ 36 and math.floor(all / 2 ^ 21) % 2 == 0)
  end)

  it("--cap-add works for what it is for", function()
    local up = "ip link add dummy0 type dummy 2>/dev/null || ip addr add 10.9.9.9/24 dev lo"
    if not run.has "ip" then up = "hostname changed" end
    local option = run.has "ip" and "NET_ADMIN" or "SYS_ADMIN"
    assert.equal(0, box.sh(up, { "--cap-add", option, "--force" }).status)
    assert.not_equal(0, box.sh(up).status)
  end)

  it("--seccomp none loads no filter; a compiled one is loaded as it is", function()
    local mode = "sed -n 's/Seccomp:\\s*//p' /proc/self/status"
    assert.equal("0", box.prints(mode, { "--seccomp", "none" }))
    assert.equal("2", box.prints(mode, { "--seccomp", "default" }))
    local core = require "tidelock.core"
    local path = os.tmpname()
    -- uname(2) fails with EDOM, everything else is allowed.
    run.write(path, "\32\0\0\0\0\0\0\0" .. "\21\0\0\1\63\0\0\0" .. "\6\0\0\0\33\0\5\0"
      .. "\6\0\0\0\0\0\255\127")
    assert.is_true(core.filter.evaluate ~= nil)
    local result = box.run({ "uname" }, { "--seccomp", path })
    assert.matches("argument out of domain", result.stderr)
    assert.equal(0, box.run({ "uname" }).status)
    os.remove(path)
  end)

  it("--require drop-groups runs where groups can be dropped", function()
    assert.equal(0, box.run({ "true" }, { "--require", "drop-groups" }).status)
  end)

  it("groups that stay are reported, and refused by --require drop-groups", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local folder = run.folder()
    os.execute(("cp %s %s/tidelock; chmod 755 %s/tidelock"):format(run.quote(run.tidelock), folder,
      folder))
    -- A user that has no subordinate ids.
    local as = ("setpriv --reuid 4711 --regid 4711 --groups 4711,4 --inh-caps=-all "
      .. "env HOME=/nonexistent XDG_RUNTIME_DIR=%s ./tidelock run "):format(folder)
    local result = run.run(as .. "--json -- true", { cwd = folder })
    local report = require("cjson").decode(result.stderr)
    assert.matches("4%(adm%)", require("cjson").encode(report.not_enforced)
      .. require("cjson").encode(report.notes))
    result = run.run(as .. "--require drop-groups -- true", { cwd = folder })
    assert.equal(125, result.status)
    assert.matches("drop%-groups", result.stderr)
    run.remove(folder)
  end)
end)

describe("limits and descriptors", function()
  it("--rlimit sets soft and hard limits", function()
    assert.equal("64\n64", box.prints("ulimit -Sn; ulimit -Hn", { "--rlimit", "nofile=64" }))
    assert.equal("64\n128", box.prints("ulimit -Sn; ulimit -Hn", { "--rlimit", "nofile=64:128" }))
    assert.equal("0", box.prints("ulimit -c", { "--rlimit", "core=0" }))
    local result = box.sh("head -c 1M /dev/zero > /tmp/x", { "--rlimit", "fsize=4096" })
    assert.not_equal(0, result.status)
  end)

  it("--pass-fd passes a descriptor, also to another number", function()
    local folder = run.folder()
    run.write(folder .. "/f", "passed\n")
    local function pass(option, number)
      return run.run({ "bash", "-c", ("exec 7<%s/f; %s run --pass-fd %s -- bash -c 'cat <&%d'")
        :format(folder, run.quote(run.tidelock), option, number) })
    end
    assert.equal("passed\n", pass("7", 7).stdout)
    -- init's own fixed numbers among them.
    for _, number in ipairs { 3, 10, 11, 12, 13, 16, 17, 20, 1023 } do
      local result = pass("7:" .. number, number)
      assert.equal("passed\n", result.stdout, number .. ": " .. result.stderr)
    end
    run.remove(folder)
  end)

  it("--pass-fd passes several that change places", function()
    local result = run.run { "bash", "-c", ([[exec 16<<<sixteen 17<<<seventeen 18<<<eighteen
      %s run --pass-fd 16:17 --pass-fd 17:18 --pass-fd 18:16 -- bash -c 'cat <&16 <&17; cat <&16
      cat <&17; cat <&18']]):format(run.quote(run.tidelock)) }
    assert.equal("sixteen\neighteen\nseventeen\n", result.stdout)
  end)

  it("a directory as a descriptor is refused", function()
    local by_pass = run.run { "bash", "-c", "exec 7</; " .. run.quote(run.tidelock)
      .. " run --pass-fd 7 -- true" }
    assert.equal(125, by_pass.status)
    assert.matches("is a directory", by_pass.stderr)
    for _, redirect in ipairs { "</etc", "2</etc" } do
      local result = run.run(run.quote(run.tidelock) .. " run -- true " .. redirect)
      assert.equal(125, result.status)
    end
  end)

  it("--timeout kills the box and everything in it", function()
    local token = "6" .. tostring(os.time()):sub(-6)
    local report, result = box.report({ "sh", "-c", "sleep " .. token .. " & trap '' TERM; sleep "
      .. token }, { "--timeout", "100ms" })
    assert.equal(124, result.status)
    assert.same({ "timeout", "timeout", "--timeout" }, { report.reason, report.rule, report.at })
    assert.matches("killed by the time limit 100 ?ms %(%-%-timeout%)", result.stderr)
    assert(report.usage.wall >= 0.1 and report.usage.wall < 1, report.usage.wall)
    assert.equal("", run.run("grep -lsz '^" .. token .. "$' /proc/[0-9]*/cmdline").stdout)
  end)

  it("--timeout lets a command that is faster end by itself", function()
    local report = box.report({ "sh", "-c", "exit 3" }, { "--timeout", "10s" })
    assert.same({ "exit", 3 }, { report.reason, report.status })
  end)
end)
