---@meta
--- tidelock.core.prctl: prctl(2) by name. `set_x()` is `set_x(true)`.

---@class tidelock.core.prctl
local prctl = {}

---PR_SET_NO_NEW_PRIVS(2const), Linux 3.5: from now on no execve gives rights, for good.
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_no_new_privs() end

---@return boolean?
---@return string? code
---@return integer? errno
function prctl.get_no_new_privs() end

---PR_SET_DUMPABLE(2const), Linux 2.3.20: false hides memory and /proc/PID from others of this user.
---In a child before its id maps are written, false also keeps its unprivileged parent from writing
---them.
---@param on boolean?
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_dumpable(on) end

---False also for the kernel's 2, "by root alone".
---@return boolean?
---@return string? code
---@return integer? errno
function prctl.get_dumpable() end

---PR_SET_CHILD_SUBREAPER(2const), Linux 3.4: orphans below this process become its children.
---@param on boolean?
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_child_subreaper(on) end

---@return boolean?
---@return string? code
---@return integer? errno
function prctl.get_child_subreaper() end

---PR_SET_PDEATHSIG(2const), Linux 2.1.57: the signal on the death of the parent's thread; nil for
---none. A change of ids, and an execve that gains rights, clear it. Errors: EINVAL (no signal).
---@param signal (string|integer)?
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_pdeathsig(signal) end

---@return (string|false)? signal  false: none
---@return string? code
---@return integer? errno
function prctl.get_pdeathsig() end

---PR_SET_SECUREBITS(2const), Linux 2.6.26: exactly these of noroot, no_setuid_fixup, keep_caps,
---no_cap_ambient_raise, each also with _locked. Errors: EPERM (CAP_SETPCAP, or locked).
---@param bits string | string[]
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_securebits(bits) end

---@return string[]?
---@return string? code
---@return integer? errno
function prctl.get_securebits() end

---PR_SET_KEEPCAPS(2const), Linux 2.2.18: keep the permitted set when no id is 0 any more; an execve
---clears it. Errors: EPERM (locked by securebits).
---@param on boolean?
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_keepcaps(on) end

---@return boolean?
---@return string? code
---@return integer? errno
function prctl.get_keepcaps() end

---PR_SET_NAME(2const), Linux 2.6.9: /proc/PID/comm, cut to 15 bytes.
---@param name string
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_name(name) end

---@return string?
---@return string? code
---@return integer? errno
function prctl.get_name() end

---PR_SET_MDWE(2const), Linux 6.3: no memory becomes executable that was not mapped so, for good.
---Flags: refuse_exec_gain (the default), no_inherit (6.6). Turns LuaJIT's compiler off first, which
---would fail. Errors: EINVAL (older kernel), EPERM (set already, otherwise).
---@param flags (string | string[])?
---@return true?
---@return string? code
---@return integer? errno
function prctl.set_mdwe(flags) end

---@return string[]?
---@return string? code
---@return integer? errno
function prctl.get_mdwe() end

---Hide /proc/self/exe: a call that was proposed four times and never merged. "unavailable" unless
---the kernel headers of the build name PR_SET_HIDE_SELF_EXE: its numbers in the patches mean other
---calls today. A box does not need it: its processes never were the host's binary.
---@return true?
---@return string? code  "unavailable", or an errno's name
---@return integer? errno
function prctl.hide_self_exe() end
