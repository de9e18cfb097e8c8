#!/usr/bin/env tidelock
-- A supervisor: several boxes and their processes, driven from one loop. Functions given to
-- tidelock.all run side by side: waiting in one lets the others go on.
local tidelock = require "tidelock"

local clock = tidelock.core.process.clock
local base = tidelock.spec { tidelock.fs.tmpfs { "/work" }, cwd = "/work" }

-- Three boxes, each with a job of its own that takes a while.
local function job(name, seconds)
  return function()
    return base:with(function(box)
      assert(box:write("name", name))
      local report = box:exec { "sh", "-c", ("sleep %s; cat name"):format(seconds),
        stdout = "capture" }
      return report.stdout
    end)
  end
end

local began = clock()
local names = tidelock.all { job("anna", 0.3), job("ben", 0.2), job("clara", 0.3) }
print(table.concat(names, " "), "together:", clock() - began < 0.75)
--> anna ben clara	together:	true

-- A process is something one can wait for, talk to, and end.
local box = assert(base:start())
local cat = assert(box:spawn { "cat", stdin = "pipe", stdout = "pipe" })
cat.stdin:write "echo"
print(cat.stdout:read(100), cat:alive())
--> echo	true
cat.stdin:close()
print(cat:wait().reason)
--> exit

-- A box that loses its PID 1 says so, and nothing of it is left.
box:spawn { "sleep", "60" }
box:kill "KILL"
print(box:wait(1), box:exec { "true" }.reason)
--> true	setup
box:stop()
