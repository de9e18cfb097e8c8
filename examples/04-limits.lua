#!/usr/bin/env tidelock
-- Limits: what a whole box may use, with all that runs in it; and what the report says of that.
-- needs root
-- (on cgroup v1; an ordinary user needs a delegated part of cgroup v2)
local tidelock = require "tidelock"
local limits = tidelock.limits

-- A combinator like any other: parts merge by key, the last one counts.
local base = tidelock.spec {
  limits { memory = "64M", pids = 32, cpus = 1 },
  stderr = "null",
}

-- 40 megabytes fit. The numbers are those of the cgroup, and so of all processes together.
local fill = "my $x = q(); vec($x, %d * 1048576, 8) = 1"
local report = base:run { "perl", "-e", fill:format(40) }
print(report.reason, report.usage.memory_peak > 40 * 1048576)
--> exit	true

-- 100 do not. The kernel kills one process; the box goes as a whole, whatever its shell makes of
-- that, and the report names the limit and the line that asked for it.
report = base:run { "sh", "-c", ("perl -e '%s'; sleep 1"):format(fill:format(100)) }
print(report.reason, report.rule, report.code)
--> memory	limits.memory	137
print((report:why():gsub("%(.*/", "(")))
--> killed by the memory limit 64M (04-limits.lua:10)

-- No more processes than this, its init included: the rest of the fork bomb is refused.
report = base:run { "perl", "-e", "for (1 .. 50) { my $p = fork // next; $p or sleep 9, exit }" }
print(report.usage.forks_refused)
--> 20

-- Half a processor: the kernel stops the box for the rest of each tenth of a second.
local slow = tidelock.spec { base, limits { cpus = 0.5 } }
report = slow:run { "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done" }
print(report.ok, report.usage.periods_throttled > 0)
--> true	true

-- Any other limit of the kernel's: processors, weights, devices, huge pages. A mistake has a name.
report = tidelock.spec { base, limits { cpuset = "0" } }:run { "nproc", stdout = "capture" }
print((report.stdout or ""):match("%d+"))
--> 1
local _, err = pcall(limits, { memory = "1G", memory_hihg = "900M" })
print(tostring(err):match("hint: (.*)"))
--> did you mean "memory_high"?

-- A stranger's spec is held to a ceiling: more, or no limit at all, is refused.
local good
good, err = pcall(function() return tidelock.spec { net = "none" }:within(base) end)
print(good, (tostring(err):match("^[^(]+%f[ ]")))
--> false	limits.cpus: no limit
