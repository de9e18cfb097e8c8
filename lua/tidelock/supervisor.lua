--- The loop beside a running box: its end, its deadline, signals to hand on, streams to read.

local M = {}

local CAPTURE = 1024 * 1024
local KILL = 9
-- Seconds. What has ended by then needs to be found by nobody, and is not kept waiting.
local SETTLED = 0.02

---@class tidelock.Stream
---@field fd table             the read end
---@field call function?       gets each chunk
---@field parts string[]?      captured, at most `limit` bytes
---@field size integer
---@field truncated boolean

---@param fd table
---@param call function?
---@return tidelock.Stream
function M.stream(fd, call)
  return { fd = fd, call = call, parts = not call and {} or nil, size = 0, truncated = false }
end

---What a stream captured.
---@param stream tidelock.Stream
---@return string text
---@return boolean truncated
function M.captured(stream)
  return table.concat(stream.parts), stream.truncated
end

local function take(stream, chunk)
  if stream.call then
    stream.call(chunk)
    return
  end
  local room = CAPTURE - stream.size
  if #chunk > room then
    chunk = chunk:sub(1, room)
    stream.truncated = true
  end
  if chunk ~= "" then
    stream.parts[#stream.parts + 1] = chunk
    stream.size = stream.size + #chunk
  end
end

-- One chunk; false at the end of the stream.
local function pump(stream)
  local chunk = stream.fd:read(65536)
  if not chunk or chunk == "" then return false end
  take(stream, chunk)
  return true
end

-- What a box wrote before it ended is still in the pipe; whoever else holds the other end is not
-- waited for.
local function drain(streams, poll)
  for _, stream in ipairs(streams) do
    while poll.wait({ stream.fd }, 0)[1] and pump(stream) do end
    stream.fd:close()
  end
end

---@class tidelock.Watch
---@field box table                of core.launch
---@field signals table?
---@field open tidelock.Stream[]   those that have not ended
---@field things table[]           what is waited for: the box, the signals, the open streams
---@field deadline number?
---@field timed_out boolean

local function arrange(watch)
  local things = { watch.box, watch.signals }
  if watch.cgroup then things[#things + 1] = watch.cgroup end
  watch.cgroup_place = watch.cgroup and #things
  watch.first_stream = #things + 1
  for _, stream in ipairs(watch.open) do things[#things + 1] = stream.fd end
  watch.things = things
end

---Begins to look after a box; its time limit runs from here.
---@param box table                 of core.launch
---`cgroup`: something with :pollfd(), :timeout() and :look(ready), called in every turn.
---`group`: kill its process group with it. `tree`: the core.cgroup of all that it started.
---`settled`: called once when the box has lived for a moment.
---@param options table  { timeout, signals, cgroup, streams, group, tree, settled }
---@return tidelock.Watch
function M.watch(box, options)
  local clock = require("tidelock.core").process.clock
  local watch = {
    box = box, signals = options.signals, cgroup = options.cgroup, group = options.group,
    tree = options.tree, open = {}, timed_out = false,
    deadline = options.timeout and clock() + options.timeout,
    settled = options.settled, settled_at = options.settled and clock() + SETTLED,
  }
  for i, stream in ipairs(options.streams) do watch.open[i] = stream end
  arrange(watch)
  return watch
end

local function read_stream(watch, place)
  local stream = watch.open[place]
  if pump(stream) then return end
  table.remove(watch.open, place)
  stream.fd:close()
  arrange(watch)
end

-- What is ready, the last first, so that a stream that ends moves none that is still to be read.
local function serve(watch, ready)
  local ended, looked, first_stream = false, false, watch.first_stream
  for k = #ready, 1, -1 do
    local index = ready[k]
    if index >= first_stream then
      read_stream(watch, index - first_stream + 1)
    elseif index == watch.cgroup_place then
      looked = true
      watch.cgroup:look(true)
    elseif index == 2 then
      local number = watch.signals:read()
      if number then watch.box:kill(number) end
    else
      ended = true
    end
  end
  if watch.cgroup and not looked then watch.cgroup:look(false) end
  return ended
end

---The cgroup goes before what is watched does: it is not looked at any more.
---@param watch tidelock.Watch
function M.leave_cgroup(watch)
  watch.cgroup = nil
  arrange(watch)
end

---SIGKILL to the box. A process of a box leads a session of its own, which goes with it.
---@param watch tidelock.Watch
function M.kill(watch)
  local box = watch.box
  -- Before it is reaped its pid is its own, and nobody else's.
  local pid = watch.group and box:pid() or 0
  box:kill(KILL)
  -- Also what somebody has frozen, which would not die of a signal (v1).
  if watch.tree then watch.tree:kill() end
  if pid > 1 then require("tidelock.core").process.kill(-pid, KILL) end
end

---Waits until the box has ended, or until the time is up. Takes the time to collect garbage that
---the start did not take.
---@param watch tidelock.Watch
---@param seconds number?
---@return table? finish             what box:wait() gave; nil: it has not ended
function M.wait(watch, seconds)
  collectgarbage "restart"
  local core = require "tidelock.core"
  local loop, clock = require "tidelock.loop", core.process.clock
  local enough = seconds and clock() + seconds

  local function left()
    local soonest = not watch.timed_out and watch.deadline or nil
    if enough and (not soonest or enough < soonest) then soonest = enough end
    if watch.settled_at then soonest = math.min(watch.settled_at, soonest or watch.settled_at) end
    local wait = soonest and math.max(0, soonest - clock())
    local look = watch.cgroup and watch.cgroup:timeout()
    return look and math.min(look, wait or look) or wait
  end

  while true do
    if serve(watch, assert(loop.wait(watch.things, left()))) then
      drain(watch.open, core.poll)
      watch.open = {}
      return assert(watch.box:wait(0))
    end
    if watch.deadline and not watch.timed_out and clock() >= watch.deadline then
      watch.timed_out = true
      M.kill(watch)
    end
    if watch.settled_at and clock() >= watch.settled_at then
      watch.settled_at = nil
      watch.settled()
    end
    if enough and clock() >= enough then return nil end
  end
end

return M
