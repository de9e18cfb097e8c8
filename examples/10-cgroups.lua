#!/usr/bin/env tidelock
-- A lesson on control groups: count, limit, change, stop, go on, kill; on a box that stays.
-- needs root
local tidelock = require "tidelock"

-- A limit gives the box a cgroup of its own: a directory, in which the kernel keeps its accounts.
local box = assert(tidelock.spec { tidelock.limits { memory = "256M", pids = 50 } }:start())
io.write(box:exec { "sh", "-c", "cut -d: -f3 /proc/self/cgroup | sort -u", stdout = "capture" }
  .stdout)
--> /

-- Count: for all its processes together, those of the past too.
box:exec { "perl", "-e", "1 for 1 .. 1e6" }
local stats = box:stats()
print(stats.cpu.usage > 0.01, stats.pids.limit, stats.memory.limit / 1048576)
--> true	50	256

-- Change: what is running is under the new limit at once, and the old one comes back if one of
-- several cannot be had.
assert(box:update { pids = 20 })
local ok, err = box:update { pids = 30, cpuset = "0" } -- it was started without that controller
print(ok, err.code, box:stats().pids.limit)
--> nil	ENOENT	20

-- Stop: no signal, no handler, nothing notices. And go on.
assert(box:spawn { "sh", "-c", "while :; do :; done" })
box:pause()
local before = box:stats().cpu.usage
tidelock.loop.sleep(0.2)
print(box:stats().cpu.usage - before < 0.05)
--> true
box:resume()

-- Kill: all that is in it, forked twice, in sessions of its own, in the middle of forking.
assert(box:spawn { "sh", "-c", "b() { b | b & }; b; setsid sleep 100", stderr = "null" })
tidelock.loop.sleep(0.2)
box:stop()
print(select(2, box:stats()).message)
--> the box was stopped
