-- A box that stays: its numbers while it runs, paused and resumed, and that its whole tree dies.
-- On whichever hierarchy is there.
local box = require "spec.support.box"
local cgroup = require "spec.support.cgroup"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local START = [[
  local box = assert(tidelock.spec { tidelock.limits { memory = "64M", pids = 40 } }:start())
  local function count() -- of the processes that are called "tl-nap"
    local n = 0
    for pid in io.popen("pgrep -f ^tl-nap"):lines() do n = n + 1 end
    return n
  end
  local function nap(words)
    return assert(box:spawn { "bash", "-c", words })
  end
  local function until_there(n)
    for _ = 1, 500 do
      if count() == n then return true end
      tidelock.loop.sleep(0.02)
    end
    return count() == n
  end
]]

local function lines(text) return box.lines(START .. text) end

describe("a running box with a cgroup", function()
  local before
  before_each(function()
    cgroup.needs()
    run.tl { "run", "--pids", "9", "--", "true" }
    before = leaks.snapshot()
  end)
  after_each(function()
    if before then leaks.verify(before, 3) end
    before = nil
  end)

  it("tells what it uses, without anything being waited for", function()
    assert.same({ "true", "true", "true", "64M 40", "true", "true" }, lines [[
      local first = assert(box:stats())
      box:exec { "perl", "-e", "my $x = q(); vec($x, 20 * 1048576, 8) = 1; 1 for 1 .. 2e6" }
      local second = box:stats(true)
      print(second.cpu.usage > first.cpu.usage)
      print(second.memory.peak > 20 * 1048576)
      print(second.pids.current >= 1 and second.pids.current < 40)
      print(second.memory.limit / 1048576 .. "M " .. second.pids.limit)
      print(second.memory.anon ~= nil and first.memory.anon == nil)
      box:stop()
      print(box:stats() == nil)]])
  end)

  it("takes other limits while it runs, all of them or none", function()
    assert.same({ "128 20", "32 20", "64 none", "limits.cpuset\tENOENT", "64 none", "memory",
      "false", "false", "false" }, lines [[
      local function show()
        local stats = box:stats()
        print(stats.memory.limit / 1048576 .. " " .. (stats.pids.limit or "none"))
      end
      assert(box:update { memory = "128M", pids = 20 })
      show()
      assert(box:update { memory = "32M" }) -- memory.memsw has to go first, or last
      show()
      assert(box:update { memory = "64M", pids = false })
      show()
      local _, err = box:update { pids = 7, memory = "100M", cpuset = "0" }
      print(err.message:match "^[%w.]+", err.code)
      show()
      local report = box:exec { "perl", "-e", "my $x = q(); vec($x, 100 * 1048576, 8) = 1" }
      print(report.reason)
      for _, bad in ipairs { { oom = "process" }, { memroy = 1 }, { pids = -1 } } do
        print((pcall(box.update, box, bad)))
      end
      box:stop()]])
  end)

  it("tells what became of its processes also after it was stopped", function()
    assert.same({ "KILL" }, lines [[
      local busy = assert(box:spawn { "sleep", "60" })
      box:stop()
      print(busy:wait().signal)]])
  end)

  it("goes with the script that did not stop it, however that ended", function()
    for _, ending in ipairs { "", "error 'no'", "os.exit(3)" } do
      box.lua("local tidelock = require 'tidelock'\n" .. START
        .. "nap 'exec -a tl-nap-s sleep 60'\n" .. ending)
    end
  end)

  it("stands still while it is paused, and is not entered then", function()
    assert.same({ "true", "true", "the box is paused: resume it first", "true", "true",
      "true", "0" }, lines [[
      local busy = nap "while :; do :; done"
      print(box:pause() and box:pause())
      local before = box:stats().cpu.usage
      tidelock.loop.sleep(0.2)
      print(box:stats().cpu.usage - before < 0.05)
      print((box:exec { "true" }:why():gsub(".*(the box is)", "%1"):gsub("\n.*", "")))
      print(box:resume() and box:resume())
      tidelock.loop.sleep(0.3)
      print(box:stats().cpu.usage > before + 0.05)
      print(box:exec { "true" }.ok)
      busy:kill()
      box:stop()
      print(count())]])
  end)

  it("dies as a whole when it is stopped: forked twice, of other sessions, stopped and frozen",
    function()
      assert.same({ "true", "0" }, lines [[
        nap "(setsid bash -c 'exec -a tl-nap-1 sleep 100' &) ; exec -a tl-nap-2 sleep 100"
        nap "exec perl -e '$0 = q(tl-nap-3); $SIG{$_} = q(IGNORE) for qw(TERM HUP INT); sleep 100'"
        nap "exec perl -e '$0 = q(tl-nap-4); kill STOP => $$'"
        nap "perl -e 'for (1 .. 5) { fork or do { setpgrp; $0 = q(tl-nap-5); sleep 100 } }'"
        print(until_there(9) or count())
        assert(box:pause())
        box:stop()
        print(count())]])
    end)

  it("dies as a whole while it is a fork bomb", function()
    local started = os.time()
    assert.same({ "0" }, lines [[
      nap "perl -e '$0 = q(tl-nap-b); while (1) { fork; }'"
      tidelock.loop.sleep(0.3)
      box:stop()
      print(count())]])
    assert(os.time() - started < 30)
  end)

  it("is ended by its time limit although somebody has frozen it", function()
    local freeze = cgroup.version() == 2 and "for f in $(find /sys/fs/cgroup -path "
      .. "'*/tidelock/'$p'-*/*' -name cgroup.freeze); do echo 1 > $f; done"
      or "for f in $(find /sys/fs/cgroup -path '*/tidelock/'$p'-*/*' -name freezer.state); do "
      .. "echo FROZEN > $f; done"
    local result = run.run(("%s run --pids 9 --timeout 2s -- sleep 60 & p=$!; sleep 0.5; %s; "
      .. "wait $p; echo $?"):format(run.quote(run.tidelock), freeze))
    assert.equal("124\n", result.stdout)
  end)

  it("says by name what it cannot do without a cgroup", function()
    local text = box.both [[
      local box = assert(tidelock.spec {}:start())
      for _, name in ipairs { "stats", "pause" } do
        local result, err = box[name](box)
        print(result, err.message, err.hint)
      end
      print(box:resume())
      box:stop()]]
    assert.equal("nil\tstats: the box has no cgroup\tgive its spec a limit, limits { pids = 1000 }"
      .. " for one\nnil\tpause: the box has no cgroup\tgive its spec a limit, limits { pids = "
      .. "1000 } for one\ntrue\n", text)
  end)
end)

describe("the events of a box", function()
  it("wake a loop: memory.events of v2", function()
    cgroup.needs(2)
    assert.same({ "true", "true", "true" }, lines [[
      local event = assert(box:event "memory.events")
      local before = event:read()
      local one = box:spawn { "perl", "-e", "my $x = q(); vec($x, 100 * 1048576, 8) = 1" }
      print(#tidelock.loop.wait({ event }, 20) == 1)
      print(event:read() ~= before)
      event:close()
      local _, err = box:event "../x"
      print(err.code == "ENOENT")
      box:stop()]])
  end)
end)
