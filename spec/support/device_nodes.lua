-- Nodes of devices, and what a process in some cgroup may do with them.
local child = require "spec.support.child"
local ffi = require "ffi"
local run = require "spec.support.run"

local M = {}

ffi.cdef [[
int mknod(const char *, unsigned, unsigned long), access(const char *, int), unlink(const char *);
int open(const char *, int, ...), close(int);
]]

local EPERM = 1
local TYPE = { c = 8192, b = 24576 }
local FLAGS = { r = 0, w = 1, rw = 2 } -- O_RDONLY, O_WRONLY, O_RDWR
local MODES = { r = 4, w = 2, rw = 6, none = 0 } -- R_OK, W_OK

local function number(major, minor) return major * 256 + minor end

---@param path string
---@param device string  "c 1:3"
---@return boolean
function M.make(path, device)
  local kind, major, minor = device:match "^(%a) (%d+):(%d+)$"
  return ffi.C.mknod(path, TYPE[kind] + 438, number(tonumber(major), tonumber(minor))) == 0
end

local function answered(result)
  if result >= 0 then return "yes" end
  return ffi.errno() == EPERM and "no" or "errno " .. ffi.errno()
end

---What the kernel says to an open: "yes", "no" (EPERM), or another errno.
---@param path string
---@param how "r"|"w"|"rw"
---@return string
function M.open(path, how)
  local fd = ffi.C.open(path, FLAGS[how] + 0x900) -- O_NOCTTY, O_NONBLOCK
  local answer = answered(fd)
  if fd >= 0 then ffi.C.close(fd) end
  return answer
end

---The same of access(2), which asks no driver: there need not be one.
---@param path string
---@param how "r"|"w"|"rw"|"none"
---@return string
function M.may(path, how) return answered(ffi.C.access(path, MODES[how])) end

---And of mknod(2), which is taken back.
---@param folder string
---@param device string
---@return string
function M.mknod(folder, device)
  local path = folder .. "/made"
  local answer = M.make(path, device) and "yes" or answered(-1)
  ffi.C.unlink(path)
  return answer
end

---Calls the function in a process that is in the cgroup, and returns what it returned.
---@param cgroup string  a directory, of either hierarchy
---@param f function
---@param namespaces string[]?  the process's own
---@return any ...
function M.inside(cgroup, f, namespaces)
  return child.call(function()
    run.write(cgroup .. "/cgroup.procs", "0")
    return f()
  end, namespaces)
end

return M
