-- `make bench`, the part about boxes that stay: box:exec { "true" } beside its floor in C, in turn;
-- spawning with a small and with a large Lua heap; a thousand in a row. Prints JSON, one line.
local tidelock = require "tidelock"

local build = os.getenv "B" or "build"
local rounds = tonumber(os.getenv "ROUNDS") or 200
local clock = tidelock.core.process.clock
local BATCH = 20

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local function timed(f)
  local began = clock()
  f()
  return (clock() - began) * 1e6
end

local box = assert(tidelock.spec { cwd = "/" }:start())
local function exec() assert(box:exec { "/usr/bin/true" }.ok) end

local floor, own = {}, {}
for _ = 1, math.ceil(rounds / BATCH) do
  local pipe = assert(io.popen(("%s/bench/exec_floor %d %s/bench/filter.bpf %d /usr/bin/true")
    :format(build, box:pid(), build, BATCH)))
  for line in pipe:lines() do floor[#floor + 1] = tonumber(line) end
  pipe:close()
  for _ = 1, BATCH do own[#own + 1] = timed(exec) end
end

-- Two states of one process: the small heap first, because a heap does not shrink.
local function many()
  local list = {}
  for _ = 1, rounds do list[#list + 1] = timed(exec) end
  return median(list)
end
collectgarbage()
local small = many()
local ballast = {}
for i = 1, 252 do ballast[i] = ("x"):rep(1024 * 1024 - i) end
local large = many()
assert(#ballast == 252)

local function descriptors()
  local n = 0
  for fd = 0, 1023 do
    if tidelock.core.process.fd_type(fd) then n = n + 1 end
  end
  return n
end
local function resident()
  return tonumber(io.open("/proc/self/status"):read("*a"):match "VmRSS:%s*(%d+)")
end
ballast = nil -- luacheck: ignore 311
collectgarbage()
local fds, kilobytes = descriptors(), resident()
for _ = 1, 1000 do exec() end
collectgarbage()
collectgarbage()
print(require("tidelock.json").encode {
  floor = median(floor), exec = median(own), small_heap = small, large_heap = large,
  fds_grown = descriptors() - fds, kilobytes_grown = resident() - kilobytes, rounds = #own,
})
box:stop()
