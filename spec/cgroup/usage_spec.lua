-- The numbers of a cgroup in the report, on whichever hierarchy is there.
local box = require "spec.support.box"
local cgroup = require "spec.support.cgroup"
local run = require "spec.support.run"

describe("the report of a box with limits", function()
  it("tells what all of it used: time, memory, processes", function()
    cgroup.needs()
    local report = box.report({ "perl", "-e",
      "$SIG{CHLD} = 'IGNORE'; for (1 .. 7) { fork or do { 1 for 1 .. 3e6; exit } }"
        .. "my $x = q(); vec($x, 30 * 1048576, 8) = 1; 1 while wait != -1" },
      { "-m", "256M", "--pids", "50", "--cpus", "2" })
    assert.is_true(report.ok)
    local usage = report.usage
    assert(usage.user + usage.system > 0.05, usage.user)
    assert(usage.memory_peak > 30 * 1048576 and usage.memory_peak <= 256 * 1048576)
    assert.equal(usage.memory_peak, usage.memory.peak)
    assert.equal(256 * 1048576, usage.memory.limit)
    assert.equal("number", type(usage.memory.file))
    assert.equal(0, usage.oom.kills)
    assert.equal("number", type(usage.periods_throttled))
    -- Since 6.1 on v2, 6.13 on v1.
    if usage.pids_peak then assert(usage.pids_peak >= 8 and usage.pids_peak <= 50) end
  end)

  it("counts what the limit killed and refused", function()
    cgroup.needs()
    local report = box.report({ "sh", "-c", "perl -e 'my $x = q(); vec($x, 64 * 1048576, 8) = 1'" },
      { "-m", "32M" })
    assert.equal("memory", report.reason)
    assert(report.usage.oom.kills >= 1)
    report = box.report({ "perl", "-e",
      "for (1 .. 30) { my $p = fork // next; $p or exit } exit 1" }, { "--pids", "9" })
    assert(report.usage.forks_refused >= 1)
  end)

  it("is one of a box out of memory, though its shell went on before anybody looked", function()
    cgroup.needs()
    -- Stopped, the supervisor learns of the end of the memory and of the end of the box at once.
    local result = run.run(([[
      %s run -m 32M -- sh -c 'sleep 0.5; perl -e "my \$x = q(); vec(\$x, 64 * 1048576, 8) = 1"
        exit 0' & p=$!
      sleep 0.2; kill -STOP $p; sleep 1.5; kill -CONT $p; wait $p; echo $?]]):format(
      run.quote(run.tidelock)), { timeout = 60 })
    assert.equal("137\n", result.stdout)
    assert.matches("killed by the memory limit 32M", result.stderr)
  end)

  it("tells of pressure on v2", function()
    cgroup.needs(2)
    local report = box.report({ "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done" },
      { "--cpus", "0.2" })
    assert(report.usage.pressure.cpu.some.total > 0)
    assert(report.usage.throttled > 0)
  end)
end)
