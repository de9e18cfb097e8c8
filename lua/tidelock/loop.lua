--- One loop for several things: functions that wait for boxes and processes, side by side. Waiting
--- inside of one lets the others go on; outside of a loop it is an ordinary wait.

local M = {}

local current -- the loop that runs, if one does

---Waits until one of the things is readable or the time is up.
---@param things table[]    descriptors, or what has :pollfd(); at most 64
---@param seconds number?
---@return integer[]? ready indexes; empty when the time is up
---@return string? code
function M.wait(things, seconds)
  local core = require "tidelock.core"
  if not current or not coroutine.running() then return core.poll.wait(things, seconds) end
  local deadline = seconds and core.process.clock() + seconds
  return coroutine.yield(things, deadline)
end

---Lets the other functions of the loop go on for so long.
---@param seconds number
function M.sleep(seconds)
  M.wait({}, seconds)
end

local function resume(task, ...)
  local good, things, deadline = coroutine.resume(task.thread, ...)
  if not good then
    task.failure = debug.traceback(task.thread, tostring(things))
    task.error = things
    task.done = true
  elseif coroutine.status(task.thread) == "dead" then
    task.result, task.done = things, true
  else
    task.things, task.deadline = things, deadline
  end
end

-- What all tasks wait for, as one list; and whose each is.
local function gather(tasks)
  local things, owner, soonest = {}, {}, nil
  for _, task in ipairs(tasks) do
    if not task.done then
      for index, thing in ipairs(task.things) do
        things[#things + 1] = thing
        owner[#things] = { task = task, index = index }
      end
      local deadline = task.deadline
      if deadline and (not soonest or deadline < soonest) then soonest = deadline end
    end
  end
  return things, owner, soonest
end

local function step(tasks, poll, clock)
  local things, owner, soonest = gather(tasks)
  local ready = assert(poll.wait(things, soonest and math.max(0, soonest - clock())))
  local woken = {}
  for _, k in ipairs(ready) do
    local task = owner[k].task
    woken[task] = woken[task] or {}
    table.insert(woken[task], owner[k].index)
  end
  local now = clock()
  for _, task in ipairs(tasks) do
    if not task.done then
      if woken[task] then
        resume(task, woken[task])
      elseif task.deadline and now >= task.deadline then
        resume(task, {})
      end
    end
  end
end

local function unfinished(tasks)
  for _, task in ipairs(tasks) do
    if not task.done then return true end
  end
  return false
end

---Runs functions side by side until all have ended. Raises the first error after that.
---@param functions function[]
---@return any[] results  what each returned first
function M.run(functions)
  local core = require "tidelock.core"
  assert(not current, "a loop is running already")
  local tasks, results = {}, {}
  current = tasks
  for i, f in ipairs(functions) do
    tasks[i] = { thread = coroutine.create(f) }
    resume(tasks[i])
  end
  while unfinished(tasks) do step(tasks, core.poll, core.process.clock) end
  current = nil
  for i, task in ipairs(tasks) do
    if task.error then error(task.error, 0) end
    results[i] = task.result
  end
  return results
end

return M
