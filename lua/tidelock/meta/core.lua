---@meta
--- tidelock.core: the kernel's primitives as plain functions, named as the man pages name them.
---
---     local core = require "tidelock.core"
---     local ok, code, errno = core.uts.sethostname "box"      --> nil  EPERM  1
---
--- A function returns its value, or nil, the errno's name and its number; the Errors paragraph of
--- the man page that is named says what they mean. A mistake of the caller (an unknown name, a
--- wrong type) raises, with the accepted names. Flags are a name or a list of names, in lower case
--- without their prefix: `{ "rdonly", "nosuid" }` is `MS_RDONLY|MS_NOSUID`. Every descriptor is
--- O_CLOEXEC. A module is opened at its first use.

---@class tidelock.core
---@field capability tidelock.core.capability
---@field file tidelock.core.file
---@field filter tidelock.core.filter
---@field host tidelock.core.host
---@field identity tidelock.core.identity
---@field json tidelock.core.json
---@field landlock tidelock.core.landlock
---@field launch tidelock.core.launch
---@field mount tidelock.core.mount
---@field namespace tidelock.core.namespace
---@field plan tidelock.core.plan
---@field poll tidelock.core.poll
---@field prctl tidelock.core.prctl
---@field process tidelock.core.process
---@field pty tidelock.core.pty
---@field rlimit tidelock.core.rlimit
---@field seccomp tidelock.core.seccomp
---@field uts tidelock.core.uts

---An open descriptor, which it owns: closed by :close(), or when it is collected.
---@class tidelock.fd
local fd = {}

---close(2). A second close does nothing.
function fd:close() end

---The number of the descriptor. Raises once it is closed.
---@return integer
function fd:pollfd() end

---What poll.wait waits for: "r".
---@return string
function fd:events() end

---Nil: a descriptor is never ready by the time alone.
---@return nil
function fd:timeout() end

---read(2): at most `limit` bytes (1 to 1048576, 65536 if left out), "" at the end. Retries EINTR.
---@param limit integer?
---@return string? bytes
---@return string? code
---@return integer? errno
function fd:read(limit) end

---write(2): how many of the bytes were written. Retries EINTR.
---@param bytes string
---@return integer? count
---@return string? code
---@return integer? errno
function fd:write(bytes) end

---Whatever stands for a descriptor: an object, something with :pollfd(), or a number of the
---caller's.
---@alias tidelock.Descriptor tidelock.fd | { pollfd: fun(self): integer } | integer
