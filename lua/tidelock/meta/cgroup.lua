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

---What cgroups have used by now, all of them in one call.
---@param list string[][]   of each its directories: one, or one for each controller
---@param detail boolean?   also what memory is used for, which the kernel has to gather
---@return (tidelock.CgroupStats|false)[]  false: none of its directories is there
function cgroup.stats_of(list, detail) end

---Per cent of the time in which somebody waited, and seconds in all. accounting/psi.rst
---@class tidelock.Pressure
---@field avg10 number
---@field avg60 number
---@field avg300 number
---@field total number

---Seconds, bytes and counts; nil is unknown: no such file, or no limit.
---@class tidelock.CgroupStats
---@field cpu { usage: number?, user: number?, system: number?, periods: number?, throttled_periods: number?, throttled: number? }?
---@field memory { current: number?, peak: number?, swap: number?, limit: number?, anon: number?, file: number?, kernel: number?, shmem: number?, sock: number?, slab: number? }?
---@field io { rbytes: number?, wbytes: number?, rios: number?, wios: number? }?
---@field pids { current: number?, peak: number?, limit: number?, refused: number? }?
---@field oom { events: number?, kills: number?, group_kills: number? }?
---@field pressure table<"cpu"|"memory"|"io", { some: tidelock.Pressure?, full: tidelock.Pressure? }>?  cgroup v2

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

---A file of whichever of its directories has it: in one write.
---@param file string
---@param value string
---@return true?
---@return string? code
---@return integer? errno
function group:write(file, value) end

---@param detail boolean?  also what memory is used for
---@return tidelock.CgroupStats
function group:stats(detail) end

---Stops all that is in it, and sees that it stands still: cgroup.freeze and cgroup.events (v2, 5.2),
---freezer.state (v1).
---@param seconds number   after which it is let go again: ETIMEDOUT
---@return true?
---@return string? code   ENOENT: there is no freezer
---@return integer? errno
function group:freeze(seconds) end

---@param seconds number
---@return true?
---@return string? code
---@return integer? errno
function group:thaw(seconds) end

---To wait for (core.poll, tidelock.loop): a change of memory.events or cgroup.events, or pressure that
---reaches a trigger, such as "some 150000 2000000" (us of us) of memory.pressure. cgroup v2.
---Without CAP_SYS_RESOURCE the window is a multiple of 2 s (EINVAL).
---@param file string
---@param trigger string?
---@return tidelock.cgroup_event?
---@return string? code
---@return integer? errno
function group:event(file, trigger) end

---@class tidelock.cgroup_event
local event = {}

---The descriptor to poll for POLLPRI.
---@return integer
function event:pollfd() end

---What to poll for.
---@return string  "p"
function event:events() end

---The whole file as it is now; it is waited for the next change from then on.
---@return string?
---@return string? code
---@return integer? errno
function event:read() end
---No time of its own: nil.
---@return nil
function event:timeout() end
---Closes its descriptor. May be called again.
function event:close() end

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

---Empty again: nothing is killed or removed. For a group that is another process's.
function group:forget() end
