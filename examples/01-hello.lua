#!/usr/bin/env tidelock
-- Hello: run a command in a sandbox, and ask how it ended.
--
--     tidelock examples/01-hello.lua
local tidelock = require "tidelock"

-- Words are the command. It sees the system's programs and the current directory, read-only.
local report = tidelock.run { "echo", "hello from inside" }
--> hello from inside
print(report.ok, report.reason, report.status)
--> true	exit	0

-- Named fields are settings of the spec. Whatever is not said has the safe default: here no
-- network, no capabilities, an init of its own as PID 1, and a host name.
tidelock.run { "sh", "-c", "hostname; cat /proc/1/comm", hostname = "box" }
--> box
--> tidelock-init

-- A report always comes back, also when the command fails or is killed.
report = tidelock.run { "sh", "-c", "exit 3" }
print(report:why())
--> exited with status 3
report = tidelock.run { "sleep", "10", timeout = "50ms" }
print(report.reason, report.rule, report.code)
--> timeout	timeout	124

-- Output can be kept instead of printed.
report = tidelock.run { "uname", "-s", stdout = "capture" }
io.write("it said: ", report.stdout)
--> it said: Linux

-- And a mistake is told with its place.
print((pcall(tidelock.run, { "true", hostnam = "box" })))
--> false
