-- What every timeline has to be, whatever is in it: see the Trace Event Format.
local assert = require "luassert"

local M = {}

---The complete events, after the structure of the whole was looked at.
---@param document table
---@return table[] events
---@return table<integer, string> tracks  by tid
function M.events(document)
  assert.equal("ns", document.displayTimeUnit)
  assert.equal("table", type(document.otherData))
  local events, tracks = {}, {}
  for _, e in ipairs(document.traceEvents) do
    assert.equal("string", type(e.name))
    assert.equal("number", type(e.pid))
    assert.equal("number", type(e.tid))
    if e.ph == "M" then
      if e.name == "thread_name" then tracks[e.tid] = e.args.name end
    else
      assert.equal("X", e.ph)
      assert(e.ts >= 0 and e.dur >= 0, e.name)
      assert(tracks[e.tid], "a track without a name")
      events[#events + 1] = e
    end
  end
  M.nested(events)
  return events, tracks
end

---Within a track events lie beside each other or inside of one another.
---@param events table[]
function M.nested(events)
  local ends = {}
  for _, e in ipairs(events) do
    local start = math.floor(e.ts * 1000 + 0.5)
    local stop = start + math.floor(e.dur * 1000 + 0.5)
    local stack = ends[e.tid] or {}
    ends[e.tid] = stack
    while stack[1] and stack[#stack] <= start do stack[#stack] = nil end
    assert(not stack[1] or stop <= stack[#stack], ("%s at %s ends after what is around it"):format(
      e.name, e.ts))
    stack[#stack + 1] = stop
  end
end

return M
