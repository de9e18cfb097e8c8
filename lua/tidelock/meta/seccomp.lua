---@meta
--- tidelock.core.seccomp: load what core.filter compiled: seccomp(2).

---@class tidelock.core.seccomp
local seccomp = {}

---seccomp(2) SECCOMP_SET_MODE_FILTER, Linux 3.17: the filter holds for this process and its
---children, for good. Flags: tsync log (4.14) spec_allow (4.17) new_listener (5.0: the result is
---the listener) tsync_esrch (5.7) wait_killable_recv (5.19). Errors: EACCES (without no_new_privs
---or CAP_SYS_ADMIN), EINVAL (not a program, or the flags), EBUSY (there is a listener already),
---ESRCH (tsync).
---@param bytes string  1 to 4096 instructions of 8 bytes
---@param flags (string | string[])?
---@return (true | tidelock.fd)?
---@return string? code
---@return integer? errno
function seccomp.set_mode_filter(bytes, flags) end

---seccomp(2) SECCOMP_GET_ACTION_AVAIL, Linux 4.14: does this kernel know the action? allow errno
---kill_process kill_thread log trace trap user_notif
---@param action string
---@return boolean?
---@return string? code
---@return integer? errno
function seccomp.get_action_avail(action) end

---seccomp(2) SECCOMP_GET_NOTIF_SIZES, Linux 5.0: bytes of the structures of a notification. Errors:
---EINVAL (older kernel).
---@return { notif: integer, response: integer, data: integer }?
---@return string? code
---@return integer? errno
function seccomp.get_notif_sizes() end
