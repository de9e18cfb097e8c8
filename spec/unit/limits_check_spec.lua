-- Limits that make no sense together, and those that this host has not; who may be given a cgroup.
local cgroups = require "spec.support.fake_cgroups"
local cpulist = require "tidelock.cgroup.cpulist"
local fake = require "spec.golden.fake_host"
local weight = require "tidelock.cgroup.weight"

local function v1() return (cgroups.machine(cgroups.v1_with("cpuset", "blkio", "hugetlb"))) end
local function v2() return cgroups.v2(cgroups.tree "") end

local function refusal(limits, facts)
  local text = fake.refusal({ limits = limits }, facts)
  assert.matches("\n  asked for at ci.lua:1", text)
  return text:match("^[^\n]*")
end

describe("limits that contradict one another", function()
  it("are refused with both lines", function()
    for _, row in ipairs {
      { { memory = 1048576, memory_high = 2097152 }, 'limits.memory_high: "2M" is above'
        .. " limits.memory, 1M (ci.lua:1) (accepted: at most 1M)" },
      { { memory = 1048576, memory_min = 2097152 }, 'limits.memory_min: "2M" is above'
        .. " limits.memory, 1M (ci.lua:1) (accepted: at most 1M)" },
      { { memory_high = 1048576, memory_low = 2097152 }, 'limits.memory_low: "2M" is above'
        .. " limits.memory_high, 1M (ci.lua:1) (accepted: at most 1M)" },
      { { cpu_burst = 0.05 }, 'limits.cpu_burst: "50 ms" needs limits.cpus: time is saved up from'
        .. ' a quota (accepted: cpus = 2, cpu_burst = "50ms")' },
      { { cpus = 0.4, cpu_burst = 0.05 }, 'limits.cpu_burst: "50 ms" is more than limits.cpus, 0.4'
        .. " (ci.lua:1) give in a period of 100 ms (accepted: at most 40 ms)" },
      { { cpu_idle = true, cpu_weight = 5 }, 'limits.cpu_idle: "yes" has the least weight of all:'
        .. " it cannot be beside limits.cpu_weight, 5 (ci.lua:1) (accepted: one of the two)" },
      { { pids = 5, unified = { ["pids.max"] = "6" } }, 'limits.unified.pids.max: "6" is the file'
        .. " that limits.pids, 5 (ci.lua:1) is written to (accepted: one of the two)" },
    } do
      assert.equal(row[2], refusal(row[1], v2()))
    end
    local good = { memory = 2097152, memory_high = 2097152, memory_low = 1, memory_min = 2,
      cpus = 0.5, cpu_burst = 0.05, unified = { ["pids.max"] = "6" } }
    assert.is_table(fake.norm({ command = { "true" }, limits = good }, v2()).cgroup)
  end)
end)

describe("limits that this host has not", function()
  it("are processors and memory nodes, of the machine and of the caller's cgroup", function()
    assert.equal('limits.cpuset: "2-4" names processor 4, which this cgroup and this machine do not'
      .. " have (accepted: of 0-3)", refusal({ cpuset = "2-4" }, v1()))
    assert.equal('limits.cpuset_mems: "0-1" names memory node 1, which this cgroup and this machine'
      .. " do not have (accepted: of 0)", refusal({ cpuset_mems = "0-1" }, v2()))
    local facts, files = cgroups.machine(cgroups.v1_with "cpuset",
      { ["/cg/cpuset/cpuset.effective_cpus"] = "1-2\n" })
    assert.matches("names processor 0.*of 1%-2", refusal({ cpuset = "0-1" }, facts))
    files["/cg/cpuset/cpuset.effective_cpus"], files["/cg/cpuset/cpuset.cpus"] = nil, "1\n"
    assert.matches("names processor 0.*of 1%)", refusal({ cpuset = "0-1" }, facts))
    local tree = cgroups.tree ""
    tree[cgroups.ROOT .. "/user.slice/cpuset.cpus.effective"] = "3\n"
    assert.matches("names processor 0.*of 3%)", refusal({ cpuset = "0-1" }, cgroups.v2(tree)))
  end)

  it("are block devices, and parts of them", function()
    local function of(path, more)
      local facts = cgroups.machine(cgroups.v1_with "blkio", more)
      local stat = facts.stat
      function facts.stat(name)
        if name == "/dev/sda" then return { type = "block", rdev = 0x800 } end
        if name == "/dev/sda1" then return { type = "block", rdev = 0x801 } end
        -- 259:300: more than fits beside the major number.
        if name == "/dev/nvme" then
          return { type = "block", rdev = require("bit").bor(259 * 256, 300) }
        end
        return stat(name)
      end
      function facts.realpath(name) return name end
      local fields = { command = { "true" }, limits = { io = { [path] = { rbps = 5 } } } }
      local good, result = pcall(fake.norm, fields, facts)
      return good and cgroups.written(result.cgroup)[1] or tostring(result):match("^[^\n]*")
    end
    assert.equal("blkio.throttle.read_bps_device=8:0 5", of "/dev/sda")
    assert.equal("blkio.throttle.read_bps_device=8:0 5", of "8:0")
    assert.equal("blkio.throttle.read_bps_device=259:300 5", of("/dev/nvme",
      { ["/sys/class/block/nvme/dev"] = "259:300\n", ["/sys/dev/block/259:300"] = "" }))
    -- The name of another device in sysfs: numbers are what counts.
    assert.equal("blkio.throttle.read_bps_device=8:0 5", of("/dev/sda",
      { ["/sys/class/block/sda/dev"] = "7:7\n" }))
    local accepted = " (accepted: a block device: see lsblk)"
    assert.equal("limits.io./dev/nosuch.rbps: /dev/nosuch does not exist on the host" .. accepted,
      of "/dev/nosuch")
    assert.equal("limits.io./dev/null.rbps: /dev/null is no block device" .. accepted,
      of "/dev/null")
    assert.equal("limits.io.9:9.rbps: 9:9 is no block device that the host has" .. accepted,
      of "9:9")
    assert.equal("limits.io./dev/sda1.rbps: /dev/sda1 is a partition: the kernel limits the whole"
      .. " device" .. accepted, of("/dev/sda1",
      { ["/sys/dev/block/8:1"] = "", ["/sys/dev/block/8:1/partition"] = "1" }))
    -- Where there is no sysfs the kernel will say.
    assert.equal("blkio.throttle.read_bps_device=9:9 5", of("9:9", { ["/sys/dev/block"] = false }))
  end)

  it("are sizes of pages", function()
    assert.equal('limits.hugetlb.1G: "2G" is of pages that this kernel has not (accepted: 2M)',
      refusal({ hugetlb = { ["1G"] = 2147483648 } }, v1()))
  end)

  it("are done without under best effort, and reported", function()
    local result = fake.norm({ command = { "true" }, best_effort = true, limits = { pids = 5,
      cpuset = "0-9", hugetlb = { ["1G"] = 1 }, io = { ["/dev/null"] = { rbps = 1 } } } }, v1())
    assert.same({ "pids 5" }, result.limits)
    local list = table.concat(result.not_enforced, "\n")
    assert.matches("limits.cpuset 0-9: names processor 4", list, 1, true)
    assert.matches("limits.hugetlb.1G 1 byte: is of pages", list, 1, true)
    assert.matches("limits.io./dev/null.rbps 1 byte: /dev/null is no block device", list, 1, true)
  end)
end)

describe("a cgroup given to the box's user", function()
  local function delegated(facts, fields)
    fields = fields or {}
    fields.command, fields.limits = { "true" }, fields.limits or { delegate = true, pids = 9 }
    return fake.norm(fields, facts)
  end

  local function mount_of(norm)
    local mount = norm.mounts[#norm.mounts]
    return { mount.fstype, mount.target, mount.flags }
  end

  it("is its by the host's ids, with the kernel's list of files, and mounted", function()
    local files = cgroups.tree "memory pids"
    files["/sys/kernel/cgroup/delegate"] = "cgroup.procs\nmemory.oom.group\n"
    local norm = delegated(cgroups.v2(files))
    assert.same({ uid = 1879048192, gid = 1879048192, at = "ci.lua:1",
      files = { "cgroup.procs", "memory.oom.group" } }, norm.cgroup.gift)
    assert.same({ "cgroup2", "/sys/fs/cgroup", 14 }, mount_of(norm))
    -- What is handed down there anyway is handed on.
    assert.equal("+memory +pids", norm.cgroup.dirs[1].enable)
    assert.equal(cgroups.ROOT .. "/user.slice", norm.cgroup.dirs[1].path)
    local names = {}
    for i, op in ipairs((require("tidelock.plan.build").build(norm))) do names[i] = op.op end
    assert.same({ "make_cgroup", "limit_cgroup", "give_cgroup" }, { unpack(names, 1, 3) })
    norm = delegated(v2(), { limits = { delegate = true }, user = "5:6" })
    assert.same({ 1879048197, 1879048198, 3 },
      { norm.cgroup.gift.uid, norm.cgroup.gift.gid, #norm.cgroup.gift.files })
  end)

  it("needs no gift where that is the caller, but what keeps its limits", function()
    local facts = v2()
    facts.uid, facts.gid, facts.privileged, facts.groups = 1000, 1000, false, { 1000 }
    assert.matches("limits.delegate: .*without nsdelegate would write its own limits",
      fake.refusal({ limits = { delegate = true } }, facts))
    facts.cgroups.v2.nsdelegate = true
    local norm = delegated(facts)
    assert.is_nil(norm.cgroup.gift.uid)
    for _, op in ipairs((require("tidelock.plan.build").build(norm))) do
      assert.not_equal("give_cgroup", op.op)
    end
    local other = cgroups.v2(cgroups.tree "")
    other.uid, other.gid, other.privileged, other.groups = 1000, 1000, false, { 1000 }
    other.subuid = { start = 100000, count = 65536 }
    other.subgid = other.subuid
    assert.matches("only root gives a cgroup to another user", fake.refusal(
      { limits = { delegate = true }, user = "5" }, other))
  end)

  it("needs a namespace of cgroups, and a place where it is seen", function()
    assert.matches('limits.delegate: true needs a namespace of cgroups %(accepted: share without',
      fake.refusal({ limits = { delegate = true }, share = { "cgroup" } }, v2()))
    assert.matches("needs /sys, which is hidden", fake.refusal({ limits = { delegate = true },
      fs = { { kind = "hide", target = "/sys" } } }, v2()))
  end)
end)

describe("tidelock.cgroup.cpulist", function()
  it("reads, orders and joins", function()
    local function again(text)
      local ranges, why = cpulist.parse(text)
      return ranges and cpulist.format(ranges) or why
    end
    for text, expected in pairs { ["0"] = "0", ["3,1,2"] = "1-3", ["0-1,1-5,7"] = "0-5,7",
      ["5,0-3"] = "0-3,5", ["0-8191"] = "0-8191", ["2-1"] = "has a range that runs backwards, 2-1",
      ["8192"] = "has a number above 8191", [""] = "is not a list of numbers",
      ["0,"] = "is not a list of numbers", ["-1"] = "is not a list of numbers",
      ["0 1"] = "is not a list of numbers", ["0x1"] = "is not a list of numbers",
      ["99999999999999999999"] = "is not a list of numbers" } do
      assert.equal(expected, again(text))
    end
  end)

  it("finds what another list has not", function()
    for _, row in ipairs { { "0-3", "0-3" }, { "1,3", "0-7" }, { "0-4", "0-3", 4 },
      { "0,2,4", "0-2,5", 4 }, { "0-9", "0-3,5-9", 4 }, { "0", "", 0 } } do
      assert.is_true(row[3] == cpulist.missing(row[1], row[2]), row[1])
    end
  end)
end)

describe("tidelock.cgroup.weight", function()
  it("keeps the ends of each scale, and what nobody weighed", function()
    assert.same({ 1, 10 }, { weight.of_v2(1) })
    assert.same({ 100, 500 }, { weight.of_v2(100) })
    assert.same({ 1000, 1000 }, { weight.of_v2(10000) })
    assert.same({ 1, 10000 }, { weight.of_blkio(10), weight.of_blkio(1000) })
    assert.same({ 1, 39, 10000, 1, 10000 }, { weight.of_shares(2), weight.of_shares(1024),
      weight.of_shares("262144"), weight.of_shares(1), weight.of_shares("99999999999999999") })
  end)
end)
