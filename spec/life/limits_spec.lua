-- Limits on the whole box, by real cgroups: they hold and leave nothing, as root and, on cgroup v2,
-- as a user with a part of the hierarchy; any other user is refused by name.
local box = require "spec.support.box"
local cgroup = require "spec.support.cgroup"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local root = run.who() == "root"
local v1 = cgroup.version() == 1
local BOXES = (root and "/run" or os.getenv "XDG_RUNTIME_DIR" or "") .. "/tidelock/boxes"

-- So many megabytes, written to.
local function hog(megabytes)
  return ("perl -e 'my $x = q(); vec($x, %d * 1048576, 8) = 1;'"):format(megabytes)
end

-- Every cgroup of a box, and every record.
local function left()
  return cgroup.left() .. run.run("ls " .. BOXES).stdout
end

describe("a box with limits", function()
  local before
  before_each(function()
    -- State folders are there from the first run on.
    if root or not v1 then run.tl { "run", "--pids", "9", "--", "true" } end
    before = leaks.snapshot()
  end)
  after_each(function() leaks.verify(before, 3) end)

  it("is killed for its memory, whichever process took it, and says where it was asked", function()
    cgroup.needs()
    for _, script in ipairs { "exec " .. hog(64), hog(64) .. "; exit 0",
      hog(64) .. " & wait; sleep 100", "setsid " .. hog(64) .. " & sleep 100" } do
      local report, result = box.report({ "sh", "-c", script }, { "-m", "32M" })
      assert.same({ "memory", "limits.memory", "-m", 137, "KILL", false },
        { report.reason, report.rule, report.at, report.code, report.signal, report.ok }, script)
      assert.equal(137, result.status)
      assert.matches("tidelock: killed by the memory limit 32M %(%-m%)\n$", result.stderr)
      assert(report.usage.wall < 5 * run.slow, script)
      assert(report.usage.memory_peak > 31 * 1048576 and report.usage.memory_peak <= 32 * 1048576)
    end
  end)

  it("names the line of a Lua spec", function()
    cgroup.needs()
    local result = box.lua([[
local tidelock = require "tidelock"
local job = tidelock.spec {
  tidelock.limits { memory = "32M" },
  command = { "sh", "-c", "]] .. hog(64):gsub('"', '\\"') .. [[; true" },
}
local report = job:run()
print(report.reason, report:why(), report.at == job:where "limits.memory")
]])
    assert.matches("^memory\tkilled by the memory limit 32M %(.*script.lua:3%)\ttrue\n$",
      result.stdout)
  end)

  it("lives below its limit, and is told what it used", function()
    cgroup.needs()
    local report = box.report({ "sh", "-c", hog(20) }, { "-m", "64M" })
    assert.equal("exit", report.reason)
    assert(report.usage.memory_peak > 20 * 1048576, report.usage.memory_peak)
    -- Time also of children that nobody waits for.
    report = box.report({ "perl", "-e",
      "$SIG{CHLD} = 'IGNORE'; if (!fork) { 1 for 1 .. 1e7; exit } 1 while wait != -1" },
      { "--pids", "9" })
    assert(report.usage.user + report.usage.system > 0.02, report.usage.user)
  end)

  it("has no more processes than its limit", function()
    cgroup.needs()
    -- PID 1 and perl itself leave room for 30.
    local report = box.report({ "perl", "-e",
      "for (1 .. 100) { my $p = fork // next; $p or sleep 9, exit } exit 3" }, { "--pids", "32" })
    assert.equal(3, report.status)
    assert.equal(70, report.usage.forks_refused)
    assert.equal("the limit of 32 processes refused 70 new ones (limits.pids, --pids)", report.hint)
  end)

  it("ends a fork bomb by its time limit", function()
    cgroup.needs()
    local report = box.report({ "bash", "-c", "b() { b | b & }; b; sleep 60" },
      { "--pids", "32", "--timeout", "300ms" })
    assert.equal("timeout", report.reason)
  end)

  it("says why set-up had no process left", function()
    cgroup.needs()
    local result = box.run({ "true" }, { "--pids", "1" })
    assert.equal(125, result.status)
    assert.matches("fork the workload; .*EAGAIN", result.stderr)
    assert.matches("limits.pids", result.stderr)
  end)

  it("is throttled to its processors", function()
    cgroup.needs()
    local loop = ("i=0; while [ $i -lt %d ]; do i=$((i + 1)); done"):format(200000 / run.slow)
    local free = box.report({ "sh", "-c", loop }, { "--cpus", "100" })
    local held = box.report({ "sh", "-c", loop }, { "--cpus", "0.2" })
    assert.equal(0, free.usage.periods_throttled)
    assert(held.usage.periods_throttled >= 1 and held.usage.throttled > 0)
    -- A fifth of the time, with half of it for the periods at both ends.
    assert((held.usage.user + held.usage.system) / held.usage.wall < 0.35)
  end)

  it("sees itself at the root of every hierarchy, and cannot write a limit", function()
    cgroup.needs()
    local text = box.prints("cat /proc/self/cgroup; ls /sys/fs/cgroup",
      { "-m", "64M", "--pids", "20", "--cpus", "1" })
    for line in text:gmatch("%d+:[^\n]*") do assert.matches(":/$", line) end
    assert.is_nil(text:find("tidelock", 1, true))
  end)

  it("leaves neither cgroup nor record, also when it cannot start", function()
    cgroup.needs()
    for _, words in ipairs { { "true" }, { "/nonexistent" } } do
      box.run(words, { "-m", "64M", "--pids", "20", "--cpus", "1" })
      assert.equal("", left())
    end
    if not v1 then return end
    -- A quota above that of the cgroup above it is refused by the kernel: after four were made.
    local cpu = run.run("sed -n 's/^[0-9]*:cpu:/\\/sys\\/fs\\/cgroup\\/cpu/p' /proc/self/cgroup")
      .stdout:gsub("/?\n$", "")
    local result = run.run(([[
      mkdir %s/tl-spec && echo 50000 > %s/tl-spec/cpu.cfs_quota_us
      (echo 0 > %s/tl-spec/tasks; exec %s run -m 64M --pids 20 --cpus 1 -- true) 2>&1
      echo $?; rmdir %s/tl-spec]]):format(cpu, cpu, cpu, run.quote(run.tidelock), cpu))
    assert.matches("set cpu.cfs_quota_us to 100000: EINVAL", result.stdout)
    assert.matches("\n125\n$", result.stdout)
    assert.equal("", result.stderr)
    assert.equal("", left())
  end)

  it("that was left by a killed supervisor goes with the next run", function()
    cgroup.needs()
    local words = run.quote(run.tidelock) .. " run -m 64M --pids 20 -- "
    local result = run.run(([[
      %s sleep 60 & p=$!
      i=0; until [ -e %s/$p-*.json ] || [ $i = 200 ]; do
        sleep 0.01; i=$((i + 1)); done; sleep %g
      kill -9 $p; wait $p 2>/dev/null; sleep 0.2
      find /sys/fs/cgroup -path "*/tidelock/$p-*" -type d | wc -l
      %s true; echo $?]]):format(words, BOXES, 0.2 * run.slow, words))
    assert.equal(v1 and "4\n0\n" or "1\n0\n", result.stdout)
    assert.equal("", left())
  end)

  it("is not touched by another run while its supervisor lives", function()
    cgroup.needs()
    local folder = run.folder()
    local result = box.during(folder,
      "touch ready; while [ ! -e go ]; do sleep 0.01; done; echo ok",
      run.quote(run.tidelock) .. " run --pids 9 -- true; echo $?; touch go", { "--pids", "20" })
    assert.equal("ok\n", result.stdout)
    assert.equal("0\n", result.outside)
    run.remove(folder)
  end)
end)

describe("limits of an ordinary user on cgroup v1", function()
  local function needs_user()
    if root then run.skip "needs an ordinary user" end
    if not v1 then run.skip "needs cgroup v1 controllers" end
  end

  it("are refused by controller", function()
    needs_user()
    local controllers = { ["-m"] = "memory", ["--pids"] = "pids", ["--cpus"] = "cpu" }
    for option, controller in pairs(controllers) do
      local result = box.run({ "true" }, { option, option == "-m" and "64M" or "2" })
      assert.equal(125, result.status)
      assert.matches("the " .. controller .. " controller (cgroup v1) is not the caller's",
        result.stderr, 1, true)
      assert.matches("asked for at " .. option, result.stderr, 1, true)
    end
  end)

  it("are reported and not enforced under --best-effort", function()
    needs_user()
    local report = box.report({ "true" }, { "-m", "64M", "--pids", "2", "--best-effort" })
    assert.is_true(report.ok)
    local list = report.not_enforced
    assert.matches("^limits.memory 64M: the memory controller", list[#list - 1])
    assert.matches("^limits.pids 2: the pids controller", list[#list])
  end)
end)
