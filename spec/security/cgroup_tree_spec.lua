-- CVE-2023-25809: the host's tree of cgroups is writable in a container without a cgroup namespace:
-- rootless by delegation, or as the host's root. A box sees none, or a read-only one; a bundle
-- whose config.json asks for a cgroup mount gets a namespace of cgroups with it, and can write its
-- own at most.
local cgroup = require "spec.support.cgroup"
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local NAME = "owned-by-spec"

describe("the host's cgroups", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  -- Makes a directory wherever there is a cgroup file system, or a way to mount one; no file of the
  -- host's is written, because this would work where the attack does.
  local ATTACK = [[
    mkdir -p /tmp/c && for t in cgroup2 cgroup; do
      mount -t $t -o memory none /tmp/c || mount -t $t none /tmp/c; done 2>/dev/null
    grep -E ' - (cgroup|cgroup2) |/sys/fs/cgroup' /proc/self/mountinfo |
    while read -r a b c d path rest; do
      echo "saw $path"
      mkdir $path/NAME && echo "made $path"
    done 2>/dev/null; echo done]]
  ATTACK = ATTACK:gsub("NAME", NAME)

  local function find()
    return run.run("find /sys/fs/cgroup -name " .. NAME .. " 2>/dev/null").stdout
  end

  after_each(function()
    run.run("find /sys/fs/cgroup -depth -name " .. NAME .. " -exec rmdir {} +")
  end)

  local function verify(result)
    assert.matches("done\n$", result.stdout, result.stderr)
    assert.equal("", find())
    assert.is_nil(result.stdout:match "made [^\n]*")
  end

  -- On v2 a user's box without limits is in the caller's own cgroup: where it may mount, it makes
  -- others there, and nowhere else.
  local function verify_own(result)
    assert.matches("done\n$", result.stdout, result.stderr)
    local own = run.read("/proc/self/cgroup"):match "0::(/[^\n]*)"
    local found = find()
    assert(found == "" or found == ("/sys/fs/cgroup%s/%s\n"):format(own, NAME), found)
  end

  for _, way in ipairs(ways.list()) do
    for what, settings in pairs {
      ["by default"] = {}, ["with capabilities"] = { caps = { "SYS_ADMIN", "DAC_OVERRIDE" },
        unfiltered = true },
    } do
      it(("cannot be changed from %s, %s"):format(way.name, what), function()
        settings.folder = folder
        -- In a bundle SYS_ADMIN is the host's, unless it has a user namespace.
        if way.name == "bundle" and settings.caps and run.who() == "root" then
          settings.caps = { "DAC_OVERRIDE" }
        end
        local shared = settings.caps and run.who() == "user" and cgroup.version() == 2
        local check = shared and verify_own or verify
        check(way.run({ "sh", "-c", ATTACK }, settings))
      end)
    end
  end

  it("cannot be changed with the network or the cgroups of the host, nor in its view", function()
    for _, options in ipairs { { "--net", "host" }, { "--share", "cgroup" }, { "--view", "host" },
      { "--net", "host", "--share", "cgroup", "--cap-add", "DAC_OVERRIDE" } } do
      verify(ways.list()[1].run({ "sh", "-c", ATTACK }, { folder = folder, options = options }))
    end
  end)

  it("are not shown by a bundle's cgroup mount, though it asks for no namespace", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local result = ways.list()[3].run({ "sh", "-c", ATTACK .. "; cat /proc/self/cgroup" }, {
      folder = folder, config = function(config)
        local kept = {}
        for _, space in ipairs(config.linux.namespaces) do
          if space.type ~= "cgroup" then kept[#kept + 1] = space end
        end
        config.linux.namespaces = kept
        for _, mount in ipairs(config.mounts) do
          if mount.type == "cgroup" then mount.options = { "nosuid", "noexec", "nodev" } end
        end
        config.linux.resources = { pids = { limit = 100 } }
      end })
    -- What is writable is its own, and goes with it.
    assert.equal("", find())
    for path in result.stdout:gmatch "%d+:[^:\n]+:([^\n]*)" do assert.equal("/", path) end
    for dir in result.stdout:gmatch "made ([^\n]*)" do
      assert.matches("^/sys/fs/cgroup/?[^/]*$", dir)
    end
  end)

  it("can be changed from a new mount namespace alone: the attack works", function()
    if run.who() ~= "root" then run.skip "needs root" end
    -- In a cgroup of this spec's own, which the container could not see if it were confined.
    local own = "/sys/fs/cgroup/pids/tl-spec-" .. folder:match "%w+$"
    if run.run({ "mkdir", own }).status ~= 0 then run.skip "needs cgroup v1 controllers" end
    local result = run.run { "unshare", "-mpf", "mkdir", own .. "/" .. NAME }
    local found = find()
    run.run { "rmdir", own .. "/" .. NAME, own }
    assert.equal(own .. "/" .. NAME .. "\n", found, result.stderr)
  end)
end)
