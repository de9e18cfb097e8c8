#!/usr/bin/env tidelock
-- When memory runs out: one process dies, or all of them; step by step.
-- needs root
local tidelock = require "tidelock"
local limits = tidelock.limits

-- A service of two processes: the worker takes 64 megabytes, the parent waits for news of it.
local service = { "perl", "-e", [[
  my $worker = fork // die;
  if (!$worker) { my $x = q(); vec($x, 64 * 1048576, 8) = 1; sleep 9 }
  waitpid $worker, 0;
  print "the worker was killed by signal ", $? & 127, "; I go on without it\n";
]] }

local function run(oom)
  local job = tidelock.spec { limits { memory = "32M", oom = oom }, command = service }
  local report = job:run()
  print(oom, report.reason, report.code, report.usage.oom.kills > 0)
  return report
end

-- 1. What the kernel does when nobody says anything: it kills the process that it thinks least
-- worth keeping. The rest goes on half dead, and exits with 0 as if nothing had been.
run "process"
--> the worker was killed by signal 9; I go on without it
--> process	exit	0	true

-- 2. As a group: when one must die, all do (memory.oom.group; on cgroup v1 the supervisor hears of
-- it and does the same). That is what a box does unless it is told otherwise.
local report = run "group"
--> group	memory	137	true

-- 3. And who asked for it is in the report: the limit, the file, the line.
print((report:why():gsub("%(.*/", "(")))
--> killed by the memory limit 32M (09-oom-group.lua:16)
