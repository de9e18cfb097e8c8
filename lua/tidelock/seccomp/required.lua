--- Filters that come from elsewhere: is it a filter, and does it leave the way to execve open?

local M = {}

local bit = require("bit")

local LIMIT = 4096 * 8

-- After the filter is loaded init makes one call of its own, and then it is the workload.
local REQUIRED = { "execve" }

-- Pointers are unknown beforehand: none at all, one of a program's data, one of its stack.
local POINTERS = { 0, 0x4a0010, "0x7ffc12345678" }

local RESULTS = {
  [0x00000000] = "kills the thread",
  [0x80000000] = "kills the process",
  [0x00030000] = "sends SIGSYS",
  [0x7fc00000] = "asks a supervisor, and there is none, so that it fails with ENOSYS",
  [0x7ff00000] = "asks a tracer, and there is none, so that it fails with ENOSYS",
}
local ALLOW, LOG, NOTIFY, ERRNO = 0x7fff0000, 0x7ffc0000, 0x7fc00000, 0x00050000

-- Nil if the call goes through, else what happens to it.
local function refusal(value, notified)
  local action = value - value % 0x10000
  if action == ALLOW or action == LOG then return nil end
  if action == NOTIFY and notified then return nil end
  if action == ERRNO then return ("fails with errno %d"):format(bit.band(value, 0xffff)) end
  -- The kernel kills the process for an action that it does not know.
  return RESULTS[action] or RESULTS[0x80000000]
end

--- Refuses a filter under which the workload could not even start.
---@param bytes string an array of struct sock_filter
---@param filter table tidelock.core.filter
---@param notified boolean? a supervisor listens, so that "notify" is an answer
---@return true? ok
---@return string? message
function M.check(bytes, filter, notified)
  local valid, why = filter.check(bytes)
  if not valid then return nil, "the filter is not valid: " .. why end
  for i = 1, #REQUIRED do
    local call = { nr = filter.syscall_number(REQUIRED[i]), arch = filter.arch }
    for p = 1, #POINTERS do
      call.args = { POINTERS[p], POINTERS[p], POINTERS[p] }
      local happens = refusal(filter.evaluate(bytes, call), notified)
      if happens then
        return nil, ("the filter would stop the command from starting: for %s it %s")
          :format(REQUIRED[i], happens)
      end
    end
  end
  return true
end

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  -- Reading is what fails for a directory; one byte too many is enough to know a file is too long.
  local bytes, failure = file:read(LIMIT + 1)
  file:close()
  if not bytes then return nil, path .. ": " .. (failure or "the file is empty") end
  return bytes
end

--- A compiled filter, as bubblewrap's --seccomp takes it: an array of struct sock_filter.
---@param path string
---@param filter table tidelock.core.filter
---@return string? bytes
---@return string? message
function M.load_file(path, filter)
  local bytes, message = read(path)
  if not bytes then return nil, message end
  if #bytes > LIMIT then
    return nil, path .. ": has more than 4096 instructions, and the kernel takes no more"
  end
  if #bytes % 8 ~= 0 then
    return nil, ("%s: has %d bytes, and a compiled filter is a whole number of instructions"
      .. " of 8 bytes"):format(path, #bytes)
  end
  local ok
  ok, message = M.check(bytes, filter)
  if not ok then return nil, path .. ": " .. message end
  return bytes
end

return M
