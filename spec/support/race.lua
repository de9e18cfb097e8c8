-- Races for specs: two names of the host that are swapped for each other without a pause, by a
-- process of its own (spec/support/swap.c), while something else uses them.
local compile = require "spec.support.compile"
local run = require "spec.support.run"

local M = {}

---@class Racer
local Racer = {}
Racer.__index = Racer

---Seconds since the machine started.
---@return number
function M.clock()
  return tonumber(run.read("/proc/uptime"):match "^[%d.]+")
end

local count = 0

---Starts to swap; returns when it does.
---@param folder string  for its files
---@param a string
---@param b string
---@return Racer
function M.start(folder, a, b)
  count = count + 1
  local base = ("%s/race-%d"):format(folder, count)
  local program = compile.c("spec/support/swap.c", base)
  os.execute(("%s %s %s %s.stop > %s.out 2>&1 &"):format(run.quote(program), run.quote(a),
    run.quote(b), base, base))
  os.execute "sleep 0.02"
  return setmetatable({ base = base }, Racer)
end

---Stops it, if it still runs.
---@return integer swapped  how often it swapped
function Racer:stop()
  if not self.swapped then
    run.write(self.base .. ".stop", "")
    local ends = M.clock() + 5
    repeat
      self.swapped = tonumber((run.read(self.base .. ".out") or ""):match "swapped (%d+)")
    until self.swapped or M.clock() > ends
  end
  return self.swapped or error("the racer does not end", 2)
end

return M
