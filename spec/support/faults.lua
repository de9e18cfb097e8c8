-- Each operation of a plan with a system call made to fail in turn: the error names an operation
-- that makes this call, the exit status is 125, and nothing is left.
-- TIDELOCK_FULL=1 takes every call with every errno; otherwise each call once, the errno in turn.
local core = require "tidelock.core"
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local M = {}

local codes = { "EPERM", "ENOSYS", "ENOMEM" }
local full = os.getenv("TIDELOCK_FULL") == "1"

-- From ops.def: system call -> the operations that make it, and those that PID 1 makes in its own
-- lane, beside the workload.
local function makers()
  local by_call, beside = {}, {}
  for _, operation in ipairs(core.plan.operations()) do
    local lanes = table.concat(operation.lanes, " ")
    for _, call in ipairs(operation.calls) do
      by_call[call] = by_call[call] or {}
      by_call[call][operation.name] = true
      if lanes:find("beside", 1, true) then beside[call] = true end
    end
  end
  return by_call, beside
end

-- The calls that operations make: init's up to the workload's execve, and the supervisor's from
-- the page (its second memfd) to the last word that it has for init. Before that the clone is
-- begun, which the launcher
-- does again where it failed. PID 1's loop after the fork is not set-up, nor are its name, and how
-- it gets plan and page: without these there is nothing to report to.
local function candidates(job, by_call, beside, last_word)
  local found, forked, launching, told = {}, false, false, false
  for _, call in ipairs(inject.list(job)) do
    local wanted = by_call[call.name] and call.name ~= "umask" -- umask(2) always succeeds
    if call.role == inject.supervisor then
      launching = launching or call.name == "memfd_create" and call.occurrence == 2
      wanted = wanted and call.name ~= "rt_sigprocmask" and call.name ~= "waitid"
        and launching and not told
      told = told or call.name == last_word
    elseif call.role == inject.init then
      wanted = wanted and (not forked or beside[call.name])
        and not (call.name == "prctl" and call.occurrence == 1)
        and not (call.name == "statx" and call.occurrence <= 2)
        and not (call.name == "recvmsg" and call.occurrence == 1)
        and not (call.name == "fcntl" and call.occurrence <= 4)
      forked = forked or call.name == "clone"
    elseif call.role == inject.clone then
      wanted = false
    end
    if wanted then found[#found + 1] = call end
  end
  return found
end

local function plan(job)
  local words = { unpack(job) }
  words[1] = "explain"
  table.insert(words, 2, "--json")
  local result = run.tl(words)
  assert(result.status == 0, result.stderr)
  return require("cjson").decode(result.stdout).operations
end

-- What is wrong with how a run ended whose call failed, or nil.
local function fault_in(result, call, code, by_call, operations)
  local index = tonumber(result.stderr:match("operation (%d+) of %d+"))
  -- A program that cannot be executed is told by its name; it is the last operation.
  if call.name == "execve" and result.stderr:match("^tidelock: true: ") then index = #operations end
  local operation = index and operations[index] and operations[index].op
  if result.status ~= 125 then
    return ("%s: ends with status %d"):format(call.name, result.status)
  end
  -- What fails before init has its plan is told by the call.
  local early = ("^tidelock: launch: %s from %s\n"):format(code, call.name)
  if result.stderr:match(early) then return nil end
  if not operation then return call.name .. ": no operation is named: " .. result.stderr end
  if not by_call[call.name][operation] then
    return ("%s: made by %s, where ops.def does not list it"):format(call.name, operation)
  end
  if not result.stderr:find(code, 1, true) then return call.name .. ": " .. result.stderr end
end

---Raises with a list of what is wrong.
---@param job string[]     words of tidelock, `run` first
---@param least integer    so many calls there must be
---@param wanted (fun(call: Call): boolean)?
---@param last_word string?  the supervisor's last call of set-up: "sendto", a barrier, unless given
function M.each_fails(job, least, wanted, last_word)
  run.tl(job) -- caches and state folders are there from now on
  local by_call, beside = makers()
  local operations = plan(job)
  local calls = {}
  for _, call in ipairs(candidates(job, by_call, beside, last_word or "sendto")) do
    if not wanted or wanted(call) then calls[#calls + 1] = call end
  end
  assert(#calls >= least, "only " .. #calls .. " calls found")
  local tried, wrong, before = 0, {}, leaks.snapshot()
  local function note(text, call, code)
    wrong[text] = wrong[text] or {}
    table.insert(wrong[text], ("role %d #%d %s"):format(call.role, call.occurrence, code))
  end
  for i, call in ipairs(calls) do
    for j, code in ipairs(codes) do
      if full or (i + j) % #codes == 0 then
        tried = tried + 1
        local text = fault_in(inject.fail(call, code, job), call, code, by_call, operations)
        if text then note(text, call, code) end
        local clean, left = pcall(leaks.verify, before)
        if not clean then
          note(call.name .. ": " .. tostring(left), call, code)
          before = leaks.snapshot()
        end
      end
    end
  end
  print(("%d of %d faults tried: %d calls, %d errors"):format(
    tried, #calls * #codes, #calls, #codes))
  local lines = {}
  for text, where in pairs(wrong) do
    lines[#lines + 1] = ("%s (%d times, first %s)"):format(text, #where, where[1])
  end
  table.sort(lines)
  assert(#lines == 0, table.concat(lines, "\n"))
end

return M
