-- The Lua API, from the three places where it can be used.
local box = require "spec.support.box"
local run = require "spec.support.run"

local head = "local tidelock = require 'tidelock'\n"

describe("the Lua API", function()
  it("tidelock.run runs words and gives a report", function()
    assert.equal("false\t5\t5\texit\nexited with status 5\n", box.both([[
      local report = tidelock.run { "sh", "-c", "exit 5" }
      print(report.ok, report.status, report.code, report.reason)
      print(report:why())]]))
  end)

  it("spec:run runs the spec's command, or words in its place", function()
    assert.equal("spec\nother\n", box.both([[
      local job = tidelock.spec { command = { "echo", "spec" } }
      job:run()
      job:run { "echo", "other" }]]))
  end)

  it("a spec is made of specs, and fields of run win", function()
    assert.equal("b\n/usr\n", box.both([[
      local base = tidelock.spec { env = { A = "a" }, cwd = "/usr" }
      local job = tidelock.spec { base, env = { A = "b" } }
      job:run { "sh", "-c", "echo $A; pwd" }]]))
  end)

  it("captures output, each stream by itself", function()
    assert.equal("out\n|err\n|nil\n", box.both([[
      local report = tidelock.run { "sh", "-c", "echo out; echo err >&2",
        stdout = "capture", stderr = "capture" }
      io.write(report.stdout, "|", report.stderr, "|", tostring(report.stdout_truncated), "\n")]]))
  end)

  it("captures a megabyte at most, says so, and lets the workload end", function()
    assert.equal("1048576\ttrue\ttrue\tnil\n", box.both([[
      local report = tidelock.run { "head", "-c", "3000000", "/dev/zero", stdout = "capture" }
      print(#report.stdout, report.stdout_truncated, report.ok, report.stderr)]]))
    assert.equal("1048576\tnil\n", box.both([[
      local report = tidelock.run { "head", "-c", "1048576", "/dev/zero", stdout = "capture" }
      print(#report.stdout, report.stdout_truncated)]]))
  end)

  it("gives output to a function, chunk by chunk, until the end", function()
    assert.equal("2000000\ttrue\n", box.both([[
      local size = 0
      local report = tidelock.run { "head", "-c", "2000000", "/dev/zero",
        stdout = function(chunk) size = size + #chunk end }
      print(size, report.ok)]]))
  end)

  it("an error in such a function is the caller's, and nothing is left running", function()
    local number = "9" .. tostring(os.time()):sub(-6)
    assert.equal("false\ttrue\n", box.both(([[
      local good, message = pcall(tidelock.run, { "sh", "-c", "echo x; sleep %s",
        stdout = function() error "stop here" end })
      print(good, tostring(message):find("stop here", 1, true) ~= nil)]]):format(number)))
    assert.equal("", run.run("sleep 0.05; grep -lsz '^" .. number
      .. "$' /proc/[0-9]*/cmdline").stdout)
  end)

  it("throws output away with null, and gives an empty input", function()
    assert.equal("true\n", box.both([[
      local report = tidelock.run { "sh", "-c", "echo lost; ! read line",
        stdin = "null", stdout = "null" }
      print(report.ok)]]))
  end)

  it("uses a descriptor of the caller's", function()
    assert.equal("to a file\n", box.both([[
      local core = tidelock.core
      local path = os.tmpname()
      local out = assert(core.process.open(path, "w"))
      tidelock.run { "echo", "to a file", stdout = out:pollfd() }
      out:close()
      print((io.open(path):read("*l")))
      os.remove(path)]]))
  end)

  it("report:assert raises with the why, or gives the report", function()
    assert.equal("true\nfalse\texited with status 1\n", box.both([[
      print(tidelock.run { "true" }:assert().ok)
      local good, why = pcall(function() return tidelock.run { "false" }:assert() end)
      print(good, (tostring(why):gsub("\n.*", "")))]]))
  end)

  it("report:json is JSON, also of a run that never began", function()
    local result = box.lua(head .. [[
      print(tidelock.run { "false" }:json())
      print(tidelock.run { "no-such-command" }:json())
      print(tidelock.run { "true", cwd = "/nonexistent" }:json())]])
    local reports = {}
    for line in result.stdout:gmatch("[^\n]+") do
      reports[#reports + 1] = require("cjson").decode(line)
    end
    assert.matches('"usage":{}', result.stdout, 1, true)
    assert.same({ "exit", "setup", "setup" },
      { reports[1].reason, reports[2].reason, reports[3].reason })
    assert.same({ 127, 125 }, { reports[2].code, reports[3].code })
    assert.matches("cwd", reports[3].error.text)
  end)

  it("a bad value names the line where it was written", function()
    local result = box.lua(head .. [[


      local job = tidelock.spec { timeout = "soon" }
      job:run { "true" }]])
    assert.equal(125, result.status)
    assert.matches("timeout", result.stderr)
    assert.matches("script%.lua:4", result.stderr)
  end)

  it("a hook is called with the pid and can stop the start; its undo is called", function()
    -- Once at the end of the first, once because the second did not start.
    assert.equal("created\ttrue\nfalse\tsetup\ttrue\nundone undone\n", box.both([[
      local log = {}
      local function spec(call) return tidelock.spec { command = { "true" }, hooks = {
        { at = "prepare", call = function() end, undo = function() log[#log + 1] = "undone" end },
        { at = "created", call = call } } } end
      spec(function(info) print(info.stage, info.pid > 1) end):run()
      local report = spec(function() error "not today" end):run()
      print(report.ok, report.reason, report:why():find("not today", 1, true) ~= nil)
      print(table.concat(log, " "))]]))
  end)

  it("leaves the caller's signals, children and descriptors alone", function()
    assert.equal("true\ttrue\n", box.both([[
      local function state()
        local list = {}
        for line in io.lines "/proc/self/status" do
          if line:match "^Sig[PBIC]" or line:match "^Threads" or line:match "^Cap" then
            list[#list + 1] = line
          end
        end
        return table.concat(list, "\n")
      end
      local function descriptors()
        local n = 0
        for fd = 0, 255 do
          if tidelock.core.process.fd_type(fd) then n = n + 1 end
        end
        return n
      end
      tidelock.run { "true" }
      collectgarbage()
      collectgarbage()
      local before, open = state(), descriptors()
      for _ = 1, 10 do tidelock.run { "sh", "-c", "exit 3", stdout = "capture" } end
      collectgarbage()
      collectgarbage()
      print(state() == before, descriptors() == open)]]))
  end)

  it("can run many boxes one after another", function()
    assert.equal("50\n", box.both([[
      local good = 0
      for _ = 1, 50 do if tidelock.run({ "true" }).ok then good = good + 1 end end
      print(good)]]))
  end)
end)

describe("a script", function()
  local folder

  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  local function script(name, text)
    run.write(folder .. "/" .. name, text)
    os.execute("chmod 755 " .. folder .. "/" .. name)
  end

  local function with_path(command)
    return run.run(command, { cwd = folder, env = {
      PATH = run.tidelock:match("^(.*)/") .. ":/usr/bin:/bin" } })
  end

  it("with #!/usr/bin/env tidelock is a program with arguments and a status", function()
    script("job", "#!/usr/bin/env tidelock\n" .. head .. [[
      print(arg[0]:match("[^/]+$"), arg[1], arg[2], (...))
      os.exit(tidelock.run { "sh", "-c", "exit " .. arg[1] }.status)]])
    local result = with_path "./job 7 two"
    assert.equal("job\t7\ttwo\t7\n", result.stdout, result.stderr)
    assert.equal(7, result.status)
  end)

  it("that returns a spec is a command of its own, with words of the caller", function()
    script("ci.lua", "#!/usr/bin/env tidelock\nreturn require('tidelock').spec {\n"
      .. "  env = { A = 'set' }, command = { 'sh', '-c', 'echo default $A' } }\n")
    assert.equal("default set\n", with_path("./ci.lua").stdout)
    assert.equal("mine set\n", with_path("./ci.lua sh -c 'echo mine $A'").stdout)
    assert.equal(4, with_path("./ci.lua sh -c 'exit 4'").status)
  end)

  it("that returns a spec serves tidelock run, with options over it", function()
    script("ci.lua", "return require('tidelock').spec { hostname = 'from-file', cwd = '/usr' }\n")
    assert.equal("from-file /usr\n", run.tl({ "run", "ci.lua", "--", "sh", "-c",
      "echo $(hostname) $PWD" }, { cwd = folder }).stdout)
    assert.equal("option /usr\n", run.tl({ "run", "--hostname", "option", "ci.lua", "--", "sh",
      "-c", "echo $(hostname) $PWD" }, { cwd = folder }).stdout)
  end)

  it("that returns nothing ends with 0, one that fails with 125", function()
    script("nothing.lua", "print 'ran'\n")
    local result = with_path "tidelock ./nothing.lua"
    assert.same({ "ran\n", 0 }, { result.stdout, result.status })
    script("bad.lua", "error 'broken'\n")
    result = with_path "tidelock ./bad.lua"
    assert.equal(125, result.status)
    assert.matches("bad%.lua:1: broken", result.stderr)
  end)
end)
