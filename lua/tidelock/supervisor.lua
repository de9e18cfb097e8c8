--- The loop beside a running box: its end, its deadline, signals to hand on, streams to read.

local M = {}

local CAPTURE = 1024 * 1024
local KILL = 9

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

---Waits until the box has ended. Takes the time to collect garbage that the start did not take.
---@param box table                 of core.launch
---`watch`: something with :pollfd(), :timeout() and :look(ready), called in every turn.
---`group`: kill its process group with it.
---@param options table  { timeout, signals, watch, streams, group }
---@return table finish             what box:wait() gave
---@return boolean timed_out
function M.wait(box, options)
  collectgarbage "restart"
  local core = require "tidelock.core"
  local loop, clock = require "tidelock.loop", core.process.clock
  local signals, watch, timed_out = options.signals, options.watch, false
  local deadline = options.timeout and clock() + options.timeout
  local open = {}
  for i, stream in ipairs(options.streams) do open[i] = stream end

  local function left()
    local soon = watch and watch:timeout()
    if not deadline or timed_out then return soon end
    return math.min(soon or math.huge, math.max(0, deadline - clock()))
  end
  local things = { box }
  local function arrange()
    things = { box, signals }
    if watch then things[#things + 1] = watch end
    for _, stream in ipairs(open) do
      things[#things + 1] = stream.fd
    end
  end
  arrange()

  local watched = watch and (signals and 3 or 2)
  local first_stream = (signals and 3 or 2) + (watch and 1 or 0)
  while true do
    local ready = assert(loop.wait(things, left()))
    local ended, looked = false, false
    for k = #ready, 1, -1 do
      local index = ready[k]
      if index >= first_stream then
        local stream = open[index - first_stream + 1]
        if not pump(stream) then
          table.remove(open, index - first_stream + 1)
          stream.fd:close()
          arrange()
        end
      elseif index == watched then
        looked = true
        watch:look(true)
      elseif index == 2 then
        local number = signals:read()
        if number then box:kill(number) end
      else
        ended = true
      end
    end
    if watch and not looked then watch:look(false) end
    if ended then
      drain(open, core.poll)
      return assert(box:wait(0)), timed_out
    end
    if deadline and not timed_out and clock() >= deadline then
      timed_out = true
      box:kill(KILL)
      -- A process of a box leads a session of its own; its pid is its own until it is reaped.
      if options.group then core.process.kill(-box:pid(), KILL) end
    end
  end
end

return M
