--- A run as Chrome's trace events, for ui.perfetto.dev and chrome://tracing: every operation in its
--- lane, what is between them, and the command line's own phases where their time was taken.

local M = {}

-- Lines of the picture, from the top.
local TRACKS = { "command line", "supervisor", "launcher", "init", "PID 1", "workload" }
local OF_LANE = { host = "launcher", parent = "launcher", child = "init", beside = "PID 1" }
local PROCESS = 1

---@class tidelock.timeline.Event
---@field name string
---@field start integer   ns of CLOCK_MONOTONIC
---@field stop integer
---@field track string
---@field args table?

-- Whole nanoseconds, so that what ends where another begins is not beyond it by a rounding.
local function ns(seconds) return math.floor(seconds * 1e9 + 0.5) end

local function add(events, track, name, start, stop, args)
  if not start or not stop then return end
  start, stop = ns(start), ns(stop)
  events[#events + 1] = {
    name = name, track = track, start = start, stop = math.max(start, stop), args = args,
    order = #events,
  }
end

-- Those that were carried out; where the lanes meet, the launcher has an event of its own.
local function add_operations(events, report, began)
  local fault = report.error and report.error.index
  for index, op in ipairs(report.operations) do
    local args = { story = op.story, at = op.at, stage = op.stage, index = index, lane = op.lane }
    if index == fault then args.error = report.error.code end
    if op.start > 0 then
      add(events, OF_LANE[op.lane], op.op, began + op.start, began + op.stop, args)
    end
    if op.met_start then
      add(events, "launcher", op.op, began + op.met_start, began + op.met_stop,
        { story = op.story, stage = op.stage, index = index, lane = "parent" })
    end
  end
end

-- The first operation of a lane, the last one, and that of a name.
local function find(report)
  local found = { first = {}, last = {}, named = {} }
  for _, op in ipairs(report.operations) do
    if op.start > 0 then
      found.first[op.lane] = found.first[op.lane] or op
      found.last[op.lane] = op
      found.named[op.op] = op
    end
  end
  return found
end

-- From the clone to the first operation, and from the exec to the end.
local function add_between(events, report, began)
  local moments, found = report.moments, find(report)
  local function span(track, name, start, stop)
    add(events, track, name, start and began + start, stop and began + stop)
  end
  local first, fork, exec = found.first.child, found.named.fork, found.named.exec
  local begin = first and first.start
  span("init", "clone3: make the namespaces", moments.clone, moments.born)
  span("init", "execute init", moments.born, moments.init)
  span("init", "wait for the plan", moments.init, moments.ready)
  span("init", "leave the host", moments.ready, begin)
  local beside = found.last.beside
  span("PID 1", "wait for the workload", fork and (beside or fork).stop, moments.reaped)
  span("PID 1", "end the rest and tell", moments.reaped, moments.told)
  if exec and report.reason ~= "setup" then
    span("workload", "the command", exec.start, moments.reaped or report.usage.wall)
  end
end

-- Within a line events lie beside each other or inside of one another. The counters of two
-- processors may differ by some ns, and who owns the box's page may write what it likes there.
local function nest(events)
  local around = {}
  for _, e in ipairs(events) do
    local stack = around[e.track] or {}
    around[e.track] = stack
    while stack[1] and stack[#stack].stop <= e.start do stack[#stack] = nil end
    if stack[1] then e.stop = math.min(e.stop, stack[#stack].stop) end
    stack[#stack + 1] = e
  end
end

local function collect(report, spans)
  local events = {}
  for _, span in ipairs(spans or {}) do
    add(events, span.track or TRACKS[1], span.name, span.start, span.stop)
  end
  if report and report.moments then
    add_operations(events, report, report.moments.began)
    add_between(events, report, report.moments.began)
  end
  table.sort(events, function(a, b)
    if a.start ~= b.start then return a.start < b.start end
    return a.order < b.order
  end)
  nest(events)
  return events
end

local function metadata(name, tid, args)
  return { name = name, ph = "M", pid = PROCESS, tid = tid, args = args }
end

local function name_tracks(list)
  list[1] = metadata("process_name", 0, { name = "tidelock" })
  for tid, track in ipairs(TRACKS) do
    list[#list + 1] = metadata("thread_name", tid, { name = track })
    list[#list + 1] = metadata("thread_sort_index", tid, { sort_index = tid })
  end
end

local function event(name, track, start, stop, args)
  local tid = 1
  while TRACKS[tid] ~= track do tid = tid + 1 end
  return {
    name = name, cat = track, ph = "X", pid = PROCESS, tid = tid, ts = start / 1000,
    dur = (stop - start) / 1000, args = args,
  }
end

local function cover(events, but)
  local first, last, covered = nil, nil, 0
  for _, e in ipairs(events) do
    if e.ph == "X" and not (but and e.name:find(but)) then
      first = first or e.ts
      last = last or e.ts
      local stop = e.ts + e.dur
      if stop > last then
        covered = covered + stop - math.max(last, e.ts)
        last = stop
      end
    end
  end
  return covered, first and last - first or 0
end

---The part of the time from the first event to the last one that events cover, on whatever track.
---@param events { name: string, ts: number, dur: number, ph: string }[]  in the order of the starts
---@return number share   0 to 1
---@return number wall    in microseconds
---@return number worked  0 to 1: the same without the events that only wait for another track
function M.explained(events)
  local covered, wall = cover(events)
  if wall == 0 then return 1, 0, 1 end
  return covered / wall, wall, cover(events, "^wait ") / wall
end

---A report with its operations, as a table for JSON.
---@param report tidelock.Report?  nil, or of a run that never began: the phases alone
---@param spans tidelock.Span[]?   of tidelock.timeline.trace
---@param about table?             of the run, for people: plain data
---@return table
---@return integer zero  ns of CLOCK_MONOTONIC at ts 0
function M.of(report, spans, about)
  local list, events = {}, collect(report, spans)
  local zero = events[1] and events[1].start or 0
  name_tracks(list)
  for _, e in ipairs(events) do
    list[#list + 1] = event(e.name, e.track, e.start - zero, e.stop - zero, e.args)
  end
  local share, wall, worked = M.explained(list)
  local data = { explained = share, wall_us = wall, worked = worked }
  for name, value in pairs(about or {}) do data[name] = value end
  if report then data.reason, data.code = report.reason, report.code end
  return { displayTimeUnit = "ns", otherData = data, traceEvents = list }, zero
end

local ARGS = { "at", "error", "index", "lane", "stage", "story" }

-- As tidelock.json has it, in a third of the time: most of the strings are the same ones.
local function encoder()
  local json, known = require "tidelock.json", {}
  local function text(value)
    if type(value) == "number" then return ("%d"):format(value) end
    known[value] = known[value] or json.encode(value)
    return known[value]
  end
  return function(e)
    if e.ph ~= "X" then return json.encode(e) end
    local args = {}
    for _, name in ipairs(e.args and ARGS or {}) do
      local value = e.args[name]
      if value ~= nil then args[#args + 1] = ('"%s":%s'):format(name, text(value)) end
    end
    return ('{"args":{%s},"cat":%s,"dur":%.3f,"name":%s,"ph":"X","pid":%d,"tid":%d,"ts":%.3f}')
      :format(table.concat(args, ","), text(e.cat), e.dur, text(e.name), e.pid, e.tid, e.ts)
  end
end

---Writes the timeline of a command line; the last event is the writing itself.
---@param write fun(text: string): boolean?, string?
---@param report tidelock.Report?
---@param about table
---@return boolean? good
---@return string? code
function M.write(write, report, about)
  local trace = require "tidelock.timeline.trace"
  local json = require "tidelock.json"
  local spans, start = trace.spans(), trace.now()
  local document, zero = M.of(report, spans, about)
  local encode, lines = encoder(), {}
  for i, e in ipairs(document.traceEvents) do lines[i] = encode(e) end
  -- The list of events stays open for one more.
  local good, code = write(('{"displayTimeUnit":"ns","otherData":%s,"traceEvents":[\n%s'):format(
    json.encode(document.otherData), table.concat(lines, ",\n")))
  if not good then return nil, code end
  start = ns(start) - zero
  local last = event("write the timeline", TRACKS[1], start, ns(trace.now()) - zero)
  return write(",\n" .. encode(last) .. "]}\n")
end

return M
