-- tidelock ps, stats, kill, pause and resume, over boxes that run.
local box = require "spec.support.box"
local cjson = require "cjson"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"
local running = require "spec.support.running"

local root = run.who() == "root"
local SLEEP = "sleep 60"

local function needs_controllers()
  if not root then run.skip "needs root" end
  if not run.read("/proc/self/cgroup"):find(":pids:", 1, true) then
    run.skip "needs cgroup v1 controllers"
  end
end

local open, before

local function start(options, script)
  local started = running.start(options, script)
  open[#open + 1] = started
  return started
end

-- Other people's boxes on the same machine are nobody's business here.
local function alone(script)
  local result = run.run { "unshare", root and "-m" or "-Urm", "sh", "-c",
    "mount -t tmpfs -o mode=755 none /run || exit 9\n" .. script, run.tidelock }
  return { result.status, result.stdout, result.stderr }
end

local function says(words, status, text)
  local result = run.tl(words)
  assert.same({ status, "" }, { result.status, result.stdout }, result.stderr)
  assert.matches(text, result.stderr, 1, true)
end

local function row_of(text, id)
  for line in text:gmatch("[^\n]+") do
    if line:sub(1, #id) == id then return (line:gsub("  +", "|")) end
  end
end

-- The processes whose command line has this word.
local function count(word)
  -- The brackets: what runs pgrep has its words in its own command line.
  local result = run.run({ "pgrep", "-fc", "--", ": [" .. word:sub(1, 1) .. "]" .. word:sub(2) })
  return tonumber(result.stdout)
end

describe("boxes that run", function()
  setup(function() run.tl { "run", "--", "true" } end)
  before_each(function()
    open, before = {}, leaks.snapshot()
  end)
  after_each(function()
    for _, started in ipairs(open) do started:close() end
    run.tl { "doctor", "--repair" }
    leaks.verify(before, 3)
  end)

  it("are none at first, and that is no error", function()
    for _, verb in ipairs { "ps", "stats" } do
      assert.same({ 0, "", "tidelock: no sandbox is running\n" }, alone('"$0" ' .. verb))
      assert.same({ 0, "[]\n", "" }, alone('"$0" ' .. verb .. " --json"))
    end
    assert.same({ 0, "", "" }, alone '"$0" ps -q')
    local result = alone '"$0" top -n 1'
    assert.matches("^tidelock top: 0 sandboxes,[^\n]*\n\nID [^\n]*\n$", result[2])
  end)

  it("are listed by ps, the oldest first, until they end", function()
    local one = start({}, SLEEP .. "; : one")
    os.execute "sleep 0.03"
    local two = start({ "--timeout", "1m" }, SLEEP .. "; : 'two'")
    local result = run.tl { "ps", one.id, two.id }
    assert.equal("", result.stderr)
    local lines = {}
    for line in result.stdout:gmatch("[^\n]+") do lines[#lines + 1] = line:gsub("  +", "|") end
    assert.equal("ID|PID|AGE|STATE|LIMITS|COMMAND", lines[1])
    assert.matches(("^%s| *%d|%%d+s|running|%%-|sh %%-c 'sleep 60; : one'$"):format(one.id,
      one.pid),
      (lines[2]:gsub(one.id .. " ", one.id .. "|")))
    assert.equal("sh -c 'sleep 60; : '\\''two'\\'''", lines[3]:match "[^|]*$")
    assert.equal(one.id .. "\n" .. two.id .. "\n",
      run.tl({ "ps", "-q", two.id:sub(1, 7), one.name, one.id }).stdout)
    assert.matches(one.id .. "\n.*" .. two.id .. "\n", run.tl({ "ps", "-q" }).stdout)
    assert.equal("tidelock-init\n", run.read(("/proc/%d/comm"):format(one.pid)))
    local item = one:item()
    assert.same({ "sh", "-c", SLEEP .. "; : one" }, item.command)
    assert.same({ {}, {}, "running" }, { item.limits, item.cgroups, item.state })
    assert(item.age >= 0 and item.age < 20 and math.abs(item.started + item.age - os.time()) < 3)
    os.execute(("kill %d"):format(one.supervisor))
    assert.equal(143, one:wait())
    assert.is_nil(one:item())
    assert.is_table(two:item())
  end)

  it("are also those of a script, with its line, as long as it holds them", function()
    local text = box.both [[
      local job = tidelock.spec { command = { "sleep", "1" } }
      local function ps()
        local pipe = io.popen(os.getenv "TIDELOCK" .. " ps --json")
        local list = require("tidelock.json").decode(pipe:read "*a")
        pipe:close()
        for _, item in ipairs(list) do
          if item.supervisor == tidelock.core.process.getpid() then
            print(item.spec:match "[^/]*$", #item.command, item.command[1])
          end
        end
        print "."
      end
      local one, two = assert(tidelock.spec {}:start()), assert(tidelock.spec {}:start())
      ps()
      one:stop()
      ps()
      two:kill()
      two:wait(5)
      ps() -- its init is gone
      two:stop()
      local shown
      tidelock.spec { job, stdout = function()
        if not shown then ps() end
        shown = true
      end }:run { "sh", "-c", "sleep 0.2; echo; sleep 0.1" }
      ps()]]
    assert.equal(("script.lua:14\t0\tnil\n"):rep(2) .. ".\nscript.lua:14\t0\tnil\n.\n.\n"
      .. "script.lua:26\t3\tsh\n.\n.\n", text)
  end)

  it("go from the list when a script forgets them", function()
    local folder = run.folder()
    for _, how in ipairs { false, "stock" } do
      local result = box.lua([[
        local tidelock = require "tidelock"
        assert(tidelock.spec {}:start())
        assert(tidelock.spec {}:start())]], how)
      assert.same({ 0, "" }, { result.status, result.stderr })
      leaks.verify(before, 3)
    end
    assert.equal("true\n", box.both [[
      local function count()
        local pipe = io.popen(os.getenv "TIDELOCK" .. " ps -q | wc -l")
        local n = pipe:read "*n"
        pipe:close()
        return n
      end
      local at_first = count()
      for _ = 1, 3 do assert(tidelock.spec {}:start()) end
      collectgarbage() collectgarbage()
      print(count() == at_first)]])
    run.remove(folder)
  end)

  it("show hostile words as what they are", function()
    local started = start({}, "sleep 60; : '\27]0;evil\7 \194\155 \226\128\174'")
    for _, verb in ipairs { "ps", "top" } do
      local result = run.tl { verb, started.id, verb == "top" and "-n1" or nil }
      assert.matches("\\x1b]0;evil\\x07 \\xc2\\x9b \\xe2\\x80\\xae", result.stdout, 1, true)
      assert.is_nil(result.stdout:find("[^\n\32-\126]"))
    end
    assert.is_nil(run.tl({ "ps", "--json" }).stdout:find("[^\n\32-\126]"))
  end)

  it("are not found by a wrong ID, and words are checked", function()
    says({ "stats", "zz" }, 125, 'ID: "zz" is no sandbox that runs')
    says({ "ps", "--jsno" }, 125, "did you mean --json?")
    says({ "ps", "-q", "--json" }, 125, "cannot be combined with -q")
    says({ "kill" }, 125, "there is nobody to kill")
    says({ "kill", "zz", "TERM", "x" }, 125, '"x" is too much')
    says({ "kill", "zz", "TRM" }, 125, 'did you mean "TERM"?')
    says({ "kill", "--all", "zz", "TERM" }, 125, "has no place beside --all")
    says({ "pause" }, 125, "there is no ID")
    says({ "resume", "a", "b" }, 125, '"b" is too much')
    says({ "top", "-d", "soon" }, 125, "is not a duration")
    says({ "top", "-d", "1ms" }, 125, "is too short")
    says({ "top", "-n", "0" }, 125, "is not a number of looks")
    says({ "stast" }, 125, 'did you mean "stats"?')
  end)

  it("have no numbers without a cgroup, and stats says how they get some", function()
    local started = start({}, SLEEP)
    local result = run.tl { "stats", started.id }
    assert.equal(started.id .. ("|-"):rep(10), row_of(result.stdout, started.id))
    assert.matches("^tidelock: hint: [^\n]*a limit %(%-m, %-%-pids, %-%-cpus%)[^\n]*\n$",
      result.stderr)
    local data = cjson.decode(run.tl({ "stats", "--json", started.id }).stdout)[1]
    assert.same({ cjson.null, cjson.null }, { data.stats, data.cpu_percent })
  end)

  it("tell what their cgroups have counted", function()
    needs_controllers()
    local started = start({ "-m", "64M", "--pids", "20" },
      "while :; do :; done & while :; do :; done & sleep 60")
    os.execute "sleep 0.5"
    local result = run.tl { "stats", started.id }
    assert.equal("", result.stderr)
    local row = row_of(result.stdout, started.id)
    local percent = tonumber(row:match "^[^|]*| *([%d.]+)|")
    assert(percent > 20 and percent < 300, row)
    assert.matches("|[%d.]+s|[%d.]+[KM]|[%d.]+[KM]|64M|[^|]*|[^|]*|5/20|[^|]*|0$", row)
    local data = cjson.decode(run.tl({ "stats", "--json", started.id }).stdout)[1]
    assert(data.stats.cpu.usage > 0.1 and data.stats.memory.current > 0)
    assert.same({ 64 * 1048576, 20, 5 }, { data.stats.memory.limit, data.stats.pids.limit,
      data.stats.pids.current })
    assert.is_number(data.stats.memory.anon)
    for _, item in ipairs(cjson.decode(run.tl({ "stats", "--json" }).stdout)) do
      assert.is_nil(item.stats ~= cjson.null and item.stats.memory and item.stats.memory.anon
        or nil)
    end
    assert.same({ "memory 64M", "pids 20" }, data.limits)
    assert.equal(1, data.version)
  end)

  it("are listed with the limits that they have by now", function()
    needs_controllers()
    assert.equal("pids 20\nmemory 64M, pids 30\n", box.both [[
      local box = assert(tidelock.spec { tidelock.limits { pids = 20, memory = "32M" } }:start())
      local function limits()
        local pipe = io.popen(os.getenv "TIDELOCK" .. " ps --json")
        for _, item in ipairs(require("tidelock.json").decode(pipe:read "*a")) do
          if item.supervisor == tidelock.core.process.getpid() then
            print((table.concat(item.limits, ", "):gsub("^memory 32M, ", "")))
          end
        end
        pipe:close()
      end
      limits()
      assert(box:update { pids = 30, memory = "64M" })
      limits()
      box:stop()]])
  end)

  it("take signals", function()
    local started = start({}, "trap 'echo usr1 >&2; exit 3' USR1; while :; do sleep 0.05; done")
    os.execute "sleep 0.1"
    assert.equal(0, run.tl({ "kill", started.id, "USR1" }).status)
    assert.equal(3, started:wait())
    assert.equal("usr1\n", started:stderr())
    started = start({}, SLEEP)
    assert.equal(0, run.tl({ "kill", started.id:sub(1, 6) }).status)
    assert.equal(143, started:wait())
    says({ "kill", started.id }, 125, "is no sandbox that runs")
  end)

  it("die as a whole by kill --all, whatever they do", function()
    local word = "all-" .. tostring(open):match "%x+$"
    local started = start({}, ("setsid sh -c 'trap : TERM HUP INT; : %s; sleep 60' & "
      .. "(setsid sh -c ': %s; sleep 60' &); sh -c 'kill -STOP $$; : %s' & sleep 60"):format(word,
        word, word))
    os.execute "sleep 0.2"
    assert(count(word) >= 3)
    assert.equal(0, run.tl({ "kill", "--all", started.id }).status)
    assert.equal(137, started:wait())
    assert.equal(0, count(word))
  end)

  it("stand still while they are paused, and can be killed then", function()
    needs_controllers()
    local started = start({ "--pids", "30" }, "while :; do echo x; sleep 0.01; done")
    local function size() return #started:stdout() end
    local function moves()
      local at_first = size()
      os.execute "sleep 0.2"
      return size() > at_first
    end
    assert.is_true(moves())
    for _ = 1, 2 do
      assert.equal(0, run.tl({ "pause", started.id }).status)
      assert.is_false(moves())
      assert.equal("paused", started:item().state)
    end
    assert.equal(0, run.tl({ "resume", started.id }).status)
    assert.equal("running", started:item().state)
    assert.is_true(moves())
    run.tl { "pause", started.id }
    assert.equal(0, run.tl({ "kill", "--all", started.id }).status)
    assert.equal(137, started:wait())
  end)

  it("cannot be paused without a cgroup, and are told how they get one", function()
    local started = start({}, SLEEP)
    for _, verb in ipairs { "pause", "resume" } do
      says({ verb, started.id }, 125, verb .. " " .. started.id .. ": it has no cgroup")
      says({ verb, started.id }, 125, "--pids 4096")
    end
    assert.is_table(started:item())
  end)
end)

describe("the help of the commands over boxes", function()
  local VERBS = { "ps", "stats", "top", "kill", "pause", "resume" }

  it("is there, as a page too, and completed with IDs", function()
    local completion = run.tl({ "completion", "bash" }).stdout
    local list = run.tl({ "--help" }).stdout
    for _, verb in ipairs(VERBS) do
      local result = run.tl { verb, "--help" }
      assert.same({ 0, "" }, { result.status, result.stderr })
      assert.matches("^usage: tidelock " .. verb .. " ", result.stdout)
      assert.matches("An ID is what", result.stdout, 1, true)
      for line in result.stdout:gmatch("[^\n]+") do assert(#line <= 80, line) end
      assert.matches("TIDELOCK-" .. verb:upper(), run.tl({ "man", verb }).stdout, 1, true)
      assert.matches("\n  " .. verb .. ")", completion, 1, true)
      assert.matches("\n  tidelock " .. verb .. " ", list, 1, true)
    end
    assert.matches('did you mean "stats"?', run.tl({ "man", "stast" }).stderr, 1, true)
  end)

  it("completes IDs, signals and options", function()
    local started = running.start({}, SLEEP)
    local function complete(...)
      local words = {}
      for i, word in ipairs { ... } do words[i] = run.quote(word) end
      local result = run.run({ "bash", "-c", ([[
        eval "$("$0" completion bash)"
        COMP_WORDS=("$0" %s); COMP_CWORD=%d; _tidelock; printf '%%s\n' "${COMPREPLY[@]}"]]):format(
        table.concat(words, " "), #words), run.tidelock })
      assert.equal("", result.stderr)
      return result.stdout
    end
    for _, verb in ipairs(VERBS) do
      assert.matches(started.id .. "\n", complete(verb, ""), 1, true)
      assert.equal(started.id .. "\n", complete(verb, started.id:sub(1, 7)))
    end
    assert.equal(started.id .. "\n", complete("kill", "--all", started.id:sub(1, 7)))
    assert.equal("USR1\nUSR2\n", complete("kill", started.id, "USR"))
    assert.equal("--all\n", complete("kill", "--a"))
    assert.equal("\n", complete("top", "-d", ""))
    started:close()
    run.tl { "doctor", "--repair" }
  end)
end)
