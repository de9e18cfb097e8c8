-- A cgroup path with "..", or a key of `unified` with a slash, leads out of the container's cgroup.
-- Of a box only tidelock names the cgroups; a bundle's cgroupsPath is taken apart and every part
-- checked, and what would be written is a name, never a path.
local cgroup = require "spec.support.cgroup"
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local PATHS = { "..", "../x", "/../x", "a/../b", "/a/../../b", "/./x", ".", ".x", "a/.x",
  "a//..//b", "a\nb", "a\0b", "/", "//", "a/" .. ("b"):rep(256), ("a/"):rep(600),
  "system.slice:a:../b", "-.slice:../x:y" }

describe("a cgroup path that leads elsewhere", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  local function directories()
    return run.run("find /sys/fs/cgroup -type d | sort").stdout
  end

  it("is refused by a bundle, and nothing is made", function()
    if run.who() ~= "root" then run.skip "needs root" end
    for _, path in ipairs(PATHS) do
      local result = ways.list()[3].run({ "echo", "ran" }, { folder = folder,
        config = function(config) config.linux.cgroupsPath = path end })
      assert.same({ 125, "" }, { result.status, result.stdout }, ("%q"):format(path))
      assert.matches("cgroupsPath", result.stderr, 1, true)
      assert.is_nil(directories():find("/x\n", 1, true))
    end
  end)

  it("is where the container is, if it leads nowhere else", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local name = "tl-spec-" .. folder:match "%w+$"
    local result = ways.list()[3].run({ "cat", "/proc/self/cgroup" }, { folder = folder,
      config = function(config)
        config.linux.cgroupsPath = "/" .. name .. "/a..b/c"
        config.linux.resources = { pids = { limit = 100 } }
        for i, space in ipairs(config.linux.namespaces) do
          if space.type == "cgroup" then table.remove(config.linux.namespaces, i) break end
        end
        for i, mount in ipairs(config.mounts) do
          if mount.type == "cgroup" then table.remove(config.mounts, i) break end
        end
      end })
    local controller = cgroup.version() == 2 and "0::" or "pids:"
    assert.matches(controller .. "/[^\n]*" .. name:gsub("%-", "%%-") .. "/a%.%.b/c\n",
      result.stdout, result.stderr)
    assert.is_nil(directories():find(name, 1, true))
  end)

  it("is no key of unified that is taken", function()
    for _, key in ipairs { "../memory.max", "memory.max/../../x", "/memory.max", "a/b", "." } do
      local result = ways.list()[3].run({ "echo", "ran" }, { folder = folder,
        config = function(config) config.linux.resources = { unified = { [key] = "1" } } end })
      assert.same({ 125, "" }, { result.status, result.stdout }, key)
      assert.matches("unified", result.stderr, 1, true)
    end
  end)

  it("is nothing that run or exec take: limits have names of their own", function()
    for _, fields in ipairs { "limits = { ['../memory.max'] = 1 }", "limits = { cgroup = '../x' }",
      "cgroup = '../x'", "tidelock.op.make_cgroup { '/sys/fs/cgroup', '../x', at = 'mounts' }",
      "ops = { { at = 'root', op = 'limit_cgroup', fields = { file = '../x', value = '1' } } }" } do
      local result = ways.list()[2].run({ "echo", "ran" }, { folder = folder, fields = fields })
      assert.not_equal(0, result.status, fields)
      assert.equal("", result.stdout)
    end
    assert.is_nil(run.tl({ "run", "--help" }).stdout:find "%-%-cgroup")
  end)
end)
