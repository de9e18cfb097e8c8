---@meta
--- tidelock.core.host: facts of the host, which normalise asks for.

---@class tidelock.core.host
local host = {}

---stat(2), or lstat(2) if follow is false; rdev is major * 256 + minor.
---@param path string
---@param follow boolean?  true if left out
---@return { type: string, uid: integer, gid: integer, mode: integer, dev: integer, ino: integer, rdev: integer }?
---@return string? code
---@return integer? errno
function host.stat(path, follow) end

---readlink(2)
---@param path string
---@return string?
---@return string? code
---@return integer? errno
function host.readlink(path) end

---realpath(3)
---@param path string
---@return string?
---@return string? code
---@return integer? errno
function host.realpath(path) end

---getcwd(2)
---@return string?
---@return string? code
---@return integer? errno
function host.getcwd() end

---credentials(7) of this process, its effective capabilities as a mask, and the last the kernel
---has.
---@return { uid: integer, gid: integer, euid: integer, egid: integer, groups: integer[], caps_effective: integer, last_cap: integer }
function host.ids() end

---environ(7): "NAME=value"
---@return string[]
function host.environ() end

---A file's first bytes.
---@param path string
---@param limit integer?  1 MiB if left out
---@return string?
---@return string? code
---@return integer? errno
function host.read(path, limit) end

---The same, the path resolved inside the root: openat2(2), Linux 5.6.
---@param root string
---@param path string
---@param limit integer?
---@return string?
---@return string? code
---@return integer? errno
function host.read_in_root(root, path, limit) end

---getrlimit(2) by number; rlimit.prlimit takes names.
---@param resource integer
---@return (integer|string)? soft  or "unlimited"
---@return (integer|string)? hard_or_code
---@return integer? errno
function host.rlimit(resource) end

---Lock one of `count` bytes of the file (F_OFD_SETLK, Linux 3.15): held while the holder is open.
---Errors: EAGAIN (all are taken).
---@param file string
---@param count integer
---@param hint integer?  where to begin
---@return integer? index
---@return (tidelock.fd|string)? holder_or_code
---@return integer? errno
function host.range_lock(file, count, hint) end

---mkdir(2)
---@param path string
---@param mode integer?  511 (0777) if left out
---@return true?
---@return string? code
---@return integer? errno
function host.mkdir(path, mode) end

---faccessat(2) by the effective ids.
---@param path string
---@param how ("r" | "w" | "x")?
---@return boolean
function host.access(path, how) end

---The names in a directory, in no order, without "." and "..": opendir(3).
---@param path string
---@return string[]?
---@return string? code
---@return integer? errno
function host.list(path) end

---Make or replace STATE/boxes/NAME as a whole; the directories are made where they are not there.
---Errors: EPERM (one of them is not the caller's alone), EROFS, ENOSPC.
---@param state string
---@param name string
---@param text string
---@return true?
---@return string? code
---@return integer? errno
function host.record(state, name, text) end
