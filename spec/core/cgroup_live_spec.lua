-- tidelock.core.cgroup while processes live in it: frozen, thawed, watched and counted, in the
-- hierarchies that this machine has.
local core = require "tidelock.core"
local cgroup = core.cgroup
local run = require "spec.support.run"

local ROOT = cgroup.version "/sys/fs/cgroup" == 2 and "/sys/fs/cgroup" or nil
local TOPS = {
  ROOT and "/sys/fs/cgroup/none" or "/sys/fs/cgroup/freezer",
  ROOT or "/sys/fs/cgroup/unified",
}

local function sh(script)
  local pipe = assert(io.popen(script))
  local text = pipe:read "*a"
  pipe:close()
  return (text:gsub("\n$", ""))
end

-- A group with one busy process in it, which is killed with it.
local function busy(top, name)
  local dir = top .. "/tidelock/" .. name
  sh(([[
    mkdir -p %s
    sh -c 'echo $$ > %s/cgroup.procs; while :; do :; done' >/dev/null 2>&1 &
    i=0; until [ -n "$(cat %s/cgroup.procs)" ] || [ $i = 500 ]; do sleep 0.01; i=$((i + 1)); done
  ]]):format(dir, dir, dir))
  local group = cgroup.new()
  assert(group:adopt(top, "tidelock/" .. name))
  return group, dir
end

local function needs(version)
  if run.who() ~= "root" then run.skip "needs root" end
  if cgroup.version(TOPS[version]) ~= version then
    run.skip(("needs cgroup v%d controllers"):format(version))
  end
end

local function ticks(group)
  local pid = group:read("cgroup.procs"):match "%d+"
  return tonumber(run.read("/proc/" .. pid .. "/stat"):match "^.*%) %a (.*)$":match(
    ("%S+ "):rep(10) .. "(%S+)"))
end

for version = 1, 2 do
  describe("a cgroup of v" .. version, function()
    it("stands still when it is frozen, and goes on", function()
      needs(version)
      local group, dir = busy(TOPS[version], "spec-live-1")
      assert.is_true(group:freeze(5))
      local before = ticks(group)
      sh "sleep 0.1"
      assert.equal(before, ticks(group))
      assert.is_true(group:freeze(5)) -- again
      assert.is_true(group:thaw(5))
      local i = 0
      while ticks(group) == before and i < 100 do
        sh "sleep 0.02"
        i = i + 1
      end
      assert(ticks(group) > before)
      -- What is frozen dies, too.
      assert.is_true(group:freeze(5))
      group:kill()
      assert.is_true(group:close())
      assert.is_nil(core.host.stat(dir))
    end)
  end)
end

describe("a cgroup of v2", function()
  it("tells by an event that it has become empty", function()
    needs(2)
    local group = busy(TOPS[2], "spec-live-2")
    local event = assert(group:event "cgroup.events")
    assert.matches("populated 1", event:read())
    assert.same({}, core.poll.wait({ event }, 0))
    group:kill()
    assert.same({ 1 }, core.poll.wait({ event }, 5))
    assert.matches("populated 0", event:read())
    assert.same({}, core.poll.wait({ event }, 0))
    event:close()
    assert.is_true(group:close())
  end)

  it("takes a trigger for pressure, or says why not", function()
    needs(2)
    local group = busy(TOPS[2], "spec-live-3")
    local event, code = group:event("cpu.pressure", "some 500000 2000000")
    if not event and (code == "EOPNOTSUPP" or code == "ENOENT") then
      group:close()
      run.skip "this kernel was started without pressure (psi=0)"
    end
    assert(event, code)
    assert.same({}, core.poll.wait({ event }, 0))
    assert.equal("EINVAL", select(2, group:event("cpu.pressure", "some nonsense")))
    assert.equal("ENOENT", select(2, group:event "no.such.file"))
    assert.equal("ENOENT", select(2, group:event "../cgroup.procs"))
    event:close()
    assert.is_true(group:close())
  end)

  it("counts its time", function()
    needs(2)
    local group, dir = busy(TOPS[2], "spec-live-4")
    local i = 0
    while group:stats().cpu.usage < 0.05 and i < 500 do
      sh "sleep 0.02"
      i = i + 1
    end
    local stats = group:stats(true)
    assert(stats.cpu.usage >= 0.05)
    assert(math.abs(stats.cpu.usage - stats.cpu.user - stats.cpu.system) < 0.01)
    local list = cgroup.stats_of({ { dir }, { "/nonexistent" }, { "/tmp" } }, true)
    assert(list[1].cpu.usage >= stats.cpu.usage)
    assert.same({ false, false }, { list[2], list[3] })
    group:kill()
    assert.is_true(group:close())
  end)
end)

describe("the cgroups of v1", function()
  it("count time, processes and memory, each where its controller is", function()
    needs(1)
    local tops = {}
    for _, name in ipairs { "cpuacct", "memory", "pids" } do
      local top = "/sys/fs/cgroup/" .. name
      if not core.host.stat(top .. "/tasks") then run.skip("needs the controller " .. name) end
      tops[#tops + 1] = top
    end
    local group = cgroup.new()
    local dirs, script = {}, {}
    for i, top in ipairs(tops) do
      dirs[i] = top .. "/tidelock/spec-live-5"
      sh("mkdir -p " .. dirs[i])
      assert(group:adopt(top, "tidelock/spec-live-5"))
      script[i] = "echo $$ > " .. dirs[i] .. "/cgroup.procs"
    end
    sh(("sh -c '%s; exec sleep 60' >/dev/null 2>&1 & sleep 0.2"):format(table.concat(script, "; ")))
    assert.is_true(group:write("pids.max", "7"))
    assert.equal("EINVAL", select(2, group:write("pids.max", "many")))
    assert.equal("ENOENT", select(2, group:write("no.such.file", "1")))
    assert.equal("ENOENT", select(2, group:write("../pids.max", "1")))
    local stats = group:stats(true)
    assert.equal(1, stats.pids.current)
    assert.equal(7, stats.pids.limit)
    assert(stats.cpu.usage > 0 and stats.memory.current > 0)
    assert(stats.memory.peak >= stats.memory.anon)
    assert.is_nil(stats.memory.limit)
    assert.is_nil(stats.pressure)
    assert.equal(1, cgroup.stats_of({ dirs })[1].pids.current)
    -- Without a freezer: no process may begin, and all end.
    group:kill()
    assert.equal("0\n", group:read "pids.max")
    assert.is_true(group:close())
    for _, dir in ipairs(dirs) do assert.is_nil(core.host.stat(dir)) end
  end)
end)
