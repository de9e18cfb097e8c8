--- One loop for several things: functions that wait for boxes and processes, side by side. Waiting
--- inside of one lets the others go on; outside of a loop it is an ordinary wait.

local M = {}

local current -- the tasks of the loop that runs, by their threads, if one does

---Waits until one of the things is readable or the time is up.
---@param things table[]    descriptors, or what has :pollfd(); at most 1024 in all of a loop
---@param seconds number?
---@return integer[]? ready indexes; empty when the time is up
---@return string? code
function M.wait(things, seconds)
  local core = require "tidelock.core"
  -- In a coroutine of the caller's own, inside of a task or not, a yield would be the caller's.
  if not current or not current[coroutine.running() or 0] then
    return core.poll.wait(things, seconds)
  end
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
    task.error, task.failed, task.done = things, true, true
  elseif coroutine.status(task.thread) == "dead" then
    task.result, task.done = things, true
  else
    task.things, task.deadline = things, deadline
  end
end

-- What was closed while somebody waits for it has no descriptor any more.
local function descriptor(thing)
  if type(thing) == "number" then return thing end
  local good, fd = pcall(thing.pollfd, thing)
  return good and fd or nil
end

-- What all tasks wait for, as one list; and whose each is. Who waits for what was closed is woken.
local function gather(tasks)
  local things, owner, woken, soonest = {}, {}, {}, nil
  for _, task in ipairs(tasks) do
    if not task.done then
      for index, thing in ipairs(task.things) do
        local fd = descriptor(thing)
        if fd then
          things[#things + 1] = fd
          owner[#things] = { task = task, index = index }
        else
          woken[task] = { index }
          soonest = 0
        end
      end
      local deadline = task.deadline
      if deadline and (not soonest or deadline < soonest) then soonest = deadline end
    end
  end
  return things, owner, woken, soonest
end

local function step(tasks, poll, clock)
  local things, owner, woken, soonest = gather(tasks)
  local ready = assert(poll.wait(things, soonest and math.max(0, soonest - clock())))
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

local function finish(tasks)
  local core = require "tidelock.core"
  for _, task in ipairs(tasks) do resume(task) end
  while unfinished(tasks) do step(tasks, core.poll, core.process.clock) end
end

---Runs functions side by side until all have ended. Raises the first error after that.
---@param functions function[]
---@return any[] results  what each returned first
function M.run(functions)
  if current then error("a loop is running already", 2) end
  local tasks, results = {}, {}
  current = {}
  for i, f in ipairs(functions) do
    tasks[i] = { thread = coroutine.create(f) }
    current[tasks[i].thread] = tasks[i]
  end
  local good, message = pcall(finish, tasks)
  current = nil
  if not good then error(message, 0) end
  for i, task in ipairs(tasks) do
    if task.failed then error(task.error, 0) end
    results[i] = task.result
  end
  return results
end

return M
