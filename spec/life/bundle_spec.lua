-- `run --bundle`: a container of an OCI config.json, from the outside.
local bundles = require "spec.support.bundle"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("tidelock run --bundle", function()
  local folder, before

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before) end)

  local function sh(script, change, words) return bundles.run(folder, script, change, words) end

  local function good(script, change, words)
    local result = sh(script, change, words)
    assert.equal("", result.stderr)
    assert.equal(0, result.status)
    return result.stdout
  end

  local function root_only()
    if run.who() ~= "root" then run.skip "needs root" end
  end

  it("runs its process as PID 1, with the name, the root and the words of config.json", function()
    local out = good([[echo $$; hostname; id -u; pwd; ls / | tr '\n' ' '; echo "$A $0 $1"]],
      function(config)
        config.process.args = { "sh", "-c", config.process.args[3], "zero", "one" }
        config.process.env[#config.process.env + 1] = "A=b c"
      end)
    assert.equal("1\nbundle\n0\n/\n"
      .. "attack bin dev etc mnt out proc run sys tmp usr var b c zero one\n",
      out)
  end)

  it("passes on how the process ended", function()
    for script, status in pairs { ["exit 7"] = 7, ["kill -TERM $$; exit 3"] = 3,
      ["exit 125"] = 125 } do
      local result = sh(script)
      assert.equal(status, result.status)
      assert.equal("", result.stderr)
    end
    local result = sh("sleep 10", nil, { "--timeout", "300ms" })
    assert.equal(124, result.status)
    assert.matches("killed by the time limit 300 ms %(%-%-timeout%)", result.stderr)
  end)

  it("tells what cannot be executed, and where that was asked for", function()
    for word, status in pairs { ["/bin/nosuch"] = 127, nosuch = 127, ["/etc/passwd"] = 126 } do
      local result = bundles.run(folder, { word })
      assert.equal(status, result.status)
      assert.matches("config%.json, process%.args", result.stderr)
    end
  end)

  it("makes a path read-only with what is mounted below it", function()
    local out = sh("touch /tmp/x; touch /tmp/below/x; echo $?", function(config)
      config.mounts[#config.mounts + 1] = bundles.mount("/tmp", "tmpfs", "tmpfs")
      config.mounts[#config.mounts + 1] = bundles.mount("/tmp/below", "tmpfs", "tmpfs")
      config.linux.readonlyPaths[#config.linux.readonlyPaths + 1] = "/tmp"
    end)
    assert.equal("1\n", out.stdout)
    assert.matches("/tmp/x: Read%-only", out.stderr)
    assert.matches("/tmp/below/x: Read%-only", out.stderr)
  end)

  it("takes a command in the place of process.args", function()
    assert.equal("instead\n", good("echo of the config", nil, { "--", "echo", "instead" }))
  end)

  it("starts in process.cwd, which is made where it is not there", function()
    local out = good("pwd", function(config)
      config.root.readonly = false
      config.process.cwd = "/tmp/not/there"
    end)
    assert.equal("/tmp/not/there\n", out)
    os.execute("rm -r " .. run.quote(folder .. "/rootfs/tmp/not"))
  end)

  it("makes what it makes with the modes that config.json says, whatever the caller's umask",
    function()
    local bundle = bundles.make(folder, { "stat", "-c", "%a", "/dev/null", "/dev/pts", "/tmp/new" },
      function(config)
        table.insert(config.mounts, bundles.mount("/tmp", "tmpfs", "tmpfs"))
        config.process.cwd = "/tmp/new"
      end)
    local result = run.run(("umask 077; %s run --bundle %s"):format(run.tidelock, bundle))
    assert.equal("666\n755\n755\n", result.stdout)
  end)

  it("makes the root read-only, or writable, as config.json says", function()
    local function touch(readonly)
      return sh("touch /etc/made && rm /etc/made",
        function(config) config.root.readonly = readonly end)
    end
    assert.equal(0, touch(false).status)
    local result = touch(true)
    assert.equal(1, result.status)
    assert.matches("Read%-only file system", result.stderr)
  end)

  it("has /dev, and hides and protects what config.json lists", function()
    local out = good([[ls /dev | tr '\n' ' '; echo x > /dev/null; head -c 3 /dev/zero | od -An -tx1
      ls /proc/acpi /sys/firmware | wc -l; cat /proc/keys | wc -l
      (echo 1 > /proc/sys/kernel/domainname) 2>&1 | sed 's/.*: //']])
    assert.equal("fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
      .. " 00 00 00\n3\n0\nRead-only file system\n", out)
  end)

  it("hides a file by a node whose mode and times stay the host's", function()
    root_only()
    local was = run.run("stat -c '%a %Y' /dev/null").stdout
    local null = sh("cd /proc; chmod 600 keys; touch -d @0 keys; echo x > keys && echo written",
      function(config)
        for _, set in pairs(config.process.capabilities) do
          set[#set + 1] = "CAP_FOWNER"
          set[#set + 1] = "CAP_DAC_OVERRIDE"
        end
      end)
    assert.matches("Read%-only file system.*Read%-only file system", null.stderr)
    assert.equal("written\n", null.stdout)
    assert.equal(was, run.run("stat -c '%a %Y' /dev/null").stdout)
  end)

  it("has exactly the capabilities of config.json", function()
    local out = good "grep -e Cap -e NoNewPrivs /proc/self/status | tr -d '\\t' | tr '\\n' ' '"
    assert.equal("CapInh:0000000000000000 CapPrm:0000000020000420 CapEff:0000000020000420 "
      .. "CapBnd:0000000020000420 CapAmb:0000000000000000 NoNewPrivs:1 ", out)
  end)

  it("sets the domain name, the umask, and the execution domain", function()
    local out = good("cat /proc/sys/kernel/domainname; umask; uname -m", function(config)
      config.domainname = "example"
      config.process.user.umask = 63
      config.linux.personality = { domain = "LINUX32" }
    end)
    assert.equal("example\n0077\ni686\n", out)
  end)

  it("sets rlimits, soft and hard", function()
    local out = good("ulimit -Sn; ulimit -Hn; ulimit -Sc", function(config)
      config.process.rlimits = { { type = "RLIMIT_NOFILE", soft = 100, hard = 200 },
        { type = "RLIMIT_CORE", soft = 0, hard = 0 } }
    end)
    assert.equal("100\n200\n0\n", out)
  end)

  it("raises a limit for root, where the caller's own is lower", function()
    root_only()
    local effective = run.read("/proc/self/status"):match("CapEff:%s*(%x+)")
    if math.floor(tonumber(effective, 16) / 2 ^ 24) % 2 == 0 then
      run.skip "needs CAP_SYS_RESOURCE"
    end
    local bundle = bundles.make(folder, { "sh", "-c", "ulimit -Hn" }, function(config)
      config.process.rlimits = { { type = "RLIMIT_NOFILE", soft = 900, hard = 901 } }
    end)
    local result = run.run(("ulimit -n 500; %s run --bundle %s"):format(run.tidelock, bundle))
    assert.equal("901\n", result.stdout)
  end)

  it("sets sysctls of its own namespaces, and refuses those of the host", function()
    local function sysctl(name, value, script)
      return sh(script or "true", function(config) config.linux.sysctl = { [name] = value } end)
    end
    assert.equal("7\n", sysctl("net.ipv4.ip_default_ttl", "7",
      "cat /proc/sys/net/ipv4/ip_default_ttl").stdout)
    assert.equal("1\n", sysctl("net.ipv4.conf.lo.forwarding", "1",
      "cat /proc/sys/net/ipv4/conf/lo/forwarding").stdout)
    assert.equal("1\n", sysctl("net/ipv4/conf/lo/forwarding", "1",
      "cat /proc/sys/net/ipv4/conf/lo/forwarding").stdout)
    for name, why in pairs { ["kernel.core_pattern"] = "is not of a namespace",
      ["vm.overcommit_memory"] = "is not of a namespace", ["net.ipv4/../../x"] = "is no sysctl",
      ["net.//.kernel.core_pattern"] = "is no sysctl",
        ["net/ipv4/../../vm/swappiness"] = "is no sysctl",
      -- A slash is a dot there: net/../kernel/randomize_va_space of the host.
      ["net.//.kernel.randomize_va_space"] = "is no sysctl", ["net./x"] = "is no sysctl",
      ["kernel.hostname"] = "is not of a namespace" } do
      local result = sysctl(name, "2")
      assert.equal(125, result.status)
      assert.matches("linux.sysctl." .. name:gsub("%p", "%%%0"), result.stderr)
      assert.matches(why, result.stderr)
    end
    local result = sh("true", function(config)
      table.remove(config.linux.namespaces, 2) -- network
      bundles.find_mount(config, "/sys").type = "bind"
      bundles.find_mount(config, "/sys").source = "/sys"
      config.linux.sysctl = { ["net.ipv4.ip_forward"] = "1" }
    end)
    assert.equal(125, result.status)
    assert.matches('needs a namespace of type "network"', result.stderr)
  end)

  it("sets the score for the kernel's choice when memory runs out", function()
    local out = good("cat /proc/self/oom_score_adj", function(config)
      config.process.oomScoreAdj = 500
    end)
    assert.equal("500\n", out)
  end)

  it("gives a terminal of its own, also at /dev/console", function()
    local result = run.run(("script -qec %s /dev/null"):format(run.quote(
      run.tidelock .. " run --bundle " .. bundles.make(folder, { "sh", "-c",
        "tty; stat -c %t:%T /dev/console | cut -d: -f1; echo made > /dev/console; test -t 0" },
        function(config) config.process.terminal = true end))))
    assert.equal(0, result.status)
    assert.matches("/dev/pts/0\r\n.*made\r\n", result.stdout)
  end)

  it("has nothing of what the caller has as ambient", function()
    root_only()
    local bundle = bundles.make(folder, { "grep", "CapAmb", "/proc/self/status" }, function(config)
      config.process.capabilities.inheritable = { "CAP_KILL" }
      config.process.capabilities.ambient = nil
    end)
    local result = run.run { "setpriv", "--inh-caps", "+kill", "--ambient-caps", "+kill",
      run.tidelock, "run", "--bundle", bundle }
    assert.equal("CapAmb:\t0000000000000000\n", result.stdout)
  end)

  it("drops the caller's supplementary groups, and has those of config.json", function()
    root_only()
    local bundle = bundles.make(folder, { "sh", "-c", "grep Groups /proc/self/status" },
      function(config) config.process.user = { uid = 1000, gid = 1000, additionalGids = { 7,
        5 } } end)
    local result = run.run { "setpriv", "--groups", "4,24", run.tidelock, "run", "--bundle",
      bundle }
    assert.equal("Groups:\t5 7 \n", result.stdout)
  end)

  it("is printed by explain, with the property that asked for each operation", function()
    local bundle = bundles.make(folder, { "true" })
    local result = run.tl { "explain", "--bundle", bundle }
    assert.equal(0, result.status)
    assert.matches("mount tmpfs on /dev .-config%.json, mounts%[1%]%)", result.stdout)
    assert.matches("hide /proc/kcore .-linux%.maskedPaths%[3%]%)", result.stdout)
  end)

  it("tells of the host's sockets that a mount shows", function()
    local script = ([[python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("%s/listening"); s.listen(); time.sleep(2)' &
      until test -S %s/listening; do sleep 0.02; done; %s run --bundle %s --verbose]]):format(
      folder, folder, run.tidelock, bundles.make(folder, { "true" }, function(config)
        table.insert(config.mounts, bundles.mount("/mnt", "bind", folder, { "bind", "ro" }))
      end))
    local result = run.run(script)
    os.remove(folder .. "/listening")
    assert.matches("host sockets reachable: /mnt/listening\n", result.stderr)
  end)

  it("writes a report", function()
    local result = sh("exit 3", nil, { "--json" })
    assert.matches('"reason": "exit"', result.stderr)
    assert.matches('"status": 3', result.stderr)
  end)
end)
