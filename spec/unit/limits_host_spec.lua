-- Limits on a host: what is written where on cgroup v1 and v2, and where that may be.
local cgroups = require "spec.support.fake_cgroups"
local fake = require "spec.golden.fake_host"
local host = require "tidelock.cgroup.host"

local machine, v1_with, written = cgroups.machine, cgroups.v1_with, cgroups.written
local tree, v2_host, ROOT, SESSION = cgroups.tree, cgroups.v2, cgroups.ROOT, cgroups.SESSION

local MOUNTS = [[
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/x /sys/fs/cgroup/my\040memory rw - cgroup cgroup rw,memory
36 31 0:33 /elsewhere /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
]]

describe("the caller's cgroups", function()
  it("are found from mountinfo and /proc/self/cgroup", function()
    local v1, v2 = host.parse(MOUNTS, "4:memory:/docker/x/y\n3:pids:/a\n2:cpu,cpuacct:/\n0::/z:1\n")
    assert.same({ mount = "/sys/fs/cgroup/cpu,cpuacct", dir = "/sys/fs/cgroup/cpu,cpuacct" },
      v1.cpu)
    assert.same(v1.cpu, v1.cpuacct)
    assert.equal("/sys/fs/cgroup/my memory/y", v1.memory.dir)
    assert.is_nil(v1.pids) -- the mount does not show it
    assert.same({ mount = "/sys/fs/cgroup/unified", dir = "/sys/fs/cgroup/unified/z:1" }, v2)
    v2 = select(2, host.parse("41 31 0:38 / /g rw - cgroup2 cgroup2 rw,nsdelegate\n", "0::/\n"))
    assert.is_true(v2.nsdelegate)
    assert.same({}, (host.parse("", "")))
  end)
end)

local ALL = { memory = 536870912, pids = 64, cpus = 0.5 }

local function norm(fields, who, how)
  fields.command = { "true" }
  local facts = (how or fake.root)(who)
  for name, value in pairs(who or {}) do facts[name] = value end
  return fake.norm(fields, facts)
end

describe("limits on cgroup v1", function()
  it("are one directory for each hierarchy, with freezer and accounting", function()
    local cgroup = norm { limits = ALL }.cgroup
    local lines = {}
    for _, dir in ipairs(cgroup.dirs) do
      for _, item in ipairs(dir.settings) do
        lines[#lines + 1] = ("%s/%s=%s"):format(dir.path, item.file, item.value)
      end
      if not dir.settings[1] then lines[#lines + 1] = dir.path end
    end
    assert.same({
      "/sys/fs/cgroup/freezer",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us=100000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us=50000",
      "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes=536870912",
      "/sys/fs/cgroup/memory/jobs/memory.memsw.limit_in_bytes=536870912",
      "/sys/fs/cgroup/pids/pids.max=64",
    }, lines)
  end)

  it("are no cgroup at all where none is asked for", function()
    local result = norm {}
    assert.is_nil(result.cgroup)
    for _, op in ipairs((require("tidelock.plan.build").build(result))) do
      assert.is_nil(op.op:find("cgroup", 1, true))
    end
  end)

  it("join first, and unshare the namespace then", function()
    local function names(fields)
      local list = {}
      for _, op in ipairs((require("tidelock.plan.build").build(norm(fields)))) do
        list[#list + 1] = op.op
        if op.op == "clone" then list.flags = op.flags end
      end
      return table.concat(list, " "), list.flags
    end
    local text, flags = names { limits = { pids = 5 } }
    assert.matches("pdeathsig join_cgroup join_cgroup join_cgroup unshare propagation", text, 1,
      true)
    assert.equal(0, math.floor(flags / 0x02000000) % 2)
    text = names { limits = { pids = 5 }, share = { "cgroup" } }
    assert.matches("join_cgroup propagation", text, 1, true)
    flags = select(2, names {})
    assert.equal(1, math.floor(flags / 0x02000000) % 2)
  end)

  it("are refused where the caller may not, by controller; best effort reports them", function()
    local function none() return false end
    assert.equal('limits.memory: "512M" cannot be enforced: the memory controller (cgroup v1) is'
      .. " not the caller's to use: /sys/fs/cgroup/memory/jobs cannot be written\n"
      .. "  asked for at ci.lua:1\n  hint: run it as root, or add --best-effort"
      .. " (best_effort = true) to run without this limit",
      fake.refusal({ limits = { memory = ALL.memory } },
        (function() local facts = fake.new() facts.writable = none return facts end)()))
    local result = norm({ limits = ALL, best_effort = true }, { writable = none })
    assert.is_nil(result.cgroup)
    assert.is_nil(result.limits)
    assert.equal(3, #result.not_enforced)
    assert.matches("^limits.memory 512M: the memory controller", result.not_enforced[1])
    result = norm({ limits = ALL, best_effort = true }, {
      writable = function(path) return path:find("pids", 1, true) ~= nil end,
    })
    assert.same({ "pids 64" }, result.limits)
    assert.equal(2, #result.not_enforced)
    result = norm({ limits = ALL, best_effort = true }, { cgroups = { v1 = {} } })
    assert.matches("no cgroup file system is mounted", result.not_enforced[1])
  end)
end)

local EVERYTHING = {
  memory = 536870912, memory_low = 4096, swap = 1048576, oom = "process", pids = 64, cpus = 0.5,
  cpu_weight = 200, cpu_burst = 0.05, cpuset = "0-1", cpuset_mems = "0", io_weight = 200,
  io = { ["8:0"] = { rbps = 1, wbps = 2, riops = 3, wiops = 4, weight = 50 } },
  hugetlb = { ["2M"] = 2097152 },
}

describe("every limit on cgroup v1", function()
  it("has its file", function()
    local result = fake.norm({ command = { "true" }, limits = EVERYTHING },
      (machine(v1_with("cpuset", "blkio", "hugetlb"))))
    assert.same({
      "memory.limit_in_bytes=536870912", "memory.soft_limit_in_bytes=4096",
      "memory.memsw.limit_in_bytes=537919488", "pids.max=64", "cpu.cfs_period_us=100000",
      "cpu.cfs_quota_us=50000", "cpu.shares=2048", "cpu.cfs_burst_us=50000", "cpuset.cpus=0-1",
      "cpuset.mems=0", "?blkio.bfq.weight=109", "|blkio.weight=1000",
      "blkio.throttle.read_bps_device=8:0 1", "blkio.throttle.read_iops_device=8:0 3",
      "blkio.throttle.write_bps_device=8:0 2", "?blkio.bfq.weight_device=8:0 50",
      "|blkio.weight_device=8:0 250", "blkio.throttle.write_iops_device=8:0 4",
      "hugetlb.2MB.limit_in_bytes=2097152", "?hugetlb.2MB.rsvd.limit_in_bytes=2097152",
    }, written(result.cgroup))
    assert.equal("process", result.cgroup.oom)
    for _, dir in ipairs(result.cgroup.dirs) do
      assert.equal(dir.path == "/cg/cpuset" and "cpuset" or nil, dir.enable)
    end
    assert.equal("limits.io.8:0.weight 50", result.enforced[#result.enforced - 2])
  end)

  it("is told by its field and line, where v1 has none like it", function()
    local facts = machine(v1_with())
    for name, value in pairs { memory_high = 1048576, memory_min = 1, delegate = true,
      unified = { ["memory.high"] = "1" }, swap = 5, cpuset = "0", hugetlb = { ["2M"] = 0 } } do
      local fields = { command = { "true" }, limits = { [name] = value } }
      local text = fake.refusal(fields, facts)
      assert.matches("^limits." .. name .. ".*cannot be enforced: .*v1.*\n  asked for at ci.lua:1\n"
        .. "  hint: .*add %-%-best%-effort", text)
      fields.best_effort = true
      local result = fake.norm(fields, facts)
      assert.is_nil(result.cgroup)
      assert.matches("^limits." .. name, result.not_enforced[1])
    end
  end)

  it("ends the box as a whole, unless it is said otherwise", function()
    local function oom(limits)
      local cgroup = norm({ limits = limits }).cgroup
      return cgroup and cgroup.oom
    end
    assert.equal("group", oom { memory = 1048576 })
    assert.equal("process", oom { memory = 1048576, oom = "process" })
    assert.is_nil(oom { pids = 5 })
    assert.is_nil(oom { oom = "process" })
    assert.matches("needs limits.memory", fake.refusal({ limits = { oom = "group" } },
      fake.root()))
  end)
end)

describe("every limit on cgroup v2", function()
  local function of(limits, facts)
    return fake.norm({ command = { "true" }, limits = limits }, facts or v2_host(tree "")).cgroup
  end

  it("has its file, below the nearest cgroup that hands the controllers down", function()
    local limits = { memory_high = 1048576, memory_min = 1, unified = {
      ["memory.zswap.max"] = "0", ["io.max"] = "8:0 rbps=1\n8:0 wbps=2\n",
      ["cgroup.max.depth"] = "5" } }
    for name, value in pairs(EVERYTHING) do limits[name] = value end
    limits.io = { ["8:0"] = { weight = 50 } }
    local cgroup = of(limits)
    assert.same({
      "memory.max=536870912", "memory.high=1048576", "memory.low=4096", "memory.min=1",
      "memory.swap.max=1048576", "pids.max=64", "cpu.max=50000 100000", "cpu.weight=200",
      "cpu.max.burst=50000", "cpuset.cpus=0-1", "cpuset.mems=0", "?io.bfq.weight=109",
      "|io.weight=200", "?io.bfq.weight=8:0 50", "|io.weight=8:0 50", "hugetlb.2MB.max=2097152",
      "?hugetlb.2MB.rsvd.max=2097152", "cgroup.max.depth=5", "io.max=8:0 rbps=1",
      "io.max=8:0 wbps=2", "memory.zswap.max=0",
    }, written(cgroup))
    assert.equal(1, #cgroup.dirs)
    assert.equal("+memory +pids +cpu +cpuset +io +hugetlb", cgroup.dirs[1].enable)
    assert.same({ "io.max=8:0 rbps=1", "io.max=8:0 riops=3", "io.max=8:0 wbps=2",
      "io.max=8:0 wiops=4" }, written(of { io = { ["8:0"] = { rbps = 1, wbps = 2, riops = 3,
      wiops = 4 } } }))
    assert.same({ "cpu.idle=1" }, written(of { cpu_idle = true }))
  end)

  it("comes with no swap and an end of the whole box, unless that is said otherwise", function()
    assert.same({ "memory.max=1048576", "?memory.swap.max=0", "?memory.oom.group=1" },
      written(of { memory = 1048576 }))
    assert.same({ "memory.max=1048576", "memory.swap.max=5" },
      written(of { memory = 1048576, swap = 5, oom = "process" }))
    assert.same({ "memory.oom.group=1" }, written(of { oom = "group" }))
    local raw = of { memory = 1048576, unified = { ["memory.swap.max"] = "9",
      ["memory.oom.group"] = "0" } }
    assert.same({ "memory.max=1048576", "memory.oom.group=0", "memory.swap.max=9" }, written(raw))
    assert.is_nil(raw.oom)
    assert.is_nil(of { oom = "process" })
  end)

  it("is where the caller may make it", function()
    local function path(files, closed)
      local dir = of({ memory = 1048576, pids = 5 }, v2_host(files, closed)).dirs[1]
      return dir.path, dir.aside
    end
    assert.equal(ROOT .. "/user.slice", (path(tree "memory pids")))
    assert.equal(ROOT, (path(tree "memory")))
    local empty = tree "memory"
    empty[SESSION .. "/cgroup.procs"] = ""
    assert.equal(SESSION, (path(empty)))
    -- The right to make a directory is not that to move a process there.
    assert.equal(ROOT, (path(tree "memory pids", { "user.slice/cgroup.procs$" })))
    assert.equal(ROOT, (path(empty, { "session/cgroup.subtree_control$" })))
  end)

  it("makes a caller that is alone step aside, where nothing above is its own", function()
    local files, closed = tree "memory", { "^" .. ROOT .. "$", "user.slice$" }
    for procs, expected in pairs { ["7\n"] = true, ["7\n8\n"] = true, ["7\n9\n"] = false,
      ["7\n10\n"] = false } do
      files[SESSION .. "/cgroup.procs"] = procs
      files["/proc/8/stat"] = "8 (x (y) S 7 8"
      files["/proc/9/stat"] = "9 (x) S 1 9"
      local facts = v2_host(files, closed)
      if expected then
        local dir = of({ memory = 1048576 }, facts).dirs[1]
        assert.same({ SESSION, true }, { dir.path, dir.aside })
        local ops = require("tidelock.plan.build").build(
          fake.norm({ command = { "true" }, limits = { memory = 1048576 } }, facts))
        assert.same({ "step_aside", "make_cgroup" }, { ops[1].op, ops[2].op })
      else
        assert.matches("has other processes, and a cgroup that has some hands nothing down",
          fake.refusal({ limits = { memory = 1048576 } }, facts))
      end
    end
  end)
end)

describe("a change of limits", function()
  local limits = require "tidelock.normalise.limits"

  local function changed(flat, changes)
    local cgroup, lines = { flat = flat, asked_at = {} }, {}
    local facts = v2_host(tree "memory pids io hugetlb")
    local new = limits.changed({ cgroup = cgroup }, facts, changes, "ci.lua:7")
    for i, item in ipairs(new.settings) do lines[i] = item.file .. "=" .. item.value end
    return lines, new
  end

  it("keeps what it does not name, and its place", function()
    local lines, new = changed({ pids = 5 }, { pids = 7 })
    assert.same({ "pids.max=7" }, lines)
    assert.equal("ci.lua:7", new.limits[1].at)
    assert.same({ "memory.max=67108864", "memory.swap.max=0", "memory.oom.group=1", "pids.max=5" },
      (changed({ pids = 5 }, { memory = 67108864 })))
  end)

  it("takes a limit away with all its parts, and one part alone", function()
    local parts = { pids = 5, ["unified.memory.zswap.max"] = "0", ["unified.pids.max"] = "9",
      ["hugetlb.2M"] = 4194304 }
    local function of(changes)
      local copy = {}
      for key, value in pairs(parts) do copy[key] = value end
      copy["unified.pids.max"] = nil
      return (changed(copy, changes))
    end
    assert.same({ "pids.max=5", "hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304" },
      of { unified = false })
    assert.same({ "pids.max=5", "memory.zswap.max=0" }, of { hugetlb = false })
    assert.same({ "hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304",
      "memory.zswap.max=0" }, of { pids = false })
  end)
end)
