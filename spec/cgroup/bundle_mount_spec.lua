-- A bundle's cgroup mount on the unified hierarchy.
local bundles = require "spec.support.bundle"
local cgroup = require "spec.support.cgroup"
local run = require "spec.support.run"

describe("the cgroup mount of a bundle", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  -- As engines write it for the host's network: /sys is the host's.
  local function with_sys_of_host(config)
    local kept = {}
    for _, space in ipairs(config.linux.namespaces) do
      if space.type ~= "network" and space.type ~= "cgroup" then kept[#kept + 1] = space end
    end
    kept[#kept + 1] = { type = "cgroup" }
    config.linux.namespaces = kept
    local sys = bundles.find_mount(config, "/sys")
    sys.type, sys.source, sys.options = "bind", "/sys", { "rbind", "ro" }
    if not bundles.find_mount(config, "/sys/fs/cgroup") then
      table.insert(config.mounts, bundles.mount("/sys/fs/cgroup", "cgroup", "cgroup", { "ro" }))
    end
  end

  it("shows its own cgroup also where /sys is the host's", function()
    cgroup.needs(2)
    local result = bundles.run(folder, "ls -d /sys/fs/cgroup/*.slice; cat /proc/self/cgroup; "
      .. "mkdir /sys/fs/cgroup/made; grep -x 1 /sys/fs/cgroup/cgroup.procs", with_sys_of_host)
    assert.equal("0::/\n1\n", result.stdout, result.stderr)
    assert.matches("slice: No such file", result.stderr)
    assert.matches("made.*: Read%-only file system", result.stderr)
  end)
end)
