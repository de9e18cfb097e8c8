-- The report of `tidelock run`: for people, for machines, and whether its numbers are true.
local box = require "spec.support.box"
local cjson = require "cjson"
local run = require "spec.support.run"

local megabyte = 1024 * 1024
local fill = "my $x = ''; vec($x, %d * 1048576, 8) = 1;" -- so many megabytes, written to

describe("the report", function()
  it("has every field, with the types that the design names", function()
    local report = box.report { "sh", "-c", "exit 3" }
    assert.same({ false, 3, 3, "exit" }, { report.ok, report.code, report.status, report.reason })
    for _, name in ipairs { "denials", "enforced", "not_enforced", "notes", "sockets", "planted",
      "operations" } do
      assert.equal("table", type(report[name]), name)
    end
    for _, name in ipairs { "wall", "user", "system", "memory_peak" } do
      assert.equal("number", type(report.usage[name]), name)
    end
    assert.is_nil(report.signal)
    assert.is_nil(report.error)
  end)

  it("tells the operations in their order, with times that fit", function()
    local report = box.report { "true" }
    local plan = cjson.decode(run.tl({ "explain", "--json", "--", "true" }).stdout).operations
    assert.equal(#plan, #report.operations)
    local timed = 0
    for i, op in ipairs(report.operations) do
      assert.same({ plan[i].op, plan[i].lane, plan[i].stage },
        { op.op, op.lane, op.stage })
      assert(op.start >= 0 and op.stop >= op.start and op.stop <= report.usage.wall + 0.001,
        ("%d %s: %s to %s of %s"):format(i, op.op, op.start, op.stop, report.usage.wall))
      if op.stop > op.start then timed = timed + 1 end
    end
    assert(timed > #plan / 2, timed .. " operations have times")
  end)

  it("measures time: wall, user and system", function()
    local report = box.report { "sh", "-c",
      "sleep 0.1; i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done" }
    local usage = report.usage
    assert(usage.wall >= 0.1 and usage.wall < 5, usage.wall)
    assert(usage.user > 0.003 and usage.user < usage.wall, usage.user)
    report = box.report { "head", "-c", "200M", "/dev/zero" }
    assert(report.usage.system > 0.001, report.usage.system)
  end)

  it("counts the time of processes that the workload waited for", function()
    local report = box.report { "sh", "-c",
      "sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done'; true" }
    assert(report.usage.user > 0.008, report.usage.user)
  end)

  it("measures a workload of 50 MB as 50 to 70 MB", function()
    for _, options in ipairs { {}, { "--user", "0" } } do
      local report = box.report({ "perl", "-e", fill:format(50) }, options)
      local peak = report.usage.memory_peak
      assert(peak > 50 * megabyte and peak < 70 * megabyte, peak)
    end
    local small = box.report({ "true" }).usage.memory_peak
    assert(small > 0.2 * megabyte and small < 8 * megabyte, small)
  end)

  it("measures what a child of the workload used", function()
    local peak = box.report({ "sh", "-c", "perl -e '" .. fill:format(50):gsub("'", '"')
      .. "'; true" }).usage.memory_peak
    assert(peak > 50 * megabyte and peak < 70 * megabyte, peak)
  end)

  it("does not count the supervisor's own memory", function()
    for _, init in ipairs { "true", "false" } do
      local result = box.lua(([[
        local tidelock = require "tidelock"
        local ballast = ("x"):rep(300 * 1024 * 1024)
        local report = tidelock.run { "true", init = %s }
        print(report.ok, report.usage.memory_peak or "unavailable", #ballast)]]):format(init))
      local ok, peak = result.stdout:match("^(%w+)%s+(%S+)")
      assert.equal("true", ok, result.stderr)
      assert(peak == "unavailable" or tonumber(peak) < 8 * megabyte, peak)
    end
  end)

  it("says what was put in force and what was not", function()
    local report = box.report { "true" }
    assert.equal("drop-groups", report.enforced[1] or report.not_enforced[1])
  end)

  it("is JSON on standard error with --json, and nothing else", function()
    local result = run.tl { "run", "--json", "--", "sh", "-c", "echo out; exit 2" }
    assert.equal("out\n", result.stdout)
    assert.equal(2, cjson.decode(result.stderr).status)
    result = run.tl { "run", "--json", "--", "no-such-command" }
    local report = cjson.decode(result.stderr)
    assert.same({ "setup", 127, "exec" }, { report.reason, report.code, report.error.op })
  end)

  it("is written to a file and to a descriptor", function()
    local folder = run.folder()
    run.run(run.quote(run.tidelock) .. " run --report r.json -- true", { cwd = folder })
    assert.is_true(cjson.decode(run.read(folder .. "/r.json")).ok)
    local result = run.run { "bash", "-c", run.quote(run.tidelock)
      .. " run --report fd:5 -- sh -c 'echo no >&5' 5>&1 2>/dev/null" }
    local report = cjson.decode(result.stdout)
    assert.same({ "exit", 2 }, { report.reason, report.status }, "the workload has descriptor 5")
    run.remove(folder)
  end)

  it("that cannot be written is an error, whatever the workload did", function()
    local result = run.tl { "run", "--report", "/nonexistent/r.json", "--", "true" }
    assert.equal(125, result.status)
    assert.matches("%-%-report", result.stderr)
    result = run.tl { "run", "--report", "fd:77", "--", "true" }
    assert.equal(125, result.status)
  end)

  it("keeps escape sequences away from the terminal", function()
    local name = "\27[31mred\7\n"
    local result = run.tl { "run", "--", name }
    assert.equal(127, result.status)
    assert.is_nil(result.stderr:find("[\27\7]"))
    result = run.tl { "run", "--ro", "/nonexistent/" .. name, "--", "true" }
    assert.equal(125, result.status)
    assert.is_nil(result.stderr:find("[\27\7]"))
  end)
end)

describe("what tidelock run prints", function()
  it("is nothing for a command that ends by itself", function()
    for _, options in ipairs { {}, { "-q" } } do
      local result = box.sh("echo out; exit 3", options)
      assert.same({ "out\n", "", 3 }, { result.stdout, result.stderr, result.status })
    end
  end)

  it("is a line and what could be reached with --verbose and -v", function()
    for _, option in ipairs { "-v", "--verbose" } do
      local result = box.sh("exit 3", { option })
      assert.matches("tidelock: writable: [^\n]*/tmp", result.stderr)
      assert.matches("tidelock: exited with status 3 after [%d.]+ %a+ %(user ", result.stderr)
    end
  end)

  it("is only errors with -q", function()
    assert.equal("", box.sh("kill -TERM $$", { "-q" }).stderr)
    assert.matches("unknown option", box.sh("true", { "-q", "--no-such" }).stderr)
    assert.matches("not found", box.run({ "no-such-command" }, { "-q" }).stderr)
  end)

  it("is the plan with --dry-run, and nothing is run", function()
    local folder = run.folder()
    local result = run.tl({ "run", "--rw", ".", "--dry-run", "--", "touch", "made" },
      { cwd = folder })
    assert.equal(0, result.status, result.stderr)
    assert.matches("execute touch from", result.stdout)
    assert.matches("writable: .*" .. folder:gsub("%p", "%%%0"), result.stdout)
    assert.is_nil(run.read(folder .. "/made"))
    run.remove(folder)
  end)

  it("is the help with --help and the version with --version", function()
    assert.matches("%-%-rw%-all", run.tl({ "run", "--help" }).stdout)
    assert.matches("^tidelock %S+\n$", run.tl({ "--version" }).stdout)
  end)
end)
