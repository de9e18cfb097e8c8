-- Device rules where the unified hierarchy is the machine's own and has controllers: they stand in
-- the same directory as the limits.
local bundles = require "spec.support.bundle"
local core = require "tidelock.core"
local ebpf = require "spec.support.ebpf"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("the device rules of a bundle with limits, on cgroup v2", function()
  local folder, before

  setup(function()
    folder = run.folder()
    run.tl { "run", "--best-effort", "-m", "64M", "--", "true" } -- the state's folders are there
  end)
  teardown(function() run.remove(folder) end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before, 3) end)

  local function needs_v2()
    if run.who() ~= "root" then run.skip "needs root" end
    local there = run.read "/sys/fs/cgroup/cgroup.controllers" or ""
    if core.cgroup.version "/sys/fs/cgroup" ~= 2 or not there:find "memory" then
      run.skip "needs cgroup v2 controllers"
    end
  end

  local function bundle(script, change)
    return bundles.run(folder, script, function(config)
      for _, set in pairs(config.process.capabilities) do set[#set + 1] = "CAP_MKNOD" end
      table.insert(config.mounts, bundles.mount("/tmp", "tmpfs", "tmpfs"))
      config.linux.resources = { memory = { limit = 67108864 }, pids = { limit = 20 },
        devices = { { allow = false, access = "rwm" },
          { allow = true, type = "c", major = 60, minor = 1, access = "r" } } }
      if change then change(config) end
    end)
  end

  local USE = [[cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max
    mknod /tmp/a c 60 1; (: < /tmp/a) 2>&1 | sed 's/.*: //'; (: > /tmp/a) 2>&1 | sed 's/.*: //']]
  local TOLD = "67108864\n20\nNo such device or address\nOperation not permitted\n"

  it("are in force beside them, and end with the container", function()
    needs_v2()
    local programs = ebpf.programs()
    local result = bundle(USE)
    assert.equal("", result.stderr)
    assert.equal(TOLD, result.stdout)
    for _ = 1, 60 do
      local left = 0
      for id in pairs(ebpf.programs()) do left = left + (programs[id] and 0 or 1) end
      if left == 0 then return end
      os.execute "sleep 0.05"
    end
    error "a program is left"
  end)

  it("are so where config.json says, below what systemd would hold to rules too", function()
    needs_v2()
    assert(core.file.mkdirat(nil, "/sys/fs/cgroup/spec-slice", 493))
    finally(function() os.execute "rmdir /sys/fs/cgroup/spec-slice" end)
    assert(ebpf.attach("/sys/fs/cgroup/spec-slice",
      core.devices.compile { allow = true, "c 60:1 w" }))
    local result = bundle(USE, function(config)
      config.linux.cgroupsPath = "/spec-slice/devices"
    end)
    assert.equal(TOLD, result.stdout)
  end)

  it("hold what a container with cgroups of its own puts below", function()
    needs_v2()
    local result = bundle([[mknod /tmp/a c 60 1; cd /sys/fs/cgroup && mkdir below &&
      sh -c 'echo $$ > below/cgroup.procs; cat /proc/self/cgroup; (: > /tmp/a) 2>&1' |
      sed 's/.*: //']], function(config)
      bundles.find_mount(config, "/sys/fs/cgroup").options = { "nosuid", "rw" }
      for _, set in pairs(config.process.capabilities) do set[#set + 1] = "CAP_DAC_OVERRIDE" end
    end)
    assert.equal("0::/below\nOperation not permitted\n", result.stdout)
  end)
end)
