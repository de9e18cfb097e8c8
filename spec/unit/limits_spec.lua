local errors = require "tidelock.error"
local fake = require "spec.golden.fake_host"
local host = require "tidelock.cgroup.host"
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
      ["{ memroy = 1 }"] = 'limits: "memroy" is not a limit of a box (accepted: memory, pids,'
        .. ' cpus)\n  asked for at ci.lua:1\n  hint: did you mean "memory"?',
      ["{ cpu = 1 }"] = 'limits: "cpu" is not a limit of a box (accepted: memory, pids,'
        .. " cpus)\n  asked for at ci.lua:1\n  hint: did you mean cpus?",
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

  it("warn where a part's limit is raised or taken away", function()
    local s = user 'spec { limits { memory = "1G", pids = 5 },\nlimits = { memory = "2G" } }'
    assert.equal("limits.memory: 2G widens 1G (ci.lua:1)", s:warnings()[1].text)
    s = user "spec { limits { pids = 5 },\nlimits = { pids = false } }"
    assert.equal("limits.pids: no limit widens 5 (ci.lua:1)", s:warnings()[1].text)
    assert.same({}, user "spec { limits { pids = 5 }, limits = { pids = 4 } }":warnings())
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
  end)

  it("come from options too", function()
    local parsed = require("tidelock.options").parse { "-m", "512m", "--pids", "9", "--cpus=0.5",
      "--best-effort", "--", "true" }
    local fields = parsed.spec:fields()
    assert.same({ memory = 536870912, pids = 9, cpus = 0.5 }, fields.limits)
    assert.is_true(fields.best_effort)
    assert.equal("-m", parsed.spec:where "limits.memory")
  end)
end)

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

describe("limits on cgroup v2", function()
  local place = { mount = "/sys/fs/cgroup", dir = "/sys/fs/cgroup/user.slice/session" }

  local function facts(files, closed)
    return {
      cgroups = { version = 2, v1 = {}, v2 = place },
      read = function(path) return files[path] end,
      stat = function(path) return files[path] and { type = "file" } end,
      writable = function(path) return not (closed and path:find(closed, 1, true)) end,
    }
  end

  local function tree(slice)
    local files = {}
    for dir, given in pairs { [""] = "cpu memory pids", ["/user.slice"] = slice,
      ["/user.slice/session"] = "" } do
      files[place.mount .. dir .. "/cgroup.controllers"] = "cpu memory pids"
      files[place.mount .. dir .. "/cgroup.subtree_control"] = given
      files[place.mount .. dir .. "/cgroup.procs"] = "1\n"
      if dir ~= "" then files[place.mount .. dir .. "/cgroup.events"] = "" end
    end
    return files
  end

  local v2 = require "tidelock.cgroup.v2"
  local LIST = {
    { name = "memory", value = ALL.memory }, { name = "pids", value = 64 },
    { name = "cpus", value = 0.5 },
  }

  it("are below the nearest cgroup that hands the controllers down", function()
    local dirs = v2.arrange(facts(tree "cpu memory pids"), LIST)
    assert.equal(1, #dirs)
    assert.equal("/sys/fs/cgroup/user.slice", dirs[1].path)
    assert.equal("+memory +pids +cpu", dirs[1].enable)
    local lines = {}
    for i, item in ipairs(dirs[1].settings) do lines[i] = item.file .. "=" .. item.value end
    assert.same({ "memory.max=536870912", "memory.swap.max=0", "memory.oom.group=1",
      "pids.max=64", "cpu.max=50000 100000" }, lines)
    assert.equal("/sys/fs/cgroup", v2.arrange(facts(tree "memory"), LIST)[1].path)
    local empty = tree "memory"
    empty["/sys/fs/cgroup/user.slice/session/cgroup.procs"] = ""
    assert.equal(place.dir, v2.arrange(facts(empty), LIST)[1].path)
  end)

  it("name the controller that is not to be had", function()
    assert.is_nil(v2.problem(facts(tree "memory"), "memory"))
    assert.matches("^the memory controller %(cgroup v2%) is not the caller's to use",
      v2.problem(facts(tree "memory", "/"), "memory"))
    local files = tree "memory"
    for path in pairs(files) do
      if path:find("controllers", 1, true) then files[path] = "cpu memory" end
    end
    assert.matches("^the pids controller %(cgroup v2%) is not given to this cgroup",
      v2.problem(facts(files), "pids"))
  end)
end)
