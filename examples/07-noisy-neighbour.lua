#!/usr/bin/env tidelock
-- A noisy neighbour: two boxes on one processor, and what weights and quotas make of that.
-- needs root
local tidelock = require "tidelock"
local limits, loop = tidelock.limits, tidelock.loop

-- Both may run on processor 0 only; `more` is what each of them is given there.
local function box(more)
  return assert(tidelock.spec { limits { cpuset = "0", pids = 16 }, limits(more) }:start())
end

-- So much of the time of the two does the first one get, in tenths of a second of their noise.
local function share(first, second)
  local boxes, spent = { box(first), box(second) }, {}
  for _, b in ipairs(boxes) do
    assert(b:spawn { "sh", "-c", "while :; do :; done" })
  end
  loop.sleep(0.8)
  for i, b in ipairs(boxes) do spent[i] = b:stats().cpu.usage end
  for _, b in ipairs(boxes) do b:stop() end
  return spent[1] / (spent[1] + spent[2])
end

-- Left alone, they share: about a half each.
local half = share({}, {})
print("alike", half > 0.3 and half < 0.7)
--> alike	true

-- A weight counts only while both want to run: nothing is kept idle for the one that has it.
print("weight 10 against 1000", share({ cpu_weight = 10 }, { cpu_weight = 1000 }) < 0.2)
--> weight 10 against 1000	true

-- A quota holds whether anybody else is there or not: a tenth of the processor, and no more.
print("a tenth of a processor", share({ cpus = 0.1 }, {}) < 0.25)
--> a tenth of a processor	true
