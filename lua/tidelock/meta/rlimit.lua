---@meta
--- tidelock.core.rlimit: getrlimit(2).

---@class tidelock.core.rlimit
local rlimit = {}

---prlimit(2), Linux 2.6.36: the limits before, after setting those that are given. Resources: as
---core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack;
---bytes, seconds (cpu), microseconds (rttime) or a count. From 2^53 a limit is a string,
---"0x20000000000000". Errors: EPERM (raising hard without CAP_SYS_RESOURCE; another's process),
---EINVAL (soft above hard), ESRCH.
---@param pid integer?  nil: this process
---@param resource string
---@param soft (integer|string)?  a number or "unlimited"; nil: as it is
---@param hard (integer|string)?  a number or "unlimited"; nil: as it is
---@return (integer|string)? soft
---@return (integer|string)? hard_or_code
---@return integer? errno
function rlimit.prlimit(pid, resource, soft, hard) end
