-- linux.resources of a config.json: what is written on cgroup v1 and on v2, and what is refused.
local cgroups = require "spec.support.fake_cgroups"
local errors = require "tidelock.error"
local resources = require "tidelock.oci.resources"

local ALL = { "devices", "cpuset", "blkio", "hugetlb", "net_cls", "net_prio", "rdma" }

local function v1() return (cgroups.machine(cgroups.v1_with(unpack(ALL)))) end

local function v2()
  return cgroups.v2(cgroups.tree("", "cpuset cpu io memory hugetlb pids rdma"))
end

local function norm_of(asked, facts, linux, more)
  linux = linux or {}
  linux.resources = asked
  local ctx = { config = { linux = linux }, facts = facts, at = "config.json",
    new = { pid = true, cgroup = true }, joined = {},
    norm = { capabilities = {}, enforced = {}, not_enforced = {}, identity = {},
      user = { uid = 0, gid = 0 } } }
  for name, value in pairs(more or {}) do ctx[name] = value end
  resources.resolve(ctx)
  return ctx.norm
end

local function written(asked, facts) return cgroups.written(norm_of(asked, facts).cgroup) end

local function refusal(asked, facts)
  local good, err = pcall(norm_of, asked, facts)
  assert.is_false(good)
  assert(errors.is(err), tostring(err))
  return tostring(err):match("^[^\n]*")
end

local MUCH = {
  memory = { limit = 4096, reservation = 2048, swap = 8192 },
  cpu = { shares = 1024, quota = 5000, period = 10000, burst = 50, idle = 1, cpus = "0-1",
    mems = "0" },
  pids = { limit = 7 },
  blockIO = { weight = 10, weightDevice = { { major = 8, minor = 0, weight = 1000 } },
    throttleReadBpsDevice = { { major = 8, minor = 0, rate = 5 } },
    throttleWriteBpsDevice = { { major = 8, minor = 0, rate = { "9007199254740993" } } },
    throttleReadIOPSDevice = { { major = 8, minor = 0, rate = 6 } },
    throttleWriteIOPSDevice = { { major = 8, minor = 16, rate = 7 } } },
  hugepageLimits = { { pageSize = "2MB", limit = 0 }, { pageSize = "1GB", limit = 1073741824 } },
  rdma = { mlx5_1 = { hcaHandles = 3, hcaObjects = 10000 }, mlx4_0 = { hcaObjects = 5 } },
}

describe("linux.resources", function()
  it("are files of cgroup v1", function()
    assert.same({
      "memory.limit_in_bytes=4096", "memory.soft_limit_in_bytes=2048",
      "memory.memsw.limit_in_bytes=8192", "pids.max=7", "cpu.cfs_period_us=10000",
      "cpu.cfs_quota_us=5000", "cpu.shares=1024", "cpu.cfs_burst_us=50", "cpu.idle=1",
      "cpuset.cpus=0-1", "cpuset.mems=0", "?blkio.bfq.weight=10", "|blkio.weight=10",
      "?blkio.bfq.weight_device=8:0 1000", "|blkio.weight_device=8:0 1000",
      "blkio.throttle.read_bps_device=8:0 5",
      "blkio.throttle.write_bps_device=8:0 9007199254740993",
      "blkio.throttle.read_iops_device=8:0 6", "blkio.throttle.write_iops_device=8:16 7",
      "hugetlb.2MB.limit_in_bytes=0", "?hugetlb.2MB.rsvd.limit_in_bytes=0",
      "hugetlb.1GB.limit_in_bytes=1073741824", "?hugetlb.1GB.rsvd.limit_in_bytes=1073741824",
      "rdma.max=mlx4_0 hca_object=5", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000",
    }, written(MUCH, v1()))
    assert.same({ "memory.limit_in_bytes=4096", "memory.kmem.tcp.limit_in_bytes=5",
      "memory.swappiness=0", "memory.oom_control=1", "cpu.rt_period_us=7", "cpu.rt_runtime_us=-1",
      "blkio.leaf_weight=20", "blkio.leaf_weight_device=8:0 30", "net_cls.classid=1048577",
      "net_prio.ifpriomap=eth0 5", "net_prio.ifpriomap=lo 0" },
      written({ memory = { limit = 4096, kernelTCP = 5, swappiness = 0, disableOOMKiller = true },
        cpu = { realtimePeriod = 7, realtimeRuntime = -1 },
        blockIO = { leafWeight = 20, weightDevice = { { major = 8, minor = 0, leafWeight = 30 } } },
        network = { classID = 1048577, priorities = { { name = "eth0", priority = 5 },
          { name = "lo", priority = 0 } } } }, v1()))
  end)

  it("are files of cgroup v2, by the conversions that engines count on", function()
    local asked = { unified = { ["memory.oom.group"] = "1", ["cpu.max"] = "7 1000" } }
    for name, value in pairs(MUCH) do asked[name] = value end
    local norm = norm_of(asked, v2())
    assert.same({
      "memory.max=4096", "memory.low=2048", "memory.swap.max=4096", "pids.max=7",
      "cpu.max=5000 10000", "cpu.weight=39", "cpu.max.burst=50", "cpu.idle=1", "cpuset.cpus=0-1",
      "cpuset.mems=0", "?io.bfq.weight=10", "|io.weight=1", "?io.bfq.weight=8:0 1000",
      "|io.weight=8:0 10000", "io.max=8:0 rbps=5", "io.max=8:0 wbps=9007199254740993",
      "io.max=8:0 riops=6", "io.max=8:16 wiops=7", "hugetlb.2MB.max=0", "?hugetlb.2MB.rsvd.max=0",
      "hugetlb.1GB.max=1073741824", "?hugetlb.1GB.rsvd.max=1073741824",
      "rdma.max=mlx4_0 hca_object=5", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000",
      -- What is said in the words of v2 wins.
      "cpu.max=7 1000", "memory.oom.group=1",
    }, cgroups.written(norm.cgroup))
    assert.equal("+memory +pids +cpu +cpuset +io +hugetlb +rdma", norm.cgroup.dirs[1].enable)
    assert.same({ "cpu.max=max 5000" }, written({ cpu = { period = 5000 } }, v2()))
    assert.same({ "cpu.max=5000 100000" }, written({ cpu = { quota = 5000 } }, v2()))
    assert.is_nil(norm.cgroup.oom) -- OCI's own behaviour
  end)

  it("ask for nothing with 0, and for no limit with -1", function()
    local nothing = { memory = { limit = 0, swap = 0, reservation = 0, kernelTCP = 0 },
      cpu = { shares = 0, quota = 0, period = 0, burst = 0, idle = 0, cpus = "", mems = "" },
      pids = { limit = 0 }, blockIO = { weight = 0, leafWeight = 0 }, network = { classID = 0 },
      hugepageLimits = {}, rdma = {}, unified = {} }
    assert.is_nil(norm_of(nothing, v1()).cgroup)
    assert.is_nil(norm_of(nothing, v2()).cgroup)
    local unlimited = { memory = { limit = -1, swap = -1, reservation = -1 }, cpu = { quota = -1 },
      pids = { limit = -1 } }
    assert.same({ "memory.limit_in_bytes=-1", "memory.soft_limit_in_bytes=-1",
      "?memory.memsw.limit_in_bytes=-1", "pids.max=max", "cpu.cfs_quota_us=-1" },
      written(unlimited, v1()))
    assert.same({ "memory.max=max", "memory.low=max", "?memory.swap.max=max", "pids.max=max",
      "cpu.max=max 100000" }, written(unlimited, v2()))
    assert.same({}, norm_of(unlimited, v2()).cgroup.limits)
    -- Digits that no double holds.
    assert.same({ "memory.limit_in_bytes=9223372036854771712" },
      written({ memory = { limit = { "9223372036854771712" } } }, v1()))
    assert.same({ "memory.max=4096", "memory.swap.max=0" },
      written({ memory = { limit = 4096, swap = 4096 } }, v2()))
  end)

  it("that one hierarchy has not are told with the file", function()
    for field, asked in pairs {
      ["memory.swappiness: \"60\" cannot be done: cgroup v2 has no memory.swappiness"] =
        { memory = { swappiness = 60 } },
      ["memory.disableOOMKiller: \"1\" cannot be done: cgroup v2 has no memory.oom_control"] =
        { memory = { disableOOMKiller = true } },
      ["cpu.realtimePeriod: \"5\" cannot be done: cgroup v2 has no cpu.rt_period_us"] =
        { cpu = { realtimePeriod = 5 } },
      ["cpu.realtimeRuntime: \"5\" cannot be done: cgroup v2 has no cpu.rt_runtime_us"] =
        { cpu = { realtimeRuntime = 5 } },
      ["network.classID: \"5\" cannot be done: cgroup v2 has no net_cls.classid"] =
        { network = { classID = 5 } },
      ["network.priorities[0]: \"lo 1\" cannot be done: cgroup v2 has no net_prio.ifpriomap"] =
        { network = { priorities = { { name = "lo", priority = 1 } } } },
      ["blockIO.leafWeight: \"10\" cannot be done: cgroup v2 has no blkio.leaf_weight"] =
        { blockIO = { leafWeight = 10 } },
      ["blockIO.weightDevice[0].leafWeight: \"8:0 10\" cannot be done: cgroup v2 has no weight of a"
        .. " cgroup's own processes"] =
        { blockIO = { weightDevice = { { major = 8, minor = 0, leafWeight = 10 } } } },
      ["memory.swap: \"4095\" cannot be done: is less than the limit of memory, and means both"
        .. " together"] = { memory = { limit = 4096, swap = 4095 } },
      ["memory.swap: \"4095\" cannot be done: needs a limit of memory: cgroup v2 limits swap alone"]
        = { memory = { swap = 4095 } },
    } do
      assert.equal("linux.resources." .. field, refusal(asked, v2()))
    end
    assert.equal('linux.resources.unified.memory.high: "5" cannot be done: raw keys are files of'
      .. " cgroup v2, and this is a host of v1", refusal({ unified = { ["memory.high"] = "5" } },
      v1()))
    assert.is_nil(norm_of({ memory = { swappiness = 0 } }, v2()).cgroup) -- as engines write it
    local norm = norm_of({ memory = { kernel = 5 } }, v1())
    assert.matches("kernels since 5.4", norm.not_enforced[1])
  end)

  it("that make no sense are told by their property", function()
    for field, asked in pairs {
      ['cpu.cpus: "0-9" names processor 4'] = { cpu = { cpus = "0-9" } },
      ['cpu.cpus: "a" is not a list of numbers'] = { cpu = { cpus = "a" } },
      ['cpu.mems: "1" names memory node 1'] = { cpu = { mems = "1" } },
      ["blockIO.weight: 9 is out of range (accepted: 10 to 1000)"] = { blockIO = { weight = 9 } },
      ["blockIO.weightDevice[0].weight: 1001 is out of range"] =
        { blockIO = { weightDevice = { { major = 1, minor = 1, weight = 1001 } } } },
      ["blockIO.throttleReadBpsDevice[0].major: 4096 is out of range (accepted: 0 to 4095)"] =
        { blockIO = { throttleReadBpsDevice = { { major = 4096, minor = 0, rate = 1 } } } },
      ["blockIO.throttleReadBpsDevice[0].minor: "] =
        { blockIO = { throttleReadBpsDevice = { { major = 1, minor = { "9007199254740993" },
          rate = 1 } } } },
      ['hugepageLimits[0].pageSize: "2M" is no size of a page'] =
        { hugepageLimits = { { pageSize = "2M", limit = 1 } } },
      ['hugepageLimits[0].pageSize: "../2MB" is no size of a page'] =
        { hugepageLimits = { { pageSize = "../2MB", limit = 1 } } },
      ["network.classID: 4294967296 is out of range"] = { network = { classID = 4294967296 } },
      ['network.priorities[0].name: "a b" is no name of an interface'] =
        { network = { priorities = { { name = "a b", priority = 1 } } } },
      ['rdma: "a b" is no name of a device'] = { rdma = { ["a b"] = { hcaHandles = 1 } } },
      ['unified: "a/b" has a / in it'] = { unified = { ["a/b"] = "1" } },
      ['unified: "../memory.max" has a / in it'] = { unified = { ["../memory.max"] = "1" } },
      ['unified: "cgroup.procs" is not to be written here'] =
        { unified = { ["cgroup.procs"] = "0" } },
      ['unified.memory.max: "" is empty'] = { unified = { ["memory.max"] = "" } },
    } do
      local text = refusal(asked, v2())
      assert.equal("linux.resources." .. field, text:sub(1, #"linux.resources." + #field))
    end
  end)

  it("need their controller, and say how to get it", function()
    local facts = cgroups.machine(cgroups.v1_with())
    local good, err = pcall(norm_of, { blockIO = { weight = 10 } }, facts)
    assert.is_false(good)
    assert.equal('linux.resources.blockIO.weight: "10" cannot be enforced: the blkio controller'
      .. " (cgroup v1) is not mounted\n  asked for at config.json\n  hint: mkdir -p"
      .. " /sys/fs/cgroup/blkio && mount -t cgroup -o blkio none /sys/fs/cgroup/blkio, or take it"
      .. " out of config.json", tostring(err))
    assert.matches("no cgroup file system is mounted",
      refusal({ pids = { limit = 1 } }, (cgroups.machine { v1 = {} })))
  end)

  it("are at cgroupsPath, from the root of the hierarchy if that is absolute", function()
    local function paths(path, facts)
      local list = {}
      for i, dir in ipairs(norm_of({ pids = { limit = 1 } }, facts, { cgroupsPath = path })
        .cgroup.dirs) do
        list[i] = dir.path
      end
      return table.concat(list, " ")
    end
    assert.equal("/cg/cpuacct /cg/pids", paths("/a/b", v1()))
    assert.equal(cgroups.ROOT, paths("/a/b", v2()))
    assert.equal(cgroups.ROOT .. "/user.slice", paths("a/b", cgroups.v2(cgroups.tree "pids")))
  end)

  it("know the limit that the report names, raw ones too", function()
    local function reported(asked)
      local list = {}
      for i, limit in ipairs(norm_of(asked, v2()).cgroup.limits) do
        list[i] = ("%s %s %s"):format(limit.name, limit.text, limit.at)
      end
      return list
    end
    assert.same({ "memory 1M config.json, linux.resources.memory.limit",
      "pids 7 config.json, linux.resources.pids.limit" },
      reported { memory = { limit = 1048576 }, pids = { limit = 7 } })
    assert.same({ "memory 1M config.json, linux.resources.unified.memory.max" },
      reported { unified = { ["memory.max"] = "1048576" } })
  end)

  it("are given to the container's user where it can write to its own cgroup", function()
    local function gift(change, facts)
      local linux, more = {}, { norm = { capabilities = {}, enforced = {}, not_enforced = {},
        identity = { uid_map = "0 100000 1000", gid_map = "0 200000 1000" },
        user = { uid = 5, gid = 6 } } }
      local mount = { type = "cgroup", destination = "/sys/fs/cgroup", options = { "rw" } }
      more.config = { linux = linux, mounts = { mount } }
      linux.resources = { pids = { limit = 1 } }
      if change then change(mount, more) end
      return norm_of(nil, facts or v2(), nil, more).cgroup.gift
    end
    local given = gift()
    assert.same({ 100005, 200006, 3 }, { given.uid, given.gid, #given.files })
    assert.is_nil(gift(nil, v1()))
    assert.is_nil(gift(function(mount) mount.options = { "ro" } end))
    assert.is_nil(gift(function(mount) mount.destination = "/mnt" end))
    assert.is_nil(gift(function(_, more) more.joined = { cgroup = {} } end))
    assert.is_nil(gift(function(_, more) more.norm.identity = {} more.norm.user.uid = 0 end))
    assert.equal(5, gift(function(_, more) more.norm.identity = {} end).uid)
    local facts = v2()
    facts.uid = 1000
    assert.is_nil(gift(nil, facts))
  end)
end)
