-- Several boxes and processes driven from one Lua loop: tidelock.all, tidelock.loop, coroutines.
local box = require "spec.support.box"
local run = require "spec.support.run"

local both = box.both

describe("tidelock.all", function()
  it("runs functions side by side and gives what each returns", function()
    assert.equal("3\tfirst\tsecond\ttrue\n", both(([[
      local before = tidelock.core.process.clock()
      local function slow(name)
        return function()
          local box = assert(tidelock.spec {}:start())
          box:exec { "sleep", "%g" }:assert()
          box:stop()
          return name
        end
      end
      local results = tidelock.all { slow "first", slow "second", slow "third" }
      print(#results, results[1], results[2], tidelock.core.process.clock() - before < %g)]])
      :format(0.15 * run.slow, 0.4 * run.slow), nil, true))
  end)

  it("runs boxes, processes of one box and whole runs at once, and keeps their streams apart",
    function()
      assert.equal("a a a\nb b b\nc c c\nd d d\n", both [[
        local shared = assert(tidelock.spec {}:start())
        local function words(letter)
          return { "sh", "-c", ("for i in 1 2 3; do printf '%s '; sleep 0.02; done"):format(letter),
            stdout = "capture" }
        end
        local results = tidelock.all {
          function() return shared:exec(words "a").stdout end,
          function() return shared:exec(words "b").stdout end,
          function() return tidelock.run(words "c").stdout end,
          function()
            return tidelock.spec {}:with(function(own) return own:exec(words "d").stdout end)
          end,
        }
        for _, text in ipairs(results) do print((text:gsub(" $", ""))) end]])
    end)

  it("connects two processes by functions, more than a pipe holds", function()
    assert.equal("true\t1000000\n", both [[
      local box = assert(tidelock.spec {}:start())
      local size = 0
      local results = tidelock.all {
        function() return box:exec { "head", "-c", "1000000", "/dev/zero",
          stdout = function(chunk) size = size + #chunk end } end,
        function() return box:exec { "head", "-c", "200000", "/dev/zero", stdout = "capture",
          stderr = "capture" } end,
      }
      print(results[1].ok and #results[2].stdout == 200000, size)]])
  end)

  it("raises the first error once all have ended, and can be used again", function()
    assert.equal("false\tfirst\ttrue\nfalse\tnil\n7\n", both [[
      local finished
      local good, message = pcall(tidelock.all, {
        function() tidelock.loop.sleep(0.01) error("first", 0) end,
        function() tidelock.loop.sleep(0.03) finished = true error("later", 0) end,
      })
      print(good, message, finished)
      print(pcall(tidelock.all, { function() error(nil) end }))
      print(tidelock.all { function() tidelock.loop.sleep(0.001) return 7 end }[1])]])
  end)

  it("with a function that raises beside a process leaves the process to be waited for", function()
    assert.equal("false\tbroken\ttrue\n", both [[
      local box = assert(tidelock.spec {}:start())
      local report
      local good, message = pcall(tidelock.all, {
        function() report = box:exec { "sleep", "0.05" } end,
        function() error("broken", 0) end,
      })
      print(good, message, report.ok)]])
  end)

  it("keeps the time limits of all", function()
    assert.equal("timeout\ttimeout\texit\ttrue\n", both [[
      local box = assert(tidelock.spec {}:start())
      local before = tidelock.core.process.clock()
      local results = tidelock.all {
        function() return box:exec { "sleep", "60", timeout = "30ms" }.reason end,
        function() return box:exec { "sleep", "60", timeout = "60ms" }.reason end,
        function() return box:exec { "sleep", "0.08", timeout = "1m" }.reason end,
      }
      print(results[1], results[2], results[3], tidelock.core.process.clock() - before < 1)]])
  end)

  it("takes more processes than one would count", function()
    assert.equal("80\n", both [[
      local box = assert(tidelock.spec {}:start())
      local functions = {}
      for i = 1, 80 do
        functions[i] = function()
          return box:exec { "sleep", "0.05", stdout = "capture", stderr = "capture" }.ok
        end
      end
      local good = 0
      for _, ok in ipairs(tidelock.all(functions)) do if ok then good = good + 1 end end
      print(good)]])
  end)

  it("refuses a loop inside of a loop", function()
    assert.equal("false\ttrue\n", both [[
      local good, message = pcall(tidelock.all, { function() tidelock.all {} end })
      print(good, tostring(message):find("a loop is running already", 1, true) ~= nil)]])
  end)
end)

describe("a wait in a loop", function()
  it("ends when another function stops the box", function()
    assert.equal("true\tstopped\tstopped\n", both [[
      local box = assert(tidelock.spec {}:start())
      local process = box:spawn { "sleep", "60" }
      local results = tidelock.all {
        function() return box:wait() end,
        function() return process:wait().reason end,
        function() return box:exec { "sleep", "60" }.reason end,
        function() tidelock.loop.sleep(0.03) box:stop() end,
      }
      print(unpack(results, 1, 3))]])
  end)

  it("may be one of two for the same process", function()
    assert.equal("true\texit\tnil\n", both [[
      local box = assert(tidelock.spec {}:start())
      local process = box:spawn { "sh", "-c", "sleep 0.05; echo done", stdout = "capture" }
      local results = tidelock.all {
        function() return process:wait() end,
        function() return process:wait() end,
        function() return { short = process:wait(0.01) } end,
      }
      print(results[1] == results[2], results[1].reason, results[3].short)]])
  end)

  it("is an ordinary one in a coroutine of the caller's own, in the loop and outside", function()
    assert.equal("1\t2\n1\t2\n", both [[
      local box = assert(tidelock.spec {}:start())
      local function both()
        local steps = coroutine.wrap(function()
          for i = 1, 2 do
            box:exec { "sleep", "0.01" }
            coroutine.yield(i)
          end
        end)
        print(steps(), steps())
      end
      both()
      tidelock.all { both }]])
  end)

  it("of a function of the process itself is refused, and does not hang", function()
    assert.equal("false\ttrue\n", both [[
      local box = assert(tidelock.spec {}:start())
      local process
      process = box:spawn { "sh", "-c", "echo x; sleep 60", stdout = function() process:wait() end }
      local good, message = pcall(process.wait, process)
      print(good, tostring(message):find("waits for it", 1, true) ~= nil)]])
  end)
end)
