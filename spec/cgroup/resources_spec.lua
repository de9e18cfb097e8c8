-- Every limit on a real unified hierarchy: the kernel has taken it, or it is refused by name.
local box = require "spec.support.box"
local bundles = require "spec.support.bundle"
local cgroup = require "spec.support.cgroup"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local limits = cgroup.options

local HOG = "perl -e 'my $x = q(); vec($x, 64 * 1048576, 8) = 1'"

local function needs()
  if run.who() ~= "root" then run.skip "needs root" end
  cgroup.needs(2)
end

local function watched(start)
  local before
  before_each(function()
    if cgroup.version() == 2 then start() end
    before = leaks.snapshot()
  end)
  after_each(function() leaks.verify(before, 3) end)
end

local function warm() run.tl { "run", "--pids", "9", "--", "true" } end

describe("limits on cgroup v2", function()
  watched(warm)

  it("are in their files, all of them", function()
    needs()
    assert.same({ "memory.max=67108864", "memory.high=62914560", "memory.low=33554432",
      "memory.min=1048576", "memory.swap.max=33554432", "memory.oom.group=0", "pids.max=20",
      "cpu.max=50000 100000", "cpu.max.burst=10000", "cpu.weight=200", "cpuset.cpus=0",
      "cpuset.mems=0", "io.max=7:0 rbps=10485760 wbps=max riops=max wiops=100",
      "hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304", "cgroup.max.depth=3" },
      cgroup.values(limits("memory=64M", "memory_high=60M", "memory_low=32M", "memory_min=1M",
        "swap=32M", "oom=process", "pids=20", "cpus=.5", "cpu_burst=10ms", "cpu_weight=200",
        "cpuset=0", "cpuset_mems=0", "io=/dev/loop0:rbps=10M", "io=7:0:wiops=100", "hugetlb=2M:4M",
        "cgroup.max.depth=3"),
        { "memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max",
          "memory.oom.group", "pids.max", "cpu.max", "cpu.max.burst", "cpu.weight", "cpuset.cpus",
          "cpuset.mems", "io.max", "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max",
          "cgroup.max.depth" }))
    assert.same({ "memory.swap.max=0", "memory.oom.group=1" },
      cgroup.values({ "-m", "64M" }, { "memory.swap.max", "memory.oom.group" }))
    assert.same({ "cpu.idle=1" }, cgroup.values(limits "cpu_idle=yes", { "cpu.idle" }))
    local weights = cgroup.values(limits "io_weight=200", { "io.weight", "io.bfq.weight" })
    assert.matches("=default %d+", weights[1])
  end)

  it("keep a box on its processors", function()
    needs()
    assert.equal("Cpus_allowed_list:\t1\nMems_allowed_list:\t0", box.prints(
      "grep -h -e Cpus_allowed_list -e Mems_allowed_list /proc/self/status", limits "cpuset=1"))
  end)

  it("let the kernel choose who dies, or end the box", function()
    needs()
    local report, result = box.report({ "sh", "-c", HOG .. "; echo lived; exit 3" },
      limits("memory=32M", "oom=process"))
    assert.same({ "exit", 3, "lived\n" }, { report.reason, report.status, result.stdout })
    assert.equal("the memory limit 32M killed a process of it (--limit)", report.hint)
    report, result = box.report({ "sh", "-c", HOG .. "; echo lived" }, { "-m", "32M" })
    assert.same({ "memory", "", "-m" }, { report.reason, result.stdout, report.at })
    -- In the words of the kernel, too.
    report = box.report({ "sh", "-c", "exec " .. HOG }, limits "memory.max=32M")
    assert.same({ "memory", "--limit" }, { report.reason, report.at })
  end)

  it("that the kernel or the hierarchy does not have are told by name", function()
    needs()
    for text, why in pairs {
      ["cpuset=7"] = "names processor 7",
      ["io=7:999:rbps=1"] = "is no block device that the host has",
      ["memory.nosuch=1"] = "this kernel has no memory.nosuch",
      ["memory.max=many"] = "set memory.max to many: EINVAL",
      ["perf_event.x=1"] = "is not in the unified hierarchy of this host",
      ["memory.current=1"] = "set memory.current to 1: E",
      ["hugetlb=1T:1"] = "is of pages that this kernel has not",
    } do
      local result = box.run({ "true" }, limits("pids=20", text))
      assert.equal(125, result.status, text .. result.stderr)
      assert.matches(why, result.stderr, 1, true)
      assert.matches("\n  asked for at --limit", result.stderr, 1, true)
      assert.equal("", cgroup.left())
    end
  end)

  it("are refused where no more cgroups may be, and leave nothing", function()
    needs()
    local result = run.run(([[
      d=$(mktemp -d /sys/fs/cgroup/spec.XXXXXX) && mkdir $d/leaf
      echo +memory > $d/cgroup.subtree_control; echo 1 > $d/cgroup.max.descendants
      (echo 0 > $d/leaf/cgroup.procs; exec %s run -m 64M -- true) 2>&1
      echo $?; rmdir $d/leaf $d]]):format(run.quote(run.tidelock)))
    assert.matches("make the cgroup .*EAGAIN.*cgroup.max.descendants", result.stdout)
    assert.matches("\n125\n$", result.stdout)
    assert.equal("", result.stderr)
  end)

  it("of a bundle are in their files, by the conversions that engines count on", function()
    needs()
    local folder = run.folder()
    local result = bundles.run(folder, [[cd /sys/fs/cgroup; grep . memory.max memory.low \
      memory.swap.max memory.oom.group pids.max cpu.max cpu.weight cpuset.cpus cpuset.mems \
      io.max hugetlb.2MB.max memory.high]], function(config)
        config.linux.resources = {
          memory = { limit = 67108864, swap = 100663296, reservation = 33554432 },
          cpu = { shares = 1024, quota = 50000, period = 200000, cpus = "0", mems = "0" },
          pids = { limit = 20 }, unified = { ["memory.high"] = "62914560" },
          blockIO = { throttleReadBpsDevice = { { major = 7, minor = 0, rate = 600 } } },
          hugepageLimits = { { pageSize = "2MB", limit = 4194304 } },
        }
      end)
    run.remove(folder)
    assert.equal("", result.stderr)
    assert.equal("memory.max:67108864\nmemory.low:33554432\nmemory.swap.max:33554432\n"
      .. "memory.oom.group:0\npids.max:20\ncpu.max:50000 200000\ncpu.weight:39\ncpuset.cpus:0\n"
      .. "cpuset.mems:0\nio.max:7:0 rbps=600 wbps=max riops=max wiops=max\n"
      .. "hugetlb.2MB.max:4194304\nmemory.high:62914560\n", result.stdout)
  end)
end)

-- What makes a cgroup below its own, and limits it; every process of the box leaves for a leaf.
local NEST = [[cd /sys/fs/cgroup && mkdir leaf sub
  while read p; do echo $p > leaf/cgroup.procs; done < cgroup.procs
  echo "+memory +pids" > cgroup.subtree_control && echo 3 > sub/pids.max && cat sub/pids.max
  for f in memory.max pids.max; do (echo max > $f) 2>/dev/null && echo "wrote $f"; done
  sh -c 'echo $$ > sub/cgroup.procs; for i in 1 2 3 4 5; do sleep 0.1 & done; wait' 2>&1 |
    grep -c -i fork]]

describe("a cgroup that is given to the box", function()
  watched(warm)

  it("is its own to divide, and not to enlarge", function()
    needs()
    local result = box.sh(NEST .. "; stat -c %U . cgroup.procs memory.max; cat /proc/self/cgroup",
      limits("memory=64M", "pids=30", "delegate=yes"))
    assert.equal("3\n1\nroot\nroot\nnobody\n0::/leaf\n", result.stdout)
    assert.equal("", cgroup.left())
  end)

  it("is not, without being asked for", function()
    needs()
    local result = box.sh("mkdir /sys/fs/cgroup/sub; ls /sys/fs/cgroup | wc -l", { "-m", "64M" })
    assert.equal("0\n", result.stdout)
  end)

  it("is told by the operation, where it cannot be given", function()
    needs()
    require("spec.support.faults").each_fails({ "run", "-m", "64M", "--limit", "delegate=yes",
      "--", "true" }, 2, function(call) return call.name:find "^fchown" ~= nil end)
    assert.equal("", cgroup.left())
  end)

  it("takes no process of exec once it has been divided, which is told", function()
    needs()
    local result = box.lua([[
      local tidelock = require "tidelock"
      local box = assert(tidelock.spec { tidelock.limits { pids = 30, memory = "64M",
        delegate = true } }:start())
      print(box:exec { "sh", "-c", "cd /sys/fs/cgroup; mkdir leaf; while read p; do echo $p >"
        .. "leaf/cgroup.procs; done < cgroup.procs; echo +pids > cgroup.subtree_control" }.ok)
      print(box:exec { "true" }:why())
      box:stop()]])
    assert.matches("^true\n.*EBUSY.*\n  hint: the box has handed controllers down", result.stdout)
  end)

  it("of a bundle is the container's user's, where that can write to it", function()
    needs()
    local folder = run.folder()
    local function owner(options)
      return bundles.run(folder, "stat -c %u /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs"
        .. " /sys/fs/cgroup/memory.max", function(config)
        bundles.find_mount(config, "/sys/fs/cgroup").options = options
        config.linux.resources = { memory = { limit = 67108864 } }
        table.insert(config.linux.namespaces, { type = "user" })
        config.linux.uidMappings = { { containerID = 0, hostID = 100000, size = 1000 } }
        config.linux.gidMappings = config.linux.uidMappings
        os.execute("chown -R 100000:100000 " .. run.quote(folder))
      end).stdout
    end
    assert.equal("0\n0\n65534\n", owner { "nosuid", "rw" })
    assert.equal("65534\n65534\n65534\n", owner { "nosuid", "ro" })
    run.remove(folder)
  end)
end)

-- A command of an ordinary user's, in a cgroup of his own; $D is the place, $T tidelock.
local function as_user(script)
  local text = ([[
    T=%s; U=${TIDELOCK_TEST_UID:-1000}; D=$(mktemp -d /sys/fs/cgroup/spec.XXXXXX)
    H=$(mktemp -d /tmp/tl-home.XXXXXX); chown $U:$U $H
    echo '+memory +pids +cpu +cpuset' > /sys/fs/cgroup/cgroup.subtree_control
    chown $U:$U $D $D/cgroup.procs $D/cgroup.subtree_control $D/cgroup.threads
    enter() { # DIRECTORY COMMAND...
      (echo 0 > $1/cgroup.procs; shift; exec setpriv --reuid $U --regid $U --clear-groups \
        env HOME=$H XDG_RUNTIME_DIR=$H "$@") 2>&1
    }
    %s
    find $D -mindepth 1 -type d; find $D -depth -type d -exec rmdir {} \; 2>&1; rm -rf $H]]):format(
    run.quote(run.tidelock), script)
  return run.run(text, { timeout = 60 })
end

describe("an ordinary user with a part of the hierarchy", function()
  watched(warm)

  it("has the limits that it hands down, wherever in it the caller is", function()
    needs()
    local result = as_user [[
      mkdir -p $D/a/leaf; chown -R $U $D/a; echo '+memory +pids' > $D/cgroup.subtree_control
      enter $D/a/leaf $T run -m 64M --pids 20 -- sh -c 'cat /proc/self/cgroup; echo ran'
      rmdir $D/a/leaf $D/a]]
    assert.equal("0::/\nran\n", result.stdout)
  end)

  it("steps aside in a cgroup that is its own alone, and comes back", function()
    needs()
    local result = as_user [[
      enter $D $T run -m 64M --pids 20 --cpus 1 --limit cpuset=0 -- \
        sh -c 'cat /proc/self/cgroup; grep Cpus_allowed_list /proc/self/status'
      echo "given: $(cat $D/cgroup.subtree_control)"
      enter $D $T explain -m 64M -- true | head -1]]
    assert.equal("0::/\nCpus_allowed_list:\t0\ngiven: \n", (result.stdout:gsub("  1  host.*", "")))
    assert.matches("host    prepare  leave the cgroup /sys/fs/cgroup/spec%.%w+ for"
      .. " tidelock.supervisor below it  %(%-m%)\n$", result.stdout)
    -- Where the start fails, too.
    result = as_user [[
      enter $D $T run -m 64M --limit memory.nosuch=1 -- true | head -1
      enter $D $T run -m 64M -- /nonexistent]]
    assert.matches("ENOENT.*\ntidelock: /nonexistent: not found\n  asked for at the command"
      .. " line\n$", result.stdout)
  end)

  it("is told what to do where it shares its cgroup, or lacks a controller", function()
    needs()
    local result = as_user [[enter $D sh -c "$T run -m 64M -- true; echo \$?"]]
    assert.matches("is not to be had: %S+ has other processes, and a cgroup that has some hands"
      .. " nothing down.*hint: mkdir .*DelegateSubgroup=others.*\n125\n$", result.stdout)
    result = as_user [[
      mkdir -p $D/a/leaf; echo '+memory' > $D/cgroup.subtree_control; chown -R $U $D/a
      chown 0 $D $D/cgroup.*
      enter $D/a/leaf $T run --pids 5 -- true; rmdir $D/a/leaf $D/a]]
    assert.matches("the pids controller .* is not given to this cgroup, .*user@.service.*"
      .. "systemd%-run %-%-user %-%-scope %-p Delegate=yes", result.stdout)
  end)

  it("can give the box its own to divide, and keep the limits", function()
    needs()
    local result = as_user(([[
      enter $D $T run -m 64M --pids 30 --limit delegate=yes -- sh -c '%s']]):format(
      (NEST:gsub("'", "'\\''"))))
    assert.equal("3\n1\n", result.stdout)
  end)

  it("has what systemd leaves it", function()
    needs()
    local place = os.getenv "TIDELOCK_USER_CGROUP"
    if not place then run.skip "needs a cgroup delegated as systemd does" end
    local result = as_user(([[enter %s $T run -m 64M --pids 20 -- echo ran]]):format(place))
    assert.equal("ran\n", result.stdout)
  end)
end)
