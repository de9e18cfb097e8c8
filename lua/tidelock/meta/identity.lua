---@meta
--- tidelock.core.identity: ids, groups and personality of this process: credentials(7).

---@class tidelock.core.identity
local identity = {}

---getresuid(2)
---@return integer real
---@return integer effective
---@return integer saved
function identity.getresuid() end

---getresgid(2)
---@return integer real
---@return integer effective
---@return integer saved
function identity.getresgid() end

---setresuid(2); nil leaves an id as it is. Leaving 0 behind clears capabilities
---(prctl.set_keepcaps), and any change clears pdeathsig. Errors: EPERM, EAGAIN (RLIMIT_NPROC),
---EINVAL (not mapped).
---@param real integer?
---@param effective integer?
---@param saved integer?
---@return true?
---@return string? code
---@return integer? errno
function identity.setresuid(real, effective, saved) end

---setresgid(2); before setresuid, which takes the right away. Errors: EPERM, EINVAL (not mapped).
---@param real integer?
---@param effective integer?
---@param saved integer?
---@return true?
---@return string? code
---@return integer? errno
function identity.setresgid(real, effective, saved) end

---getgroups(2): the supplementary groups. Those that are not mapped look as 65534.
---@return integer[]?
---@return string? code
---@return integer? errno
function identity.getgroups() end

---setgroups(2). Errors: EPERM (CAP_SETGID, or a user namespace with setgroups denied), EINVAL.
---@param groups integer[]
---@return true?
---@return string? code
---@return integer? errno
function identity.setgroups(groups) end

---personality(2): what it was, after setting it if names are given. One of `linux`, `linux32`, and
---any of addr_compat_layout addr_limit_32bit addr_limit_3gb addr_no_randomize mmap_page_zero
---read_implies_exec short_inode sticky_timeouts uname26 whole_seconds.
---@param names (string | string[])?
---@return string[]? before
---@return string? code
---@return integer? errno
function identity.personality(names) end
