local errors = require "tidelock.error"
local limits = require "tidelock.limits"
local spec = require "tidelock.spec"

-- A file of the user's: its text begins on line 1.
local function user(text)
  local chunk = assert(loadstring("local spec, limits, replace = ... local result = " .. text
    .. " return result", "@ci.lua"))
  return chunk(spec.new, limits, spec.replace)
end

local function refusal(text)
  local good, err = pcall(user, text)
  assert.is_false(good, text .. " was accepted")
  assert.is_true(errors.is(err))
  return tostring(err)
end

local function of(text) return user("spec { limits = " .. text .. " }"):fields().limits end

describe("limits", function()
  it("are sizes, counts and processors", function()
    assert.same({ memory = 536870912, pids = 64, cpus = 2 },
      of '{ memory = "512M", pids = 64, cpus = 2 }')
    assert.same({ memory = 1073741824, pids = 7, cpus = 0.5 },
      of '{ memory = "1GiB", pids = "7", cpus = ".5" }')
    assert.same({ memory = 2097152 }, of "{ memory = 2097152 }")
  end)

  it("are refused with field, value, what is accepted, and the line", function()
    for text, expected in pairs {
      ['{ memory = "512MB" }'] = 'limits.memory: "512MB" is ambiguous (accepted: 512M, 1G, bytes as'
        .. " a number)\n  asked for at ci.lua:1\n  hint: use M or MiB, which are 1024-based",
      ['{ memory = "100K" }'] = 'limits.memory: "100K" is too little for a box (accepted: at least'
        .. " 1M)\n  asked for at ci.lua:1",
      ["{ pids = 0 }"] = "limits.pids: 0 is not accepted (accepted: a whole number from 1 to"
        .. " 4194304)\n  asked for at ci.lua:1",
      ["{ cpus = 0 }"] = "limits.cpus: 0 is not a number of processors (accepted: a number from"
        .. " 0.01 to 8192, such as 0.5 or 2)\n  asked for at ci.lua:1",
      ["{ memroy = 1 }"] = 'limits: "memroy" is not a limit of a box (accepted: memory,'
        .. " memory_high, memory_low, memory_min, swap, oom, pids, cpus, cpu_weight, cpu_burst,"
        .. " cpu_idle, cpuset, cpuset_mems, io_weight, io, hugetlb, delegate, unified)\n"
        .. '  asked for at ci.lua:1\n  hint: did you mean "memory"?',
      ['{ cpuset = "3-1" }'] = 'limits.cpuset: "3-1" has a range that runs backwards, 3-1'
        .. ' (accepted: "0-3,5")\n  asked for at ci.lua:1',
      ['{ io = { sda = { rbps = 1 } } }'] = 'limits.io: "sda" is no block device (accepted: a path'
        .. ' such as "/dev/sda", or "8:0")\n  asked for at ci.lua:1',
      ['{ io = { ["8:0"] = { rbp = 1 } } }'] = 'limits.io.8:0: "rbp" is not a limit of a device'
        .. " (accepted: rbps, wbps, riops, wiops, weight)\n  asked for at ci.lua:1\n"
        .. '  hint: did you mean "rbps"?',
      ['{ io = { ["8:0"] = { rbps = 0 } } }'] = "limits.io.8:0.rbps: 0 would stop the box for ever"
        .. " (accepted: more than 0)\n  asked for at ci.lua:1",
      ['{ hugetlb = { ["3M"] = 1 } }'] = 'limits.hugetlb: "3M" is no size of a page (accepted:'
        .. ' such as "2M" or "1G")\n  asked for at ci.lua:1',
      ['{ unified = { ["cgroup.procs"] = "1" } }'] = 'limits.unified: "cgroup.procs" is not to be'
        .. " written here: it takes processes (accepted: a file of cgroup v2, such as"
        .. " memory.zswap.max)\n  asked for at ci.lua:1",
      ['{ unified = { ["memory.high"] = "" } }'] = 'limits.unified.memory.high: "" is empty'
        .. " (accepted: what the file takes)\n  asked for at ci.lua:1",
      ['"1G"'] = 'limits: "1G" is not a table (accepted: { memory = "512M", pids = 64, cpus = 2 })'
        .. "\n  asked for at ci.lua:1",
    } do
      assert.equal(expected, refusal("spec { limits = " .. text .. " }"))
    end
    for _, value in ipairs { "-1", "0/0", "1/0", "1.5", "2^60", "'x'", "true", "{}", "'0x10'",
      "'1e3'", "''" } do
      refusal("spec { limits = { pids = " .. value .. " } }")
      if value ~= "1.5" then refusal("spec { limits = { cpus = " .. value .. " } }") end
      refusal("spec { limits = { memory = " .. value .. " } }")
    end
    refusal "limits { '1G' }"
    refusal "limits '1G'"
  end)

  it("go through the same checks, each of its own kind", function()
    assert.same({
      memory_high = 1073741824, memory_low = 0, memory_min = 4096, swap = 0, oom = "process",
      cpu_weight = 10000, cpu_burst = 0.05, cpu_idle = true, cpuset = "0-3,5", cpuset_mems = "0",
      io_weight = 1, delegate = true, hugetlb = { ["2M"] = 67108864, ["1G"] = 0 },
      io = { ["/dev/sda"] = { rbps = 10485760, wiops = 100 }, ["8:0"] = { weight = 5 } },
      unified = { ["memory.zswap.max"] = "0", ["cgroup.max.depth"] = "3" },
    }, of [[{
      memory_high = "1G", memory_low = 0, memory_min = "4K", swap = "0", oom = "process",
      cpu_weight = "10000", cpu_burst = "50ms", cpu_idle = true, cpuset = "5,0-1,2-3",
      cpuset_mems = 0, io_weight = 1, delegate = true, hugetlb = { ["2MB"] = "64M", ["1G"] = 0 },
      io = { ["//dev/./sda"] = { rbps = "10M", wiops = "100" }, ["8:0"] = { weight = 5 } },
      unified = { ["memory.zswap.max"] = 0, ["cgroup.max.depth"] = "3" } }]])
    -- Words of every kind that none of them takes.
    for _, name in ipairs(require("tidelock.schema.limits").NAMES) do
      for _, value in ipairs { "-1", "0/0", "1/0", "2^60", "''", "'x'", "'0x10'", "'-1'", "{ {} }",
        "print" } do
        refusal(("spec { limits = { %s = %s } }"):format(name, value))
      end
    end
    for _, text in ipairs { "io = { ['/dev/../x'] = {} }", "io = { ['8:0'] = 5 }", "cpuset = '0-'",
      "io = { ['8:0'] = { riops = 1.5 } }", "cpuset = '9999'", "cpuset = '0;1'", "cpuset = ','",
      "hugetlb = { ['2M'] = '-1' }", "hugetlb = { ['1K'] = 1 }", "oom = 'kill'", "cpu_idle = 1",
      "unified = { ['a/b'] = '1' }", "unified = { ['../memory.max'] = '1' }",
      "unified = { ['memory..max'] = '1' }", "unified = { ['memory'] = '1' }",
      "unified = { ['x.y'] = '1' }", "unified = { ['memory.max'] = {} }",
      "unified = { ['memory.max'] = 'a\\0b' }", "unified = { ['cgroup.freeze'] = '1' }" } do
      refusal(("spec { limits = { %s } }"):format(text))
    end
  end)

  it("have other names elsewhere, and those are told", function()
    for name, expected in pairs {
      cpu = "cpus", mem = "memory", MemoryMax = "memory", ["memory.high"] = "unified",
      memory_swap = "swap", memswap_limit = "swap", MemorySwapMax = "swap", CPUQuota = "cpus",
      cpu_shares = "cpu_weight", CPUWeight = "cpu_weight", AllowedCPUs = "cpuset",
      ["cpuset.cpus"] = "cpuset", TasksMax = "pids", pids_limit = "pids",
      blkio_weight = "io_weight", blockIO = "io",
      hugepageLimits = "hugetlb", ["device-read-bps"] = "io",
      disableOOMKiller = "oom", cpuset_mem = '"cpuset_mems"',
    } do
      assert.matches("hint: .*" .. expected, refusal(("limits { [%q] = 1 }"):format(name)))
    end
    assert.matches('"a/b" has a / in it', refusal "limits { ['a/b'] = 1 }")
    assert.not_matches("hint", refusal "limits { ['a/b'] = 1 }")
  end)

  it("merge by key, and each remembers its line", function()
    local s = user 'spec {\nlimits { memory = "1G", pids = 5 },\nlimits { pids = 7 },\ncwd = "/" }'
    assert.same({ memory = 1073741824, pids = 7 }, s:fields().limits)
    assert.equal("ci.lua:2", s:where "limits.memory")
    assert.equal("ci.lua:3", s:where "limits.pids")
    assert.is_nil(s:where "limits.cpus")
    s = user 'spec { limits { memory = "1G", pids = 5 },\nlimits = { memory = false } }'
    assert.same({ pids = 5 }, s:fields().limits)
    assert.is_nil(user 'spec { limits { pids = 5 }, limits = { pids = false } }':fields().limits)
    assert.same({ cpus = 1 },
      user "spec { limits { pids = 5 }, limits = replace { cpus = 1 } }":fields().limits)
  end)

  it("have parts that are merged, taken away and asked about one by one", function()
    local s = user [[spec {
limits { io = { ["/dev/sda"] = { rbps = "1M", wbps = "1M" }, ["8:0"] = { riops = 5 } } },
limits { io = { ["/dev/sda"] = { wbps = "2M" } }, unified = { ["memory.high"] = "5" } },
limits = { io = { ["8:0"] = false }, unified = { ["memory.low"] = "6" } } }]]
    assert.same({ io = { ["/dev/sda"] = { rbps = 1048576, wbps = 2097152 } },
      unified = { ["memory.high"] = "5", ["memory.low"] = "6" } }, s:fields().limits)
    assert.equal("ci.lua:2", s:where "limits.io./dev/sda.rbps")
    assert.equal("ci.lua:3", s:where "limits.io./dev/sda.wbps")
    assert.equal("ci.lua:3", s:where "limits.unified.memory.high")
    local names = {}
    for i, item in ipairs(s:explain_fields()) do names[i] = item.name .. " " .. item.at end
    assert.same({ "limits.io./dev/sda.rbps ci.lua:2", "limits.io./dev/sda.wbps ci.lua:3",
      "limits.unified.memory.high ci.lua:3", "limits.unified.memory.low ci.lua:1" }, names)
    -- What is taken away as a whole may come again.
    s = user [[spec { limits { io = { ["8:0"] = { rbps = 1, wbps = 1 }, ["8:16"] = { rbps = 1 } } },
      limits { io = false, hugetlb = false }, limits { io = { ["8:0"] = { wbps = 7 } } } }]]
    assert.same({ io = { ["8:0"] = { wbps = 7 } } }, s:fields().limits)
    local parts = { [[limits { io = { ["8:0"] = { rbps = 1 } } }]], "limits { io = false }",
      [[limits { io = { ["8:0"] = { wbps = 7 } } }]] }
    local left = user(("spec { spec { %s, %s }, %s }"):format(unpack(parts))):fields()
    local right = user(("spec { %s, spec { %s, %s } }"):format(unpack(parts))):fields()
    assert.same(left, right)
    -- A device whose name is the beginning of another's is another.
    s = user [[spec { limits { io = { ["/dev/a"] = { rbps = 1 }, ["/dev/a.b"] = { rbps = 2 } } },
      limits { io = { ["/dev/a"] = false } } }]]
    assert.same({ io = { ["/dev/a.b"] = { rbps = 2 } } }, s:fields().limits)
  end)

  it("warn where a part's limit is raised or taken away", function()
    local s = user 'spec { limits { memory = "1G", pids = 5 },\nlimits = { memory = "2G" } }'
    assert.equal("limits.memory: 2G widens 1G (ci.lua:1)", s:warnings()[1].text)
    s = user "spec { limits { pids = 5 },\nlimits = { pids = false } }"
    assert.equal("limits.pids: no limit widens 5 (ci.lua:1)", s:warnings()[1].text)
    assert.same({}, user "spec { limits { pids = 5 }, limits = { pids = 4 } }":warnings())
    local function texts(before, after)
      local list = {}
      for i, warning in ipairs(user(("spec { limits { %s },\nlimits = { %s } }"):format(before,
        after)):warnings()) do
        list[i] = warning.text
      end
      return table.concat(list, "; ")
    end
    for _, row in ipairs {
      { "swap = 0", "swap = '1G'", "limits.swap: 1G widens 0 bytes (ci.lua:1)" },
      { "swap = '1G'", "swap = 0", "" },
      { "oom = 'group'", "oom = 'process'", "limits.oom: process widens group (ci.lua:1)" },
      { "cpuset = '0-1'", "cpuset = '1'", "" },
      { "cpuset = '0-1'", "cpuset = '1-2'", "limits.cpuset: 1-2 widens 0-1 (ci.lua:1)" },
      { "cpu_idle = true", "cpu_idle = false", "limits.cpu_idle: no limit widens yes (ci.lua:1)" },
      -- A protection that is taken away takes nothing from others.
      { "memory_min = '1G'", "memory_min = false", "" },
      { "memory_min = '1G'", "memory_min = '2G'", "limits.memory_min: 2G widens 1G (ci.lua:1)" },
      { "cpu_weight = 50", "cpu_weight = false",
        "limits.cpu_weight: no limit widens 50 (ci.lua:1)" },
      { "cpu_weight = 200", "cpu_weight = false", "" },
      { "unified = { ['memory.high'] = '1' }", "unified = { ['memory.high'] = '0' }",
        "limits.unified.memory.high: 0 widens 1 (ci.lua:1)" },
      { "io = { ['8:0'] = { rbps = 1024, wbps = 1024 } }", "io = false",
        "limits.io.8:0.rbps: no limit widens 1K (ci.lua:1);"
          .. " limits.io.8:0.wbps: no limit widens 1K (ci.lua:1)" },
      { "hugetlb = { ['2M'] = '4M' }", "hugetlb = { ['2M'] = '6M' }",
        "limits.hugetlb.2M: 6M widens 4M (ci.lua:1)" },
    } do
      assert.equal(row[3], texts(row[1], row[2]), row[1] .. " -> " .. row[2])
    end
  end)

  it("bind by within: no higher one, and none missing", function()
    local function within(mine, theirs)
      local good, err = pcall(function() return user(mine):within(user(theirs)) end)
      return good or tostring(err)
    end
    local ceiling = 'spec { limits { memory = "1G", cpus = 1.5 } }'
    assert.is_true(within('spec { limits { memory = "1G", cpus = 1, pids = 9 } }', ceiling))
    assert.equal("limits.memory: 2G is wider than the ceiling's 1G (ci.lua:1)\n  asked for at"
      .. " ci.lua:1", within('spec { limits { memory = "2G", cpus = 1 } }', ceiling))
    assert.equal("limits.cpus: no limit (default) is wider than the ceiling's 1.5 (ci.lua:1)",
      within('spec { limits { memory = "1G" } }', ceiling))
    assert.is_string(within("spec { best_effort = true }", "spec {}"))
    assert.is_true(within("spec {}", "spec { best_effort = true }"))
    for _, row in ipairs {
      -- mine, the ceiling's, what is wider
      { "memory = '1G', swap = 0", "memory = '1G'" },
      { "memory = '1G', swap = 1024", "memory = '1G'",
        "limits.swap: 1K is wider than the ceiling's 0 bytes" },
      { "memory = '1G'", "memory = '1G', swap = 0" },
      { "memory_low = 4096", "", "limits.memory_low: 4K is wider than the ceiling's 0 bytes" },
      { "", "memory_low = 4096" },
      { "cpu_weight = 101", "pids = 5", "limits.cpu_weight: 101 is wider than the ceiling's 100" },
      { "cpu_weight = 99", "" }, { "cpu_weight = 100", "" },
      { "", "cpu_weight = 50", "limits.cpu_weight: 100 (default) is wider than the ceiling's 50" },
      { "cpuset = '1,3'", "cpuset = '0-3'" },
      { "cpuset = '1,4'", "cpuset = '0-3'", "limits.cpuset: 1,4 is wider than the ceiling's 0-3" },
      { "", "cpuset = '0'", "limits.cpuset: no limit (default) is wider than the ceiling's 0" },
      { "oom = 'process'", "", "limits.oom: process is wider than the ceiling's group" },
      { "oom = 'group'", "oom = 'process'" },
      { "delegate = true", "", "limits.delegate: yes is wider than the ceiling's none" },
      { "", "cpu_idle = true", "limits.cpu_idle: none (default) is wider than the ceiling's yes" },
      { "cpu_burst = '1ms'", "", "limits.cpu_burst: 1 ms is wider than the ceiling's 0 s" },
      -- A raw key could lift what the ceiling limits.
      { "memory = '1G', unified = { ['memory.max'] = 'max' }", "memory = '1G'",
        "limits.unified.memory.max: max is wider than the ceiling's no limit" },
      { "unified = { ['memory.max'] = '1' }", "unified = { ['memory.max'] = '1' }" },
      { "", "unified = { ['memory.max'] = '1' }",
        "limits.unified.memory.max: no limit (default) is wider than the ceiling's 1" },
      { "io = { ['8:0'] = { rbps = 5 } }", "io = { ['8:0'] = { rbps = 5 } }" },
      { "io = { ['8:0'] = { wbps = 5 } }", "io = { ['8:0'] = { rbps = 5 } }",
        "limits.io.8:0.rbps: no limit (default) is wider than the ceiling's 5 bytes" },
      { "io = { ['8:0'] = { weight = 101 } }", "",
        "limits.io.8:0.weight: 101 is wider than the ceiling's 100" },
      { "hugetlb = { ['2M'] = 5 }", "hugetlb = { ['2M'] = 4 }",
        "limits.hugetlb.2M: 5 bytes is wider than the ceiling's 4 bytes" },
    } do
      local result = within(("spec { limits { %s } }"):format(row[1]),
        ("spec { limits { %s } }"):format(row[2]))
      if row[3] then
        assert.equal(row[3], tostring(result):match("^[^\n]*"):gsub(" %(ci.lua:1%)$", "")
          :gsub(" %(default%)$", ""), row[1])
      else
        assert.is_true(result, row[1] .. " within " .. row[2])
      end
    end
  end)

  it("come from options too", function()
    local parsed = require("tidelock.options").parse { "-m", "512m", "--pids", "9", "--cpus=0.5",
      "--best-effort", "--", "true" }
    local fields = parsed.spec:fields()
    assert.same({ memory = 536870912, pids = 9, cpus = 0.5 }, fields.limits)
    assert.is_true(fields.best_effort)
    assert.equal("-m", parsed.spec:where "limits.memory")
  end)

  it("come from --limit, all of them", function()
    local function parsed(...)
      local words = {}
      for _, text in ipairs { ... } do
        words[#words + 1], words[#words + 2] = "--limit", text
      end
      words[#words + 1] = "true"
      return require("tidelock.options").parse(words).spec:fields().limits
    end
    assert.same({
      memory = 536870912, swap = 0, pids = 9, cpus = 0.5, cpu_weight = 50, cpu_burst = 0.01,
      cpu_idle = true, cpuset = "0-1,3", cpuset_mems = "0", oom = "process", delegate = true,
      io = { ["/dev/sda"] = { rbps = 1048576, wiops = 100, weight = 7 }, ["8:0"] = { riops = 5 } },
      hugetlb = { ["2M"] = 67108864, ["1G"] = 0 },
      unified = { ["memory.zswap.max"] = "0", ["io.max"] = "8:0 rbps=1" },
    }, parsed("memory=512M", "swap=0", "pids=9", "cpus=.5", "cpu_weight=50", "cpu_burst=10ms",
      "cpu_idle=yes", "cpuset=3,0-1", "cpuset_mems=0", "oom=process", "delegate=true",
      "io=/dev/sda:rbps=1M,wiops=100", "io=/dev/sda:weight=7", "io=8:0:riops=5", "hugetlb=2M:64M",
      "hugetlb=1G:0", "memory.zswap.max=0", "io.max=8:0 rbps=1"))
    assert.same({ pids = 5 }, parsed("pids=5", "memory=1G", "memory=false", "io=8:0:rbps=5",
      "io=no", "memory.high=5", "memory.high=false"))
    for text, why in pairs {
      ["memory"] = "is not a limit", ["=1"] = "is not a limit", ["memory="] = "has no value",
      ["io=sda"] = "is no limit of a device", ["io=/dev/sda:rbps"] = "is no limit of a device",
      ["io=/dev/sda:rbps=1,,"] = "is no limit of a device", ["hugetlb=2M"] = "of huge pages",
      ["nosuch=1"] = "is not a limit of a box", ["memory.a/b=1"] = "has a / in it",
      ["../x=1"] = "has a / in it", ["pids=1e3"] = "is not accepted",
    } do
      local good, err = pcall(parsed, text)
      assert.is_false(good)
      assert.matches(why, tostring(err), 1, true)
      assert.matches("--limit", tostring(err), 1, true)
    end
  end)
end)
