-- What a workload is and may, when nothing is asked for.
local box = require "spec.support.box"
local run = require "spec.support.run"

local function status_of(options)
  local fields = {}
  for line in box.prints("cat /proc/self/status", options):gmatch("[^\n]+") do
    local name, value = line:match("^(%w+):%s*(.-)%s*$")
    if name then fields[name] = value end
  end
  return fields
end

describe("the workload of a box", function()
  local status

  setup(function() status = status_of() end)

  it("runs below an init that is PID 1", function()
    assert.equal("tidelock-init 1", box.prints "echo $(cat /proc/1/comm) $PPID")
  end)

  it("has no capability in any set", function()
    for _, set in ipairs { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" } do
      assert.equal("0000000000000000", status[set], set)
    end
  end)

  it("cannot gain privileges and is under a filter", function()
    assert.equal("1", status.NoNewPrivs)
    assert.equal("2", status.Seccomp)
  end)

  it("has the caller's uid and gid and its name", function()
    local uid = run.run("id -u").stdout:gsub("\n", "")
    local gid = run.run("id -g").stdout:gsub("\n", "")
    assert.equal(("%s\t%s\t%s\t%s"):format(uid, uid, uid, uid), status.Uid)
    assert.equal(("%s\t%s\t%s\t%s"):format(gid, gid, gid, gid), status.Gid)
    assert.equal(run.run("id -un").stdout, box.prints("id -un") .. "\n")
  end)

  it("has no supplementary groups", function()
    if run.who() ~= "root" then
      assert.equal("", status.Groups)
      return
    end
    local result = run.run({ "setpriv", "--groups", "4,24", run.tidelock, "run", "--", "grep",
      "^Groups", "/proc/self/status" })
    assert.matches("^Groups:%s*$", result.stdout)
  end)

  it("is in namespaces of its own, all of them", function()
    for _, name in ipairs { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts" } do
      local host = run.run("readlink /proc/self/ns/" .. name).stdout
      local own = box.prints("readlink /proc/self/ns/" .. name) .. "\n"
      assert.matches("^%w+:%[%d+%]\n$", own)
      assert.not_equal(host, own, name)
    end
  end)

  it("has a host name of its own and sees its cgroup as the root", function()
    assert.equal("tidelock", box.prints "hostname")
    for line in box.prints("cat /proc/self/cgroup"):gmatch("[^\n]+") do
      assert.matches(":/$", line)
    end
  end)

  it("has no network but lo, which is up", function()
    local links = box.prints "sed -n 's/^ *\\([^ :]*\\):.*/\\1/p' /proc/net/dev"
    assert.equal("lo", links)
    assert.equal("", box.prints "tail -n +2 /proc/net/route")
    assert.equal("ok", box.prints [[perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die $!;
      IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $s->sockport) or die $!;
      print "ok"']])
  end)

  it("is in a session of its own", function()
    local pid, session = box.prints("cut -d ' ' -f 1,6 /proc/$$/stat"):match("(%d+) (%d+)")
    assert.equal(pid, session)
  end)

  it("has the caller's umask replaced by 022 and default signal handling", function()
    assert.equal("0022", run.run("umask 077; " .. run.quote(run.tidelock)
      .. " run -- sh -c umask").stdout:gsub("\n", ""))
    local result = run.run("trap '' INT TERM PIPE HUP; " .. run.quote(run.tidelock)
      .. " run -- grep SigIgn /proc/self/status")
    assert.equal("SigIgn:\t0000000000000000\n", result.stdout)
  end)

  it("keeps the caller's signal mask", function()
    local perl = [[use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR1, SIGTERM));
      exec @ARGV]]
    local result = run.run { "perl", "-e", perl, run.tidelock, "run", "--", "grep", "SigBlk",
      "/proc/self/status" }
    assert.equal("SigBlk:\t0000000000004200\n", result.stdout)
    assert.equal("SigBlk:\t0000000000000000\n", run.tl {
      "run", "--", "grep", "SigBlk", "/proc/self/status" }.stdout)
  end)

  it("inherits no descriptor but 0, 1 and 2", function()
    local result = run.run { "bash", "-c", "exec 3</etc/passwd 7</etc 12<&0 40</dev/null; "
      .. run.quote(run.tidelock) .. " run -- sh -c 'ls /proc/$$/fd'" }
    assert.equal("0\n1\n2\n", result.stdout)
  end)

  it("cannot undo its mounts or make new ones", function()
    for _, try in ipairs {
      "mount -o remount,rw /usr", "umount /proc/sys", "mount -t tmpfs none /tmp",
      "unshare -r true", "unshare -m true", "chroot / true",
    } do
      assert.not_equal(0, box.sh(try).status, try)
    end
  end)
end)

describe("PID 1 of a box", function()
  it("is not the host's binary, and cannot be looked into", function()
    local result = box.sh [[readlink /proc/1/exe; cat /proc/1/exe | head -c 4
      readlink /proc/1/fd/* /proc/1/cwd /proc/1/root; cat /proc/1/fd/[0-9]*
      cat /proc/1/environ /proc/1/maps; head -c 1 /proc/1/mem]]
    assert.equal("", result.stdout)
  end)

  it("cannot be run as a program or killed from inside", function()
    assert.equal(126, box.sh("/proc/1/exe --version").status)
    assert.equal("alive", box.prints "kill -KILL 1; kill -STOP 1; sleep 0.05; echo alive")
  end)

  it("refuses to work when a script names it as its interpreter", function()
    local folder = run.folder()
    run.write(folder .. "/script", "#!/proc/self/exe\necho hello\n")
    os.execute("chmod 755 " .. folder .. "/script")
    for _, options in ipairs { {}, { "--no-init" } } do
      local result = box.run({ "./script" }, options, { cwd = folder })
      assert.equal("tidelock-init: there is no plan here to carry out\n", result.stderr)
      assert.equal(125, result.status)
    end
    run.remove(folder)
  end)

  it("is the workload itself with --no-init", function()
    assert.equal("1", box.prints("echo $$", { "--no-init" }))
    assert.matches("^/usr/bin/", box.prints("readlink /proc/1/exe", { "--no-init" }))
  end)
end)
