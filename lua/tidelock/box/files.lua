--- Files that go into a box and come out of it: methods of tidelock.box.

local errors = require "tidelock.error"
local origin = require "tidelock.origin"

---@class tidelock.Box
local M = {}

-- A file of the box, opened inside by the box's user: no path of the box is resolved out here.
local function open_file(box, path, flags, mode)
  local err = box:refuse_gone()
  if err then return nil, err end
  local place = require("tidelock.normalise.path").join(box.norm.cwd, path)
  local ops, given = require("tidelock.plan.exec").file(box.norm, place, flags, mode)
  local prepared, held = box:prepared( box.norm, ops, given, {})
  local good, raw, open = pcall(require("tidelock.container").launch, prepared)
  for _, fd in ipairs(held) do fd:close() end
  if not good then
    if not errors.is(raw) then error(raw, 0) end
    return nil, raw
  end
  if not raw then return nil, box:lost(open).error end
  local fd = raw:file()
  raw:close()
  return fd
end

local O_WRONLY, O_CREAT, O_TRUNC = 1, 64, 512
local LONGEST_PATH = 4095

local function refuse_path(path, field)
  local accepted = "a path inside, absolute or from the box's cwd"
  if type(path) ~= "string" or path == "" or path:find("%z") then
    errors.refuse { field = field, value = path, why = "is not a path", at = origin.find(),
      accepted = accepted }
  elseif #path > LONGEST_PATH then
    errors.refuse { field = field, why = ("is %d bytes long"):format(#path), at = origin.find(),
      accepted = ("at most %d"):format(LONGEST_PATH) }
  end
end

-- Through a descriptor that somebody inside may have chosen the kind of.
local function regular(fd, path)
  local kind = require("tidelock.core").process.fd_type(fd:pollfd())
  if kind == "file" then return true end
  fd:close()
  return nil, errors.new { op = "open", code = "EINVAL", path = path,
    message = ("%s is not a file but a %s"):format(errors.printable(path), kind) }
end

---A file of the box, as a descriptor: "r" or "w" (made, or emptied).
---@param path string
---@param how "r"|"w"
---@param mode integer?  of a file that is made; 0644 unless given
---@return table? fd
---@return tidelock.Error? err
function M:open(path, how, mode)
  refuse_path(path, "path")
  local flags = how == "w" and O_WRONLY + O_CREAT + O_TRUNC or 0
  local fd, err = open_file(self, path, flags, how == "w" and (mode or 420) or 0)
  if not fd then return nil, err end
  local good
  good, err = regular(fd, path)
  if not good then return nil, err end
  return fd
end

-- The box decides how long its files are, and a sparse one costs it nothing.
local READ_LIMIT = 64 * 1024 * 1024

local function read_all(fd, path, limit)
  local parts, size = {}, 0
  while true do
    local chunk, code = fd:read(65536)
    if not chunk then
      return nil, errors.new { op = "read", code = code, path = path,
        message = ("read %s: %s"):format(errors.printable(path), code) }
    end
    if chunk == "" then return table.concat(parts) end
    parts[#parts + 1] = chunk
    size = size + #chunk
    if size > limit then
      return nil, errors.new { op = "read", code = "EFBIG", path = path,
        message = ("read %s: more than %d bytes"):format(errors.printable(path), limit),
        hint = "give a higher limit, box:read(path, bytes), or use box:copy_out" }
    end
  end
end

local function write_all(fd, data, path)
  local good, code = require("tidelock.core").process.write(fd:pollfd(), data)
  if good then return true end
  return nil, errors.new { op = "write", code = code, path = path,
    message = ("write %s: %s"):format(errors.printable(path), code) }
end

---What a file of the box holds.
---@param path string
---@param limit integer?  of bytes, 64 MiB unless said; a longer file is EFBIG
---@return string? data
---@return tidelock.Error? err
function M:read(path, limit)
  if limit ~= nil and not (type(limit) == "number" and limit >= 0) then
    errors.refuse { field = "limit", value = limit, why = "is not a number of bytes",
      at = origin.find() }
  end
  local fd, err = self:open(path, "r")
  if not fd then return nil, err end
  local data
  data, err = read_all(fd, path, limit or READ_LIMIT)
  fd:close()
  if not data then return nil, err end
  return data
end

---Makes or replaces what a file of the box holds.
---@param path string
---@param data string
---@param mode integer?
---@return boolean? ok
---@return tidelock.Error? err
function M:write(path, data, mode)
  if type(data) ~= "string" then
    errors.refuse { field = "data", value = data, why = "is not a string", at = origin.find() }
  end
  local fd, err = self:open(path, "w", mode)
  if not fd then return nil, err end
  local good
  good, err = write_all(fd, data, path)
  fd:close()
  if not good then return nil, err end
  return true
end

local function copy(from, to, source, target)
  while true do
    local chunk, code = from:read(65536)
    if not chunk then
      return nil, errors.new { op = "read", code = code, path = source,
        message = ("read %s: %s"):format(errors.printable(source), code) }
    end
    if chunk == "" then return true end
    local good, err = write_all(to, chunk, target)
    if not good then return nil, err end
  end
end

local function open_host(path, how)
  local core = require "tidelock.core"
  local stat = core.host.stat(path, true)
  -- Before it is opened: to open a FIFO is to wait for its other end.
  if stat and stat.type ~= "file" then
    return nil, errors.new { op = "open", code = "EINVAL", path = path,
      message = ("%s on the host is not a file but a %s"):format(errors.printable(path),
        stat.type) }
  end
  local fd, code = core.process.open(path, how)
  if not fd then
    return nil, errors.new { op = "open", code = code, path = path,
      message = ("%s on the host: %s"):format(errors.printable(path), code) }
  end
  local good, err = regular(fd, path)
  return good and fd, err
end

-- Both ends closed, whatever happened.
local function transfer(from, to, source, target)
  local good, err = copy(from, to, source, target)
  from:close()
  to:close()
  if not good then return nil, err end
  return true
end

---Copies a file of the host to a path of the box; its mode comes with it.
---@param source string  on the host
---@param target string  inside
---@return boolean? ok
---@return tidelock.Error? err
function M:copy_in(source, target)
  refuse_path(source, "source")
  refuse_path(target, "target")
  local from, err = open_host(source, "r")
  if not from then return nil, err end
  local to
  to, err = self:open(target, "w", require("tidelock.core").host.stat(source).mode)
  if not to then
    from:close()
    return nil, err
  end
  return transfer(from, to, source, target)
end

---Copies a file of the box to a path of the host.
---@param source string  inside
---@param target string  on the host
---@return boolean? ok
---@return tidelock.Error? err
function M:copy_out(source, target)
  refuse_path(source, "source")
  refuse_path(target, "target")
  local from, err = self:open(source, "r")
  if not from then return nil, err end
  local to
  to, err = open_host(target, "w")
  if not to then
    from:close()
    return nil, err
  end
  return transfer(from, to, source, target)
end

return M
