---@meta
--- tidelock.core.process: processes, signals and pipes. A signal is a name ("TERM", "SIGTERM",
--- "RTMIN+1") or a number.

---@class tidelock.core.process
local process = {}

---A process that process.child made. Closing it, or losing it, neither kills nor reaps the process.
---@class tidelock.child
local child = {}

---Its pid as this process sees it. It stays the child's until it was waited for.
---@return integer
function child:pid() end

---Its pidfd: readable once it has ended.
---@return integer
function child:pollfd() end

---@return string events "r"
function child:events() end

---@return nil
function child:timeout() end

---waitid(2) by pidfd, at most so many seconds: how it ended; it is reaped. Errors: ETIMEDOUT,
---ECHILD (it was waited for).
---@param seconds number?  nil: as long as it takes
---@return tidelock.ChildEnd?
---@return string? code
---@return integer? errno
function child:wait(seconds) end

---pidfd_send_signal(2). Errors: ESRCH (it was waited for), EINVAL.
---@param signal (string|integer)?  nil: KILL
---@return true?
---@return string? code
---@return integer? errno
function child:kill(signal) end

---Close the pidfd.
function child:close() end

---@class tidelock.ChildEnd
---@field pid integer
---@field uid integer
---@field code "exited"|"killed"|"dumped"|"stopped"|"continued"|"trapped"
---@field status integer  exit status, or the signal's number
---@field signal (string|integer)?  its name, unless it exited
---@field usage tidelock.Usage

---getrusage(2) of the process and of those it waited for.
---@class tidelock.Usage
---@field user number  seconds
---@field system number  seconds
---@field maxrss integer  bytes; counts what was there before an execve too
---@field minflt integer
---@field majflt integer
---@field inblock integer
---@field oublock integer
---@field nvcsw integer
---@field nivcsw integer

---clone3(2), Linux 5.3, as fork(2) does it: run the function in a copy of this process, with new
---namespaces if they are named. Its number is the exit status; nothing and true are 0, false is 1;
---an error is 125, with its text on standard error. The child leaves by _exit: no __gc of the
---parent's objects runs at its end. It inherits every descriptor (so start it before boxes), the
---signal mask and the handlers (stock luajit has one for INT). Its cost grows with the Lua heap
---(0.25 ms at 4 MB, 13 ms at 256 MB, until it was waited for). Raises if this process has a second
---thread. In a new user namespace it has all capabilities but no ids, until its maps are written.
---The clocks of a new time namespace can be set only where it was made by namespace.unshare.
---Errors: EPERM, ENOSPC (a limit of /proc/sys/user), EAGAIN, ENOMEM.
---@param f fun(): integer|boolean|nil
---@param namespaces (tidelock.Namespace | tidelock.Namespace[])?
---@return tidelock.child?
---@return string? code
---@return integer? errno
function process.child(f, namespaces) end

---waitid(2) with its fifth argument (Linux 2.6.9; pidfd 5.4). Options: exited (the default),
---stopped, continued, nohang (false if nothing has changed), nowait (it can be waited for again).
---Blocks: use poll.wait for a deadline. Errors: ECHILD, EINVAL, EBADF.
---@param idtype "pid" | "pidfd" | "pgid" | "all"
---@param id (integer | tidelock.Descriptor)?
---@param options (string | string[])?
---@return (tidelock.ChildEnd | false)?
---@return string? code
---@return integer? errno
function process.waitid(idtype, id, options) end

---pidfd_open(2), Linux 5.3. Flag: nonblock (5.10). Readable once the process has ended. Errors:
---ESRCH, EINVAL.
---@param pid integer
---@param flags (string | string[])?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function process.pidfd_open(pid, flags) end

---pidfd_send_signal(2), Linux 5.1. Errors: ESRCH, EPERM, EINVAL.
---@param pidfd tidelock.Descriptor
---@param signal string|integer
---@return true?
---@return string? code
---@return integer? errno
function process.pidfd_send_signal(pidfd, signal) end

---pidfd_getfd(2), Linux 5.6: a copy of another process's descriptor. Errors: EPERM (ptrace(2)'s
---rules), EBADF, ESRCH.
---@param pidfd tidelock.Descriptor
---@param number integer
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function process.pidfd_getfd(pidfd, number) end

---execve(2): become the program; returns only on failure. What was printed is written first.
---Blocked and ignored signals stay so. Errors: ENOENT, EACCES, ENOEXEC, E2BIG.
---@param path string
---@param argv string[]  with argv[0], the name
---@param envp string[]?  "NAME=value"; nil: this process's
---@return nil
---@return string code
---@return integer errno
function process.execve(path, argv, envp) end

---execveat(2), Linux 3.19: by the descriptor alone if the path is left out (scripts then need
---/proc).
---@param dirfd tidelock.Descriptor?
---@param path string?
---@param argv string[]
---@param envp string[]?
---@return nil
---@return string code
---@return integer errno
function process.execveat(dirfd, path, argv, envp) end

---kill(2); signal 0 only asks. Errors: ESRCH, EPERM, EINVAL.
---@param pid integer
---@param signal string|integer
---@return true?
---@return string? code
---@return integer? errno
function process.kill(pid, signal) end

---getpid(2)
---@return integer
function process.getpid() end

---getppid(2); 0 if the parent is outside this pid namespace.
---@return integer
function process.getppid() end

---setsid(2): a new session without a terminal. Errors: EPERM (this process leads a group).
---@return integer?
---@return string? code
---@return integer? errno
function process.setsid() end

---setpgid(2); nil or 0: this process, its own group. Errors: EACCES (the child has execed), EPERM.
---@param pid integer?
---@param pgid integer?
---@return true?
---@return string? code
---@return integer? errno
function process.setpgid(pid, pgid) end

---_exit(2), after writing what was printed; no __gc runs.
---@param status integer?
function process._exit(status) end

---The blocked signals as the kernel's 64 bits: a number, or a string from 2^53.
---@return integer|string
function process.sigmask() end

---sigprocmask(2). Errors: EINVAL (no signal).
---@param how "block" | "unblock" | "setmask"
---@param signals (string|integer)[]
---@return true?
---@return string? code
---@return integer? errno
function process.sigprocmask(how, signals) end

---sigaction(2) to SIG_DFL or SIG_IGN; an execve keeps what is ignored. Errors: EINVAL (KILL, STOP).
---@param signal string|integer
---@param disposition "default" | "ignore"
---@return true?
---@return string? code
---@return integer? errno
function process.signal(signal, disposition) end

---pipe2(2). Errors: EMFILE, ENFILE.
---@return tidelock.fd? read_end
---@return (tidelock.fd|string)? write_end_or_code
---@return integer? errno
function process.pipe() end

---open(2): "r", "w" (made or emptied) or "a" (made or added to); mode 0666 less the umask.
---@param path string
---@param mode ("r" | "w" | "a")?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function process.open(path, mode) end

---fstat(2) of a number: what kind of file it is.
---@param number integer
---@return ("file"|"dir"|"fifo"|"socket"|"char"|"block"|"other")?
---@return string? code
---@return integer? errno
function process.fd_type(number) end

---isatty(3)
---@param number integer
---@return boolean
function process.isatty(number) end

---write(2), until all of it is written. Errors: EBADF, EPIPE, EAGAIN.
---@param number integer
---@param bytes string
---@return true?
---@return string? code
---@return integer? errno
function process.write(number, bytes) end

---clock_gettime(2) CLOCK_MONOTONIC in seconds.
---@return number
function process.clock() end
