-- Mounts and devices of a bundle: every option does what the specification says it does.
local bundles = require "spec.support.bundle"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("the mounts of a bundle", function()
  local folder, source, before

  setup(function()
    folder = run.folder()
    source = folder .. "/source"
    os.execute(("mkdir -p -m 755 %s/below && echo text > %s/file && echo inner > %s/below/file")
      :format(source, source, source))
  end)
  teardown(function() run.remove(folder) end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before) end)

  local function root_only()
    if run.who() ~= "root" then run.skip "needs root" end
  end

  local function with(mount, script, words)
    return bundles.run(folder, script, function(config)
      table.insert(config.mounts, mount)
    end, words)
  end

  local function options_of(mount, target)
    local result = with(mount, ("grep ' %s ' /proc/self/mountinfo | tail -1"):format(target))
    assert.equal("", result.stderr)
    return result.stdout
  end

  it("bind a directory or a file, writable or read-only", function()
    local result = with(bundles.mount("/mnt", "bind", source, { "rbind", "rw" }),
      "cat /mnt/file; echo changed > /mnt/new && rm /mnt/new")
    assert.equal("text\n", result.stdout)
    assert.equal(0, result.status)
    result = with(bundles.mount("/mnt", nil, source, { "bind", "ro" }), "touch /mnt/new")
    assert.matches("Read%-only file system", result.stderr)
    result = with(bundles.mount("/etc/passwd", "bind", source .. "/file", { "bind", "ro" }),
      "cat /etc/passwd")
    assert.equal("text\n", result.stdout)
  end)

  it("take a source relative to the bundle", function()
    local result = bundles.run(folder, "cat /mnt/note", function(config, bundle)
      os.execute(("mkdir %s/data && echo noted > %s/data/note"):format(bundle, bundle))
      table.insert(config.mounts, bundles.mount("/mnt", "bind", "data", { "bind" }))
    end)
    assert.equal("noted\n", result.stdout)
  end)

  it("have the attributes of their options", function()
    local cases = {
      [{ "bind", "nosuid", "nodev", "noexec" }] = "nosuid,nodev,noexec",
      [{ "bind", "nosymfollow" }] = "nosymfollow",
      [{ "rbind", "rro", "rnosuid" }] = "ro,nosuid",
      [{ "rbind", "ro" }] = "ro",
      [{ "rbind", "rro", "rrw" }] = "rw",
      [{ "bind", "ro", "rw" }] = "rw",
    }
    for options, expected in pairs(cases) do
      local line = options_of(bundles.mount("/mnt", "bind", source, options), "/mnt")
      for word in expected:gmatch("[^,]+") do
        local shown = line:match(" /mnt (%S+) ") or ""
        assert((","..shown..","):find("," .. word .. ",", 1, true),
          ("%s of %s: %s"):format(word, table.concat(options, ","), line))
      end
    end
  end)

  it("have access times as they say, which only the host's root may change", function()
    local mount = bundles.mount("/mnt", "bind", source, { "bind", "noatime", "nodiratime" })
    local result = with(mount, "grep ' /mnt ' /proc/self/mountinfo | tail -1")
    if run.who() == "root" then
      assert.matches("noatime,nodiratime", result.stdout)
    else
      assert.matches("mounts%[%d+%]", result.stderr)
      assert.matches("hint: in a user namespace the access times", result.stderr)
    end
  end)

  it("have the options of their file system, and its source", function()
    local line = options_of(bundles.mount("/mnt", "tmpfs", "named",
      { "nosuid", "noexec", "size=64k", "mode=750" }), "/mnt")
    assert.matches("rw,nosuid,noexec", line)
    assert.matches("%- tmpfs named rw,size=64k,mode=750", line)
  end)

  it("are recursive where the option says so, and only there", function()
    root_only()
    os.execute(("mount -t tmpfs inner %s/below && echo mounted > %s/below/file"):format(source,
      source))
    local function seen(options)
      return with(bundles.mount("/mnt", "bind", source, options),
        "cat /mnt/below/file; touch /mnt/below/x 2>/dev/null && echo written").stdout
    end
    local results = { seen { "bind" }, seen { "rbind" }, seen { "rbind", "ro" },
      seen { "rbind", "rro" } }
    os.execute(("umount %s/below"):format(source))
    os.execute(("rm -f %s/below/x"):format(source))
    assert.same({ "inner\nwritten\n", "mounted\nwritten\n", "mounted\nwritten\n", "mounted\n" },
      results)
  end)

  it("are part of the host's propagation only where they ask for it", function()
    root_only()
    local shared = folder .. "/shared"
    os.execute(("mkdir -p %s && mount --bind %s %s && mount --make-shared %s && mkdir -p %s/a %s/b")
      :format(shared, shared, shared, shared, shared, shared))
    local function seen(options)
      local bundle = bundles.make(folder, { "sh", "-c", [[
        mkdir -p /tmp/x; grep ' /mnt ' /proc/self/mountinfo | grep -o -e 'master:' -e 'shared:'
        until ls /mnt/a/mounted /tmp/go 2>/dev/null | grep -q .; do sleep 0.02; done
        ls /mnt/a | tr '\n' ' ']] }, function(config)
        table.insert(config.mounts, bundles.mount("/mnt", "bind", shared, options))
        table.insert(config.mounts, bundles.mount("/tmp", "bind", folder .. "/signal", { "bind" }))
      end)
      os.execute(("mkdir -p %s/signal; rm -f %s/signal/go"):format(folder, folder))
      local result = run.run(([[%s run --bundle %s > %s/out & sleep 0.3
        mount -t tmpfs propagated %s/a && touch %s/a/mounted; sleep 0.2; touch %s/signal/go; wait
        umount %s/a; cat %s/out]]):format(run.tidelock, bundle, folder, shared, shared, folder,
          shared,
        folder))
      return result.stdout
    end
    local results = { seen { "rbind" }, seen { "rbind", "rprivate" }, seen { "rbind", "rslave" },
      seen { "rbind", "rshared" } }
    os.execute(("umount -l %s"):format(shared))
    assert.same({ "", "", "master:\nmounted ", "shared:\nmounted " }, results)
  end)

  it("leave the root as linked as rootfsPropagation says", function()
    root_only()
    -- The directory of the root has a name of its own in the file system that holds it.
    local function linked(propagation)
      return bundles.run(folder, "grep ' / r[ow],' /proc/self/mountinfo | grep -c shared:",
        function(config) config.linux.rootfsPropagation = propagation end).stdout
    end
    assert.equal("0\n", linked(nil))
    assert.equal("1\n", linked "shared")
  end)

  it("have the last word of those about access times", function()
    root_only()
    local line = options_of(bundles.mount("/mnt", "bind", source, { "bind", "noatime", "nodiratime",
      "strictatime" }), "/mnt")
    assert.is_nil(line:find("noatime", 1, true))
    assert.is_nil(line:find("relatime", line:find(" /mnt ", 1, true), true))
    line = options_of(bundles.mount("/mnt", "tmpfs", "tmpfs", { "noatime", "relatime" }), "/mnt")
    assert.matches("relatime", line)
  end)

  it("do not cover the root", function()
    local result = with(bundles.mount("/", "tmpfs", "tmpfs"), "true")
    assert.equal(125, result.status)
    assert.matches("destination: .* is the root itself", result.stderr)
  end)

  it("can be remounted", function()
    local result = bundles.run(folder, "touch /mnt/x", function(config)
      table.insert(config.mounts, bundles.mount("/mnt", "tmpfs", "tmpfs"))
      table.insert(config.mounts, bundles.mount("/mnt", "none", nil, { "remount", "bind", "ro" }))
    end)
    assert.matches("Read%-only file system", result.stderr)
  end)

  it("stay inside where the root has a link in the way", function()
    root_only()
    os.execute(("rm -rf %s/victim && mkdir %s/victim"):format(folder, folder))
    local rootfs = bundles.rootfs(folder .. "/linked")
    os.execute(("ln -s %s/victim %s/link && ln -s ../../../../../../..%s/victim %s/climb")
      :format(folder, rootfs, folder, rootfs))
    for _, target in ipairs { "/link/new", "/climb/new" } do
      local result = bundles.run(folder, "cat " .. target .. "/file", function(config)
        config.root.path = rootfs
        table.insert(config.mounts, bundles.mount(target, "bind", source, { "bind" }))
      end)
      assert.equal("text\n", result.stdout)
    end
    assert.equal("", run.run { "ls", folder .. "/victim" }.stdout)
  end)

  it("make devices with their numbers, mode and owner", function()
    root_only()
    local result = bundles.run(folder,
      "stat -c '%t:%T %a %u:%g' /dev/fuse /dev/fifo /dev/null; stat -c %F /dev/fifo",
      function(config)
        config.linux.devices = {
          { type = "c", path = "/dev/fuse", major = 10, minor = 229, fileMode = 384, uid = 7,
            gid = 8 },
          { type = "p", path = "/dev/fifo", fileMode = 420 },
          { type = "c", path = "/dev/null", major = 1, minor = 3, fileMode = 420 },
        }
      end)
    assert.equal("a:e5 600 7:8\n0:0 644 0:0\n1:3 644 0:0\nfifo\n", result.stdout)
  end)

  it("let no device be used that the rules of config.json do not allow", function()
    root_only()
    local function use(rules)
      local result = bundles.run(folder, [[mknod /tmp/full c 1 7 && mknod /tmp/fuse c 10 229 &&
        (echo x > /tmp/full) 2>&1 | sed 's/.*: //'; (: < /tmp/fuse) 2>&1 | sed 's/.*: //']],
        function(config)
          for _, set in pairs(config.process.capabilities) do set[#set + 1] = "CAP_MKNOD" end
          table.insert(config.mounts, bundles.mount("/tmp", "tmpfs", "tmpfs"))
          config.linux.resources = rules and { devices = rules }
        end)
      return result.stderr .. result.stdout
    end
    local denied = "No space left on device\nOperation not permitted\n"
    assert.equal(denied, use { { allow = false, access = "rwm" } })
    assert.equal(denied, use(nil)) -- who can make nodes is held back without being asked
    assert.is_nil(use({ { allow = false, access = "rwm" },
      { allow = true, type = "c", major = 10, minor = 229, access = "rwm" } })
      :find("not permitted", 1, true))
  end)

  it("show nodes that an image brings as what they are not: devices", function()
    root_only()
    local rootfs = bundles.rootfs(folder .. "/nodes")
    os.execute(("mknod -m 666 %s/etc/zero c 1 5"):format(rootfs))
    local result = bundles.run(folder, "head -c 1 /etc/zero", function(config)
      config.root.path = rootfs
      config.linux.resources = nil
    end)
    assert.matches("Permission denied", result.stderr)
  end)
end)
