---@meta
--- tidelock.core.namespace: namespaces(7) and the id maps of user_namespaces(7).

---@alias tidelock.Namespace
---| "cgroup" | "ipc" | "mount" | "network" | "pid" | "time" | "user" | "uts"

---@class tidelock.core.namespace
local namespace = {}

---unshare(2), Linux 2.6.16 (user 3.8, cgroup 4.6, time 5.6): leave shared namespaces for new ones.
---`pid` and `time` take effect for the children made from then on. Apart from `user` and what is
---made together with it, this needs CAP_SYS_ADMIN. Also `files`, `fs` and `sysvsem`.
---Errors: EPERM; EINVAL (user, with more than one thread); ENOSPC (a limit of /proc/sys/user).
---@param names tidelock.Namespace | string | string[]
---@return true?
---@return string? code
---@return integer? errno
function namespace.unshare(names) end

---setns(2), Linux 3.0: join the namespace of the descriptor; of a pidfd (5.8), those that are
---named. A descriptor of namespace.open needs no names; given, they must agree (EINVAL). The
---caller's own user namespace cannot be joined again (EINVAL). Errors: EBADF, EINVAL, EPERM, ESRCH.
---@param fd tidelock.Descriptor
---@param names (tidelock.Namespace | tidelock.Namespace[])?
---@return true?
---@return string? code
---@return integer? errno
function namespace.setns(fd, names) end

---open(2) of /proc/PID/ns/NAME: a handle that keeps the namespace alive. Also `pid_for_children`
---and `time_for_children`. Errors: ENOENT (no such process, or kernel without it), EACCES.
---@param pid integer?  nil: this process
---@param name tidelock.Namespace | string
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function namespace.open(pid, name) end

---ioctl_ns(2) NS_GET_NSTYPE, Linux 4.11. Errors: ENOTTY (no namespace).
---@param fd tidelock.Descriptor
---@return tidelock.Namespace?
---@return string? code
---@return integer? errno
function namespace.nstype(fd) end

---ioctl_ns(2) NS_GET_USERNS, Linux 4.9: the user namespace that owns this one. Errors: EPERM (it is
---outside the caller's).
---@param fd tidelock.Descriptor
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function namespace.userns(fd) end

---ioctl_ns(2) NS_GET_PARENT, Linux 4.9: of a user or pid namespace. Errors: EINVAL (other types),
---EPERM (outside the caller's, or there is none).
---@param fd tidelock.Descriptor
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function namespace.parent(fd) end

---ioctl_ns(2) NS_GET_OWNER_UID, Linux 4.11: who made this user namespace. Errors: EINVAL.
---@param fd tidelock.Descriptor
---@return integer? uid
---@return string? code
---@return integer? errno
function namespace.owner_uid(fd) end

---@alias tidelock.IdMap string | integer[][]  "0 1000 1\n", or { { inside, outside, count } }

---Write /proc/PID/uid_map (user_namespaces(7), Linux 3.8): once, all rows in one go. Without
---CAP_SETUID outside, one row with the caller's own effective uid. Errors: EPERM, EINVAL, ENOENT.
---@param pid integer?  nil: this process
---@param map tidelock.IdMap
---@return true?
---@return string? code
---@return integer? errno
function namespace.uid_map(pid, map) end

---Write /proc/PID/gid_map. Without CAP_SETGID outside, deny_setgroups first (EPERM otherwise).
---@param pid integer?  nil: this process
---@param map tidelock.IdMap
---@return true?
---@return string? code
---@return integer? errno
function namespace.gid_map(pid, map) end

---Run /usr/bin/newuidmap, which is set-uid and allows the ranges of subuid(5): newuidmap(1). What
---it has to say goes to standard error. Errors: EPERM (it refused), ENOENT (not installed), E2BIG
---(a map of more than 255 bytes).
---@param pid integer?  nil: this process
---@param map tidelock.IdMap
---@return true?
---@return string? code
---@return integer? errno
function namespace.newuidmap(pid, map) end

---Run /usr/bin/newgidmap: newgidmap(1).
---@param pid integer?  nil: this process
---@param map tidelock.IdMap
---@return true?
---@return string? code
---@return integer? errno
function namespace.newgidmap(pid, map) end

---Write "deny" to /proc/PID/setgroups (user_namespaces(7), Linux 3.19), for good. Errors: EPERM
---(the gid map is written already), ENOENT.
---@param pid integer?  nil: this process
---@return true?
---@return string? code
---@return integer? errno
function namespace.deny_setgroups(pid) end

---Write /proc/PID/timens_offsets (time_namespaces(7), Linux 5.6): seconds added to the clocks of
---the time namespace for children, before the first child is in it. Errors: EACCES (it has one),
---EPERM, ERANGE (a clock would be negative).
---@param pid integer?  nil: this process
---@param offsets { monotonic: number?, boottime: number? }
---@return true?
---@return string? code
---@return integer? errno
function namespace.timens_offsets(pid, offsets) end
