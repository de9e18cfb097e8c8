-- What a box shows of the host, and what of it can be written, when nothing is asked for.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("the default view of files", function()
  local folder, other

  setup(function()
    folder, other = run.folder(), run.folder()
    run.write(folder .. "/here", "in the current directory\n")
    run.write(other .. "/secret", "elsewhere\n")
  end)

  teardown(function()
    run.remove(folder)
    run.remove(other)
  end)

  local function inside(script) return box.prints(script, nil, { cwd = folder }) end

  it("has nothing in /home /run /tmp and the like but the home and the cwd", function()
    local found = inside [[echo "$HOME"
      find /home /root /run /tmp /var/tmp /mnt /media -mindepth 1 -maxdepth 1 2>&1]]
    local home, rest = found:match("^([^\n]*)\n?(.*)$")
    for line in rest:gmatch("[^\n]+") do
      local above = (folder .. "/"):find(line .. "/", 1, true) == 1
        or (home .. "/"):find(line .. "/", 1, true) == 1
      assert(above, "in the box there is " .. line)
    end
  end)

  it("does not show another directory of the host's /tmp", function()
    assert.equal("elsewhere\n", run.read(other .. "/secret"))
    local result = box.sh("cat " .. other .. "/secret", nil, { cwd = folder })
    assert.equal(1, result.status)
    assert.matches("No such file", result.stderr)
  end)

  it("shows the current directory at its own path, read-only", function()
    assert.equal(folder .. "\nin the current directory", inside "pwd; cat here")
    local result = box.sh("echo changed > here; echo new > new; rm here", nil, { cwd = folder })
    assert.not_equal(0, result.status)
    assert.matches("[Rr]ead%-only file system", result.stderr)
    assert.equal("in the current directory\n", run.read(folder .. "/here"))
    assert.is_nil(run.read(folder .. "/new"))
  end)

  it("gives an empty $HOME in memory, writable, that the host does not see", function()
    local name = folder:match("[^/]+$")
    local home = inside(([[find "$HOME" -mindepth 1; stat -f -c %%T "$HOME"
      echo x > "$HOME/%s" && cat "$HOME/%s"; echo "$HOME"]]):format(name, name))
    local kind, read, path = home:match("^(%w+)\n(%w+)\n(/[^\n]*)$")
    assert.same({ "tmpfs", "x" }, { kind, read }, home)
    assert.is_nil(run.read(path .. "/" .. name))
  end)

  it("gives a writable /tmp and /var/tmp and an own /run, all in memory", function()
    assert.equal("tmpfs\ntmpfs\ntmpfs",
      inside "touch /tmp/a /var/tmp/a /dev/shm/a && stat -f -c %T /tmp /var/tmp /run")
  end)

  it("shows /usr, /etc and /opt, and nothing in them can be written", function()
    assert.equal("", inside "test -x /usr/bin/env && test -r /etc/passwd && test -d /opt")
    for _, path in ipairs { "/usr/bin/x", "/etc/x", "/opt/x", "/x", "/home/x", "/mnt/x" } do
      local result = box.sh("echo > " .. path)
      assert.not_equal(0, result.status, path)
    end
  end)

  it("mounts nothing writable but what is in memory and its devices", function()
    local home = inside "echo $HOME"
    local allowed = {
      ["/run"] = "tmpfs", ["/tmp"] = "tmpfs", ["/var/tmp"] = "tmpfs", [home] = "tmpfs",
      ["/dev"] = "tmpfs", ["/dev/shm"] = "tmpfs", ["/dev/mqueue"] = "mqueue",
      ["/dev/pts"] = "devpts", ["/proc"] = "proc",
    }
    local seen = 0
    for line in inside("cat /proc/self/mounts"):gmatch("[^\n]+") do
      local target, kind, flags = line:match("^%S+ (%S+) (%S+) (%S+)")
      seen = seen + 1
      if flags:match("^rw") and not (kind == "devtmpfs" or kind == "udev") then
        assert.equal(allowed[target], kind, line)
      end
      if kind ~= "devtmpfs" and kind ~= "udev" then assert.matches("nosuid", flags, line) end
    end
    assert(seen > 10, "only " .. seen .. " mounts were looked at")
  end)

  it("does not let the box's root read what only the host's may", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert.equal(0, run.run("test -r /etc/shadow").status)
    assert.not_equal(0, box.sh("cat /etc/shadow").status)
  end)

  it("keeps the links of a merged /usr", function()
    for _, name in ipairs { "bin", "sbin", "lib" } do
      local host = run.run("readlink /" .. name).stdout:gsub("\n", "")
      assert.equal(host, inside("readlink /" .. name .. " || :"), name)
    end
    assert.equal("yes", inside "/bin/sh -c 'echo yes'")
  end)
end)

describe("/dev, /proc and /sys of a box", function()
  it("has a small /dev", function()
    local names = box.sorted(box.prints "ls /dev")
    assert.same({
      "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout",
      "tty", "urandom", "zero",
    }, names)
  end)

  it("has devices that work, and no others can be made", function()
    assert.equal("4 ok", box.prints [[echo x > /dev/null && n=$(head -c 4 /dev/zero | wc -c)
      head -c 1 /dev/urandom > /dev/null && ! echo x > /dev/full 2>/dev/null && echo $n ok]])
    assert.not_equal(0, box.sh("mknod /tmp/sda b 8 0").status)
    assert.equal("", box.prints "find /dev -type b")
  end)

  it("can open a terminal of its own", function()
    assert.equal("1", box.prints
      "perl -e 'open(F, \"+<\", \"/dev/ptmx\") or die $!; print 1'; ls /dev/pts >/dev/null")
  end)

  it("hides or empties what tells about the host's kernel", function()
    local found = box.prints [[for f in /proc/kcore /proc/keys /proc/latency_stats \
        /proc/timer_list /proc/sched_debug /proc/interrupts /proc/timer_stats; do
      if [ -e $f ] && head -c 1 $f 2>/dev/null | grep -q .; then echo "$f"; fi; done
      for d in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do
        find $d -mindepth 1 2>/dev/null; done; :]]
    assert.equal("", found)
  end)

  it("cannot change kernel settings through /proc or /sys", function()
    for _, path in ipairs {
      "/proc/sys/kernel/hostname", "/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger",
      "/proc/sys/kernel/core_pattern", "/sys/kernel/mm/transparent_hugepage/enabled",
    } do
      assert.not_equal(0, box.sh("echo 1 > " .. path).status, path)
    end
    local _, mode = box.prints "grep ' /sys ' /proc/self/mounts":match("^(%S+) %S+ %S+ (%w+)")
    assert.equal("ro", mode)
    assert.matches(" ro,", box.prints "grep ' /proc/sys ' /proc/self/mounts")
  end)

  it("shows a /proc of its own", function()
    assert.equal("1", box.prints "ls -d /proc/[0-9]* | head -1 | tr -dc 0-9")
    local pids = #box.sorted(box.prints "ls -d /proc/[0-9]*")
    assert(pids < 6, pids .. " processes are seen")
  end)
end)
