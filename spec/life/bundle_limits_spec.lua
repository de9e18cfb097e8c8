-- linux.resources and linux.cgroupsPath of a bundle.
local bundles = require "spec.support.bundle"
local cgroup = require "spec.support.cgroup"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("the limits of a bundle", function()
  local folder, before

  setup(function()
    folder = run.folder()
    -- A user's state folder is there from the first limits on.
    if cgroup.version() == 2 then run.tl { "run", "--pids", "9", "--", "true" } end
  end)
  teardown(function() run.remove(folder) end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before) end)

  local function needs_v1()
    if run.who() ~= "root" then run.skip "needs root" end
    if not run.read "/sys/fs/cgroup/memory/tasks" then run.skip "needs cgroup v1 controllers" end
  end

  local function limited(resources, script, change)
    return bundles.run(folder, script, function(config)
      config.linux.resources = resources
      if change then change(config) end
    end)
  end

  local FILES = [[cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes \
    memory/memory.soft_limit_in_bytes \
    cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us pids/pids.max]]

  it("are in force, each of them", function()
    needs_v1()
    local result = limited({ memory = { limit = 67108864, reservation = 33554432 },
      cpu = { shares = 512, quota = 50000, period = 100000 }, pids = { limit = 20 } }, FILES)
    assert.equal("67108864\n33554432\n512\n50000\n100000\n20\n", result.stdout)
  end)

  it("may be numbers that no double holds", function()
    needs_v1()
    local bundle = bundles.make(folder, { "sh", "-c",
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes" })
    local text = run.read(bundle .. "/config.json")
    run.write(bundle .. "/config.json", (text:gsub('"resources":{',
      '"resources":{"memory":{"limit":9223372036854771712},')))
    local result = run.tl { "run", "--bundle", bundle }
    assert.equal("9223372036854771712\n", result.stdout)
  end)

  it("are the reason that the report gives, and the property", function()
    cgroup.needs()
    local result = limited({ memory = { limit = 33554432, swap = 33554432 } },
      "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo $x | wc -c")
    assert.equal(137, result.status)
    assert.matches(
      "killed by the memory limit 32M %(.-config%.json, linux%.resources%.memory%.limit%)",
      result.stderr)
  end)

  it("put the container where cgroupsPath says, and take that away again", function()
    needs_v1()
    local result = limited({ pids = { limit = 20 } }, "cat /proc/self/cgroup; sleep 0.2",
      function(config)
      config.linux.cgroupsPath = "/spec-" .. "tidelock/pod/container"
      for i, space in ipairs(config.linux.namespaces) do
        if space.type == "cgroup" then table.remove(config.linux.namespaces, i) end
      end
      for i, mount in ipairs(config.mounts) do
        if mount.type == "cgroup" then table.remove(config.mounts, i) end
      end
    end)
    assert.equal("", result.stderr)
    assert.matches("pids:/spec%-tidelock/pod/container\n", result.stdout)
    assert.is_nil(run.read "/sys/fs/cgroup/pids/spec-tidelock/tasks")
  end)

  local function cgroup_mount(options)
    return function(config)
      config.linux.cgroupsPath = "/spec-tidelock/rw"
      bundles.find_mount(config, "/sys/fs/cgroup").options = options
      for _, set in pairs(config.process.capabilities) do set[#set + 1] = "CAP_DAC_OVERRIDE" end
    end
  end

  it("are shown writable only where the container has a directory of its own", function()
    needs_v1()
    local script = "cd /sys/fs/cgroup; for h in *; do mkdir $h/made 2>/dev/null && echo $h; done"
    local result = limited({ pids = { limit = 20 } }, script, cgroup_mount { "nosuid", "rw" })
    assert.equal("cpuacct\npids\n", result.stdout)
    for _, options in ipairs { { "ro" }, { "rro" } } do
      assert.equal("", limited({ pids = { limit = 20 } }, script, cgroup_mount(options)).stdout)
    end
    result = limited({ pids = { limit = 20 } }, "true", cgroup_mount { "bogus=1" })
    assert.matches("mounts%[6%]%.options: .*bogus=1", result.stderr)
  end)

  it("hold together what there is no pid namespace for, whatever that did with them", function()
    needs_v1()
    local function gone() return run.run("pgrep -fx 'sleep 77.7'").stdout == "" end
    for _, kind in ipairs { "host", "host and cgroups of its own" } do
      local script = kind == "host" and "sleep 77.7 & exit 3" or [[mkdir /sys/fs/cgroup/freezer/in
        sleep 77.7 & echo $! > /sys/fs/cgroup/freezer/in/tasks; exit 3]]
      local result = limited(nil, script, function(config)
        table.remove(config.linux.namespaces, 1) -- pid
        local proc = bundles.find_mount(config, "/proc")
        proc.type, proc.source, proc.options = "bind", "/proc", { "rbind" }
        cgroup_mount { "rw" }(config)
        config.linux.cgroupsPath = nil
      end)
      assert.equal(3, result.status)
      assert.is_true(gone())
    end
  end)

  it("of a killed supervisor go with the next start, and nobody else's at the same path", function()
    needs_v1()
    local bundle = bundles.make(folder, { "sleep", "60" }, function(config)
      config.linux.cgroupsPath = "/spec-tidelock/again"
      config.linux.resources = { pids = { limit = 20 } }
    end)
    local dir = "/sys/fs/cgroup/pids/spec-tidelock/again"
    local kill = ("%s run --bundle %s & p=$!; until grep -q . %s/tasks; do sleep 1; done; "):format(
      run.tidelock, bundle, dir) .. "sleep 0.2; kill -9 $p; sleep 0.2; "
    assert.equal(0, run.run(kill .. ("%s run --bundle %s -- true"):format(run.tidelock,
      bundle)).status)
    assert.is_nil(run.read(dir .. "/tasks"))
    -- Its directory is gone, and another's stands there when somebody looks.
    local result = run.run(kill .. ([[D=%s; rmdir $D && mkdir $D && sleep 88.8 & q=$!; sleep 0.3
      echo $q > $D/tasks; %s run -m 64M -- true; kill -0 $q && echo lives; kill $q; wait $q
      sleep 0.1; rmdir $D; cd /sys/fs/cgroup
      rmdir */spec-tidelock/again */spec-tidelock]]):format(dir, run.tidelock))
    assert.matches("lives", result.stdout)
  end)

  it("leave directories on the way that were there before", function()
    needs_v1()
    os.execute("mkdir /sys/fs/cgroup/pids/spec-kept")
    local result = limited({ pids = { limit = 20 } }, "true", function(config)
      config.linux.cgroupsPath = "/spec-kept/made/container"
    end)
    assert.equal(0, result.status)
    assert.is_nil(run.read "/sys/fs/cgroup/pids/spec-kept/made/tasks")
    assert.not_nil(run.read "/sys/fs/cgroup/pids/spec-kept/tasks")
    os.execute("rmdir /sys/fs/cgroup/pids/spec-kept")
  end)

  it("are refused at a path that is taken, climbs, or is a unit's name", function()
    needs_v1()
    os.execute("mkdir /sys/fs/cgroup/pids/spec-taken")
    local function at(path)
      return limited({ pids = { limit = 20 } }, "true", function(config)
        config.linux.cgroupsPath = path
      end)
    end
    -- Nothing is asked of the host before something is to be made there.
    local bundle = bundles.make(folder, { "true" }, function(config)
      config.linux.cgroupsPath = "/spec-taken"
      config.linux.resources = { pids = { limit = 20 } }
    end)
    assert.equal(0, run.tl({ "explain", "--bundle", bundle }).status)
    local cases = { ["/spec-taken"] = "is there already", ["/a/../../b"] = "begins with a dot",
      ["system.slice:docker:abc"] = "a unit of systemd", ["/"] = "is no path" }
    for path, why in pairs(cases) do
      local result = at(path)
      assert.equal(125, result.status)
      assert.matches("linux%.cgroupsPath: .*" .. why, result.stderr)
    end
    os.execute("rmdir /sys/fs/cgroup/pids/spec-taken")
  end)

  it("that the kernel refuses are told by their property, and leave nothing", function()
    needs_v1()
    local result = limited({ cpu = { quota = 5 } }, "true")
    assert.equal(125, result.status)
    assert.matches("linux%.resources%.cpu%.quota", result.stderr)
    assert.matches("EINVAL", result.stderr)
  end)

  it("go beyond memory, cpu and pids", function()
    needs_v1()
    local result = limited({ cpu = { cpus = "0", mems = "0" } },
      "cat /sys/fs/cgroup/cpuset/cpuset.cpus /sys/fs/cgroup/cpuset/cpuset.mems; grep -c 'list:.0$'"
        .. " /proc/self/status")
    assert.equal("0\n0\n2\n", result.stdout)
    local disk = run.run("cat $(ls -d /sys/block/*/dev | grep -v zram | tail -1)").stdout
    local major, minor = disk:match("^(%d+):(%d+)")
    local device = { major = tonumber(major), minor = tonumber(minor), rate = 1048576 }
    result = limited({ blockIO = { throttleReadBpsDevice = { device } } },
      "cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device")
    assert.equal(("%s:%s 1048576\n"):format(major, minor), result.stdout)
  end)

  it("leave the kernel to choose who dies, as OCI has it", function()
    needs_v1()
    local result = limited({ memory = { limit = 33554432, swap = 33554432 } },
      "(x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo $x | wc -c); echo lived; exit 3")
    assert.equal(3, result.status)
    assert.matches("lived", result.stdout)
    assert.matches("hint: the memory limit 32M killed a process of it", result.stderr)
  end)

  it("that cannot be had are told by their property", function()
    for name, resources in pairs {
      ["linux.resources.cpu.cpus"] = { cpu = { cpus = "8000" } },
      ["linux.resources.hugepageLimits[0].pageSize"] =
        { hugepageLimits = { { pageSize = "2M", limit = 1 } } },
      ["linux.resources.blockIO.weight"] = { blockIO = { weight = 5 } },
      ["linux.resources.unified"] = { unified = { ["../x"] = "1" } },
    } do
      local result = limited(resources, "true")
      assert.equal(125, result.status)
      assert.matches(name .. ": ", result.stderr, 1, true)
    end
  end)

  it("cannot be had by an ordinary user on v1, who is told why", function()
    if run.who() == "root" then run.skip "needs an ordinary user" end
    if cgroup.version() ~= 1 then run.skip "needs cgroup v1 controllers" end
    local result = limited({ memory = { limit = 1000000 } }, "true")
    assert.equal(125, result.status)
    assert.matches("linux%.resources%.memory%.limit: .* cannot be enforced: ", result.stderr)
  end)
end)
