-- Part of `make bench`, run by build/tidelock: box:exec { "true" } beside a floor in C that does
-- the same in the same box, interleaved; spawning with a small and with a large Lua heap; a
-- thousand exec in one box. Prints JSON: arg is the floor's program, the filter and the rounds.
local tidelock = require "tidelock"
local core = tidelock.core
local clock = core.process.clock
local floor, filter, rounds = arg[1], arg[2], tonumber(arg[3])
local TRUE = { "true", stdin = "null", stdout = "null" }

local function median(times, part)
  table.sort(times)
  return times[math.max(1, math.ceil(#times * (part or 0.5)))]
end

local box = assert(tidelock.spec {}:start())

-- The floor answers on a FIFO what it is asked on its standard input.
local answers = os.tmpname()
os.remove(answers)
os.execute("mkfifo " .. answers)
local ask = assert(io.popen(("exec %s %d %s true > %s"):format(floor, box:pid(), filter, answers),
  "w"))
local answer = assert(io.open(answers))

local function of_floor()
  ask:write "."
  ask:flush()
  return tonumber(answer:read "*l")
end

local function of_exec()
  local start = clock()
  box:exec(TRUE):assert()
  return (clock() - start) * 1e6
end

local floors, execs = {}, {}
for i = -20, rounds do
  local a, b
  if i % 2 == 0 then a, b = of_floor(), of_exec() else b, a = of_exec(), of_floor() end
  if i > 0 then floors[i], execs[i] = a, b end
end
ask:close()
answer:close()
os.remove(answers)

-- Until the process is in the box; its end is not part of it, nor is collecting garbage.
local function of_spawn()
  collectgarbage "stop"
  local start = clock()
  local process = assert(box:spawn(TRUE))
  local took = (clock() - start) * 1e6
  process:wait()
  return took
end

local function heap(megabytes)
  local parts = {}
  for i = 1, megabytes do parts[i] = ("%08d"):format(i):rep(131072) end
  return parts
end

local small, large = {}, {}
for _ = 1, 4 do
  for size, times in pairs { [4] = small, [256] = large } do
    local held = heap(size)
    for i = -3, math.ceil(rounds / 4) do
      local took = of_spawn()
      if i > 0 then times[#times + 1] = took end
    end
    assert(#held == size)
    held = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
  end
end

local function state()
  collectgarbage()
  collectgarbage()
  local open = 0
  for fd = 0, 255 do if core.process.fd_type(fd) then open = open + 1 end end
  local file = io.open "/proc/self/status"
  local resident = tonumber(file:read("*a"):match "VmRSS:%s*(%d+)")
  file:close()
  return open, resident
end

local open, resident = state()
for _ = 1, 1000 do box:exec(TRUE):assert() end
local open_after, resident_after = state()
box:stop()

local function summary(times)
  return { median = median(times), p10 = median(times, 0.1), p90 = median(times, 0.9),
    runs = #times }
end

print(require("tidelock.json").encode {
  floor = summary(floors), exec = summary(execs),
  spawn_small = summary(small), spawn_large = summary(large),
  grown_fds = open_after - open, grown_kb = resident_after - resident,
})
