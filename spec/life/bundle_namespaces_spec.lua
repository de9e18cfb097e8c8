-- Namespaces of a bundle: new ones, those of others by path, and users.
local bundles = require "spec.support.bundle"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("the namespaces of a bundle", function()
  local folder, before

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before) end)

  local function root_only()
    if run.who() ~= "root" then run.skip "needs root" end
  end

  -- Replaces the entry of one type; nil as path makes it new, false takes it away.
  local function set(config, kind, path)
    local kept = {}
    for _, space in ipairs(config.linux.namespaces) do
      if space.type ~= kind then kept[#kept + 1] = space end
    end
    if path ~= false then kept[#kept + 1] = { type = kind, path = path } end
    config.linux.namespaces = kept
  end

  -- The host's /sys and mqueue where those namespaces are not the container's own.
  local function without(config, kind)
    set(config, kind, false)
    if kind == "network" then
      local sys = bundles.find_mount(config, "/sys")
      sys.type, sys.source, sys.options = "bind", "/sys", { "rbind", "ro" }
    elseif kind == "ipc" then
      for i, mount in ipairs(config.mounts) do
        if mount.destination == "/dev/mqueue" then table.remove(config.mounts, i) end
      end
    end
  end

  local LIST = "cd /proc/self/ns; for n in ipc uts net pid mnt cgroup user; do readlink $n; done"

  local function inodes(text)
    local found = {}
    for name, inode in text:gmatch("(%w+):%[(%d+)%]") do found[name] = inode end
    return found
  end

  local function host() return inodes(run.run(LIST).stdout) end

  it("are new where they are listed, and the caller's where they are not", function()
    local here = host()
    local there = inodes(bundles.run(folder, LIST).stdout)
    for _, name in ipairs { "ipc", "uts", "net", "pid", "mnt" } do
      assert.not_equal(here[name], there[name])
    end
    for kind, name in pairs { network = "net", ipc = "ipc" } do
      local result = bundles.run(folder, LIST, function(config) without(config, kind) end)
      assert.equal("", result.stderr)
      assert.equal(here[name], inodes(result.stdout)[name])
    end
  end)

  -- A process that sleeps in namespaces of its own; f gets the folder of its ns files.
  local function beside(unshare, f)
    local result = run.run(
      ("unshare %s sh -c 'echo $$ > %s/pid; exec sleep 60' & "):format(unshare, folder)
      .. ("until [ -s %s/pid ]; do sleep 0.02; done"):format(folder))
    assert.equal(0, result.status)
    local pid = run.run("pgrep -nf '^sleep 60$'").stdout:match("%d+")
    local good, message = pcall(f, ("/proc/%s/ns/"):format(pid), pid)
    run.run("pkill -f '^sleep 60$'; rm -f " .. folder .. "/pid")
    assert(good, message)
  end

  it("are joined by path, each of them", function()
    root_only()
    beside("--net --ipc --uts --cgroup", function(ns)
      local there = inodes(run.run((LIST:gsub("/proc/self/ns", ns))).stdout)
      for kind, name in pairs { network = "net", ipc = "ipc", uts = "uts", cgroup = "cgroup" } do
        local result = bundles.run(folder, LIST, function(config)
          set(config, kind, ns .. name)
          config.linux.resources = nil
        end)
        assert.equal("", result.stderr)
        local inside = inodes(result.stdout)
        assert.equal(there[name], inside[name])
        assert.not_equal(host()[name], inside[name])
      end
    end)
  end)

  it("are joined all at once, with a new pid namespace and without", function()
    root_only()
    beside("--net --ipc --uts", function(ns)
      for _, pid in ipairs { "new", "host" } do
        local result = bundles.run(folder, "echo $$; hostname; " .. LIST, function(config)
          for kind, name in pairs { network = "net", ipc = "ipc", uts = "uts" } do
            set(config, kind, ns .. name)
          end
          config.hostname = nil
          if pid == "host" then
            set(config, "pid", false)
            local proc = bundles.find_mount(config, "/proc")
            proc.type, proc.source, proc.options = "bind", "/proc", { "rbind" }
          end
        end)
        assert.equal("", result.stderr)
        local there = inodes(run.run((LIST:gsub("/proc/self/ns", ns))).stdout)
        local inside = inodes(result.stdout)
        for _, name in ipairs { "net", "ipc", "uts" } do
          assert.equal(there[name], inside[name])
        end
        assert.equal(pid == "new", result.stdout:match("^1\n") ~= nil)
      end
    end)
  end)

  it("are joined where it is the pid namespace: other processes see it, and it sees them",
    function()
    root_only()
    beside("--pid --fork --mount-proc", function(ns)
      local result = bundles.run(folder, "ls /proc | grep -c '^[0-9]'; echo $$; cat /proc/1/comm",
        function(config) set(config, "pid", ns .. "pid") end)
      assert.equal("", result.stderr)
      local processes, own, first = result.stdout:match("^(%d+)\n(%d+)\n(%w+)\n$")
      assert(tonumber(processes) >= 2 and tonumber(own) > 1, result.stdout)
      assert.equal("sleep", first)
    end)
  end)

  it("are joined where it is the user namespace, with the rights there", function()
    root_only()
    beside("--user --map-root-user --net", function(ns)
      local result = bundles.run(folder, "id -u; cat /proc/self/uid_map; " .. LIST, function(config)
        set(config, "user", ns .. "user")
        set(config, "network", ns .. "net")
        config.linux.resources = nil
        config.mounts[3].options = { "nosuid", "noexec", "newinstance", "ptmxmode=0666",
          "mode=0620" }
      end)
      assert.equal("", result.stderr)
      local inside = inodes(result.stdout)
      local there = inodes(run.run((LIST:gsub("/proc/self/ns", ns))).stdout)
      assert.equal(there.user, inside.user)
      assert.equal(there.net, inside.net)
      assert.matches("^0\n%s+0%s+0%s+1\n", result.stdout)
    end)
  end)

  it("drop the caller's groups before they join another's users", function()
    root_only()
    beside("--user --map-root-user", function(ns)
      local bundle = bundles.make(folder, { "grep", "Groups", "/proc/self/status" },
        function(config)
        set(config, "user", ns .. "user")
        config.linux.resources = nil
        config.mounts[3].options = { "nosuid", "noexec", "newinstance", "ptmxmode=0666" }
      end)
      local result = run.run { "setpriv", "--groups", "4,24", run.tidelock, "run", "--bundle",
        bundle }
      assert.equal("Groups:\t \n", result.stdout)
    end)
  end)

  it("are joined beside a new user namespace that does not own them", function()
    root_only()
    beside("--net", function(ns)
      local result = bundles.run(folder, "id -u; cat /proc/self/uid_map; " .. LIST, function(config)
        set(config, "user")
        set(config, "network", ns .. "net")
        config.linux.uidMappings = { { containerID = 0, hostID = 300000, size = 1000 } }
        config.linux.gidMappings = { { containerID = 0, hostID = 300000, size = 1000 } }
        config.linux.resources = nil
        local sys = bundles.find_mount(config, "/sys")
        sys.type, sys.source, sys.options = "bind", "/sys", { "rbind", "rro" }
      end)
      assert.equal("", result.stderr)
      assert.matches("^0\n%s+0%s+300000%s+1000\n", result.stdout)
      assert.equal(inodes(run.run((LIST:gsub("/proc/self/ns", ns))).stdout).net,
        inodes(result.stdout).net)
    end)
  end)

  it("are refused where the file is no namespace, or of another kind", function()
    root_only()
    for path, why in pairs { ["/etc/passwd"] = "ENOTTY", ["/proc/self/ns/ipc"] = "EINVAL",
      ["/nonexistent"] = "does not exist", ["relative"] = "is not absolute" } do
      local result = bundles.run(folder, "true", function(config)
        set(config, "network", path)
      end)
      assert.equal(125, result.status)
      assert.matches("linux%.namespaces", result.stderr)
      assert.matches(why, result.stderr)
    end
  end)

  it("map users as config.json says, as root", function()
    root_only()
    local result = bundles.run(folder,
      "id -u; id -g; cat /proc/self/uid_map; touch /tmp/made; stat -c %u /tmp/made",
      function(config)
        set(config, "user")
        config.linux.uidMappings = { { containerID = 0, hostID = 200000, size = 1000 },
          { containerID = 1000, hostID = 300000, size = 1 } }
        config.linux.gidMappings = { { containerID = 0, hostID = 200000, size = 2000 } }
        config.process.user = { uid = 1000, gid = 100 }
        config.linux.resources = nil
        table.insert(config.mounts, bundles.mount("/tmp", "tmpfs", "tmpfs", { "mode=1777" }))
      end)
    assert.equal("", result.stderr)
    assert.matches("^1000\n100\n%s+0%s+200000%s+1000\n%s+1000%s+300000%s+1\n1000\n$", result.stdout)
  end)

  it("refuse ids that the map does not have", function()
    local result = bundles.run(folder, "true", function(config)
      set(config, "user")
      config.linux.uidMappings = { { containerID = 0, hostID = 1000, size = 1 } }
      config.linux.gidMappings = { { containerID = 0, hostID = 1000, size = 1 } }
      config.process.user = { uid = 5, gid = 0 }
    end)
    assert.equal(125, result.status)
    assert.matches("process%.user%.uid: 5 is not mapped", result.stderr)
  end)

  it("need a user namespace for an ordinary user, who is told so", function()
    if run.who() == "root" then run.skip "needs an ordinary user" end
    local result = bundles.run(folder, "true", function(config)
      set(config, "user", false)
      config.linux.uidMappings, config.linux.gidMappings = nil, nil
    end)
    assert.equal(125, result.status)
    assert.matches("linux%.namespaces: has no \"user\"", result.stderr)
  end)

  it("take subordinate ids by way of newuidmap", function()
    if run.who() == "root" then run.skip "needs an ordinary user" end
    if not run.has_subids() then run.skip "needs subordinate ids" end
    local result = bundles.run(folder, "id -u; cat /proc/self/uid_map | wc -l", function(config)
      local own = config.linux.uidMappings[1].hostID
      for _, name in ipairs { "uidMappings", "gidMappings" } do
        config.linux[name] = { { containerID = 0, hostID = own, size = 1 },
          { containerID = 1, hostID = 200000, size = 1000 } }
      end
      config.process.user = { uid = 7, gid = 8, additionalGids = { 9 } }
    end)
    assert.equal("", result.stderr)
    assert.equal("7\n2\n", result.stdout)
  end)

  it("must have one for mounts, and none twice, and no other names", function()
    for change, why in pairs {
      [function(config) set(config, "mount", false) end] = 'has no "mount"',
      [function(config) table.insert(config.linux.namespaces,
        { type = "ipc" }) end] = "is there twice",
      [function(config) table.insert(config.linux.namespaces, { type = "net" }) end] =
        "is no namespace %(accepted: cgroup, ipc, mount, network",
      [function(config) table.insert(config.linux.namespaces, { type = "time" }) end] =
        "time namespaces are not made yet",
    } do
      local result = bundles.run(folder, "true", change)
      assert.equal(125, result.status)
      assert.matches(why, result.stderr)
    end
  end)
end)
