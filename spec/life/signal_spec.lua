-- Signals to tidelock, and the processes of a box.
local box = require "spec.support.box"
local run = require "spec.support.run"

local function token() return "7" .. tostring(os.time()):sub(-5) .. math.random(100, 999) end

local function alive(number)
  return run.run("grep -lsz '^" .. number .. "$' /proc/[0-9]*/cmdline").stdout ~= ""
end

describe("a signal to tidelock", function()
  local folder

  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  local function forwarded(name, number)
    local trapped = box.during(folder, ("trap 'echo got; exit 7' %s; echo > ready; "
      .. "while :; do sleep 0.01; done"):format(name), ("kill -%s $p"):format(name))
    assert.equal("got\n", trapped.stdout, name .. ": " .. trapped.stderr)
    assert.equal(7, trapped.status, name)
    local killed = box.during(folder, "echo > ready; exec sleep 60", ("kill -%s $p"):format(name))
    assert.equal(128 + number, killed.status, name)
  end

  it("INT reaches the workload, which may trap it or die of it", function() forwarded("INT", 2) end)
  it("TERM reaches the workload", function() forwarded("TERM", 15) end)
  it("HUP reaches the workload", function() forwarded("HUP", 1) end)
  it("QUIT and USR1 reach the workload", function()
    forwarded("QUIT", 3)
    forwarded("USR1", 10)
  end)

  it("reaches a workload of another user", function()
    if run.who() ~= "root" then run.skip "needs root" end
    os.execute("chmod 777 " .. folder)
    local trap = "trap 'exit 9' TERM; echo > ready; while :; do sleep 0.01; done"
    local result = box.during(folder, trap, "kill -TERM $p", { "--user", "4711" })
    assert.equal(9, result.status, result.stderr)
  end)

  it("that the workload ignores lets it go on", function()
    local result = box.during(folder, [[trap '' TERM; echo > ready
      until [ -e go ]; do sleep 0.01; done; echo on]], "kill -TERM $p; sleep 0.05; echo > go")
    assert.equal("on\n", result.stdout)
    assert.equal(0, result.status)
  end)

  it("that tidelock's caller ignores, as nohup does, kills nobody", function()
    local nohup = run.run((
      "trap '' HUP; %s run --rw . -- sh -c 'echo > go; sleep 0.15; echo on' & p=$!; "
      .. "until [ -e go ]; do sleep 0.01; done; kill -HUP $p; wait $p"):format(
      run.quote(run.tidelock)), { cwd = folder })
    assert.equal("on\n", nohup.stdout)
  end)

  it("twenty in a row are no trouble", function()
    local result = box.during(folder, [[n=0; trap 'n=$((n + 1))' USR1; trap 'echo $n; exit 0' TERM
      echo > ready; while :; do sleep 0.01; done]],
      "for i in $(seq 20); do kill -USR1 $p; sleep 0.005; done; kill -TERM $p")
    assert.equal(0, result.status)
    assert(tonumber(result.stdout) >= 1)
  end)

  it("KILL takes the whole box along", function()
    local number = token()
    box.during(folder, ("sleep %s & echo > ready; sleep %s"):format(number, number),
      "kill -KILL $p; i=0; while grep -lsz '^" .. number
      .. "$' /proc/[0-9]*/cmdline >/dev/null && [ $i -lt 100 ]; do sleep 0.01; i=$((i + 1)); done")
    assert.is_false(alive(number))
  end)
end)

describe("the processes of a box", function()
  it("that run in the background end with the workload", function()
    local number = token()
    local result = box.sh(("sleep %s & setsid sleep %s & sleep 0.05; echo started"):format(
      number, number))
    assert.equal("started\n", result.stdout)
    assert.is_false(alive(number))
  end)

  it("that are orphaned become children of PID 1, and are reaped", function()
    assert.equal("1", box.prints(([[
      sh -c 'sh -c "sleep 0.1; cut -d \" \" -f 4 /proc/\$\$/stat" &'
      sleep %g]]):format(0.1 + 0.05 * run.slow)))
    local states = box.prints [[for i in 1 2 3 4 5; do sh -c 'true & true & exec true' & done; wait
      sleep 0.1; cat /proc/[0-9]*/stat]]
    assert.is_nil(states:match("%) Z"), states)
  end)

  it("that ignore TERM and daemonise do not outlive the box", function()
    local number = token()
    box.sh(("trap '' TERM HUP INT; setsid sh -c 'setsid sleep %s & sleep %s' & sleep 0.05"):format(
      number, number))
    assert.is_false(alive(number))
  end)

  it("do not see or reach those of the host", function()
    assert.not_equal(0, box.sh("kill -0 " .. run.run("echo $PPID").stdout).status)
  end)
end)
