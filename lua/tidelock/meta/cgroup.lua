---@meta
--- tidelock.core.cgroup: the control groups of a box. Internal: spec fields `limits` are made of it.

---@class tidelock.core.cgroup
local cgroup = {}

---An empty group, for launch.start{cgroup=}. Collected while it is not empty, it kills and removes.
---@return tidelock.cgroup
function cgroup.new() end

---Of the cgroup file system that the path is on: statfs(2), cgroups(7).
---@param path string
---@return (1|2)? version  nil: it is on none
function cgroup.version(path) end

---@class tidelock.cgroup
local group = {}

---Adds TOP/PATH, which is there.
---@param top string
---@param path string   "tidelock/NAME"
---@param inode string? its digits: only if it is that very one (ESTALE)
---@param made integer? which of the directories on the way go with it, a mask
---@return true?
---@return string? code
---@return integer? errno
function group:adopt(top, path, inode, made) end

---What tells its directories from those that come to their paths later, in their order.
---@return { inode: string, made: integer }[]
function group:identities() end

---A file of whichever of its directories has it, at most 64 KiB.
---@param file string  "memory.max_usage_in_bytes"
---@return string?
---@return string? code
---@return integer? errno
function group:read(file) end

---Readable once memory has run out: cgroup.event_control, cgroup v1 only.
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function group:oom_event() end

---Has the box's own limit on memory killed a process? Also after close().
---@return boolean
function group:oom() end

---SIGKILL to every process in it, frozen first so that none escapes by fork.
function group:kill() end

---Removes the directories; what cannot be removed stays in it.
---@return true?
---@return string? code
---@return integer? errno
function group:close() end
