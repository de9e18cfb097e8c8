-- The limits beyond memory, pids and cpus, on cgroup v1: the kernel has taken them, and they hold.
local box = require "spec.support.box"
local cgroup = require "spec.support.cgroup"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local limits = cgroup.options

-- A whole device, as its numbers.
local function device()
  local path = run.run("ls -d /sys/block/*/dev | grep -v -e /ram -e /zram | tail -1").stdout
  return (run.read((path:gsub("\n$", ""))) or ""):match("^%d+:%d+")
end

local function needs_controller(name)
  if run.who() ~= "root" then run.skip "needs root" end
  if cgroup.version() ~= 1 then run.skip "needs cgroup v1 controllers" end
  if not run.read("/proc/self/cgroup"):find(":" .. name .. ":", 1, true) then
    run.skip "needs cgroup v1 controllers"
  end
end

local HOG = "perl -e 'my $x = q(); vec($x, 64 * 1048576, 8) = 1'"

describe("limits on cgroup v1", function()
  local before
  before_each(function()
    if cgroup.version() == 1 and run.who() == "root" then
      run.tl { "run", "--pids", "9", "--", "true" }
    end
    before = leaks.snapshot()
  end)
  after_each(function() leaks.verify(before, 3) end)

  it("keep a box on its processors, wherever its cpuset is made", function()
    needs_controller "cpuset"
    local show = "grep -h -e Cpus_allowed_list -e Mems_allowed_list /proc/self/status"
    assert.equal("Cpus_allowed_list:\t0\nMems_allowed_list:\t0",
      box.prints(show, limits("cpuset=0", "cpuset_mems=0")))
    assert.matches("Cpus_allowed_list:\t0$", (box.prints(show, limits "cpuset=0"):gsub("\n.*", "")))
    assert.matches("Mems_allowed_list:\t0$", box.prints(show, limits "cpuset_mems=0"))
    -- Of a caller that has fewer itself.
    local result = run.run(([[
      d=/sys/fs/cgroup/cpuset$(sed -n 's/^[0-9]*:cpuset://p' /proc/self/cgroup)/tl-spec
      mkdir $d && echo 0 > $d/cpuset.cpus && echo 0 > $d/cpuset.mems
      (echo 0 > $d/tasks; %s run --limit cpuset=1 -- true 2>&1; echo $?
      %s run --limit cpuset=0 -- grep -c 'list:.0$' /proc/self/status); rmdir $d]]):format(
      run.quote(run.tidelock), run.quote(run.tidelock)))
    assert.matches('limits.cpuset: "1" names processor 1.*accepted: of 0%)', result.stdout)
    assert.matches("\n125\n2\n$", result.stdout)
  end)

  it("are in their files", function()
    needs_controller "blkio"
    local disk = device()
    assert.same({ "memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=100663296",
      "memory.soft_limit_in_bytes=33554432", "cpu.shares=2048", "cpu.cfs_quota_us=50000",
      "cpu.cfs_burst_us=10000", "blkio.throttle.read_bps_device=" .. disk .. " 10485760",
      "blkio.throttle.write_iops_device=" .. disk .. " 100" },
      cgroup.values(limits("memory=64M", "swap=32M", "memory_low=32M", "cpu_weight=200", "cpus=.5",
        "cpu_burst=10ms", "io=" .. disk .. ":rbps=10M,wiops=100"),
        { "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes",
          "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_burst_us", "blkio.throttle.read_bps_device",
          "blkio.throttle.write_iops_device" }))
    assert.same({ "cpu.idle=1" }, cgroup.values(limits "cpu_idle=yes", { "cpu.idle" }))
  end)

  it("weigh where there is one of the two schedulers, and say what is missing", function()
    needs_controller "blkio"
    local weights = cgroup.values(limits "io_weight=200",
      { "blkio.bfq.weight", "blkio.weight" })
    assert(weights[1] == "blkio.bfq.weight=109" or weights[1] == "blkio.weight=1000", weights[1])
    -- No device here is scheduled by BFQ or CFQ.
    local weighed = "grep -l -e '\\[bfq\\]' -e '\\[cfq\\]' /sys/block/*/queue/scheduler"
    if run.run(weighed).stdout ~= "" then return end
    local result = box.run({ "true" }, limits("io=" .. device() .. ":weight=50"))
    assert.equal(125, result.status)
    assert.matches("set blkio.weight_device to .*\n  asked for at %-%-limit\n  hint: .*BFQ",
      result.stderr)
  end)

  it("let the kernel choose who dies, or end the box", function()
    needs_controller "memory"
    local script = HOG .. "; echo lived; exit 3"
    local report, result = box.report({ "sh", "-c", script },
      limits("memory=32M", "oom=process"))
    assert.same({ "exit", 3 }, { report.reason, report.status })
    assert.equal("lived\n", result.stdout)
    assert.equal("the memory limit 32M killed a process of it (--limit)", report.hint)
    report, result = box.report({ "sh", "-c", script }, limits("memory=32M", "oom=group"))
    assert.same({ "memory", "" }, { report.reason, result.stdout })
    -- The workload itself.
    report = box.report({ "sh", "-c", "exec " .. HOG }, limits("memory=32M", "oom=process"))
    assert.same({ "memory", 137 }, { report.reason, report.code })
    report = box.report({ "sh", "-c", HOG .. "; true" }, limits("memory=32M", "oom=process"))
    assert.is_true(report.ok)
  end)

  it("of huge pages hold", function()
    needs_controller "hugetlb"
    assert.same({ "hugetlb.2MB.limit_in_bytes=4194304" },
      cgroup.values(limits "hugetlb=2M:4M", { "hugetlb.2MB.limit_in_bytes" }))
  end)

  it("that this host has not are told by name, and nothing is left", function()
    needs_controller "cpuset"
    for text, why in pairs {
      ["cpuset=8000"] = "names processor 8000", ["memory_high=1G"] = "cgroup v1 has no memory.high",
      ["io=/dev/null:rbps=1"] = "/dev/null is no block device",
      ["io=/nonexistent:rbps=1"] = "does not exist", ["delegate=yes"] = "not to be given away",
      ["memory.high=1"] = "raw keys are files of cgroup v2", ["hugetlb=1T:1"] = "has not",
      ["cpu_burst=1ms"] = "needs limits.cpus", ["swap=1M"] = "needs limits.memory",
      ["memory=9007199254740994"] = "is too large", ["memory_min=-1"] = "is not a size",
    } do
      local result = box.run({ "true" }, limits("pids=20", text))
      assert.equal(125, result.status, text)
      assert.matches(why, result.stderr, 1, true)
      assert.matches("\n  asked for at --limit\n", result.stderr, 1, true)
      assert.equal("", cgroup.left())
    end
    local report = box.report({ "true" }, { "--best-effort", "--limit", "cpuset=8000", "--limit",
      "memory_high=1M", "--pids", "9" })
    assert.is_true(report.ok)
    local text = table.concat(report.not_enforced, "\n")
    assert.matches("limits.cpuset 8000: names processor 8000", text, 1, true)
    assert.matches("limits.memory_high 1M: cgroup v1 has no memory.high", text, 1, true)
  end)
end)
