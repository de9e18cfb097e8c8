---@meta
--- tidelock.core.file: files by descriptor. A directory that is left out is the current one.

---@class tidelock.core.file
local file = {}

---openat2(2), Linux 5.6. Flags: rdonly (the default) wronly rdwr append creat directory dsync excl
---noatime nofollow nonblock path sync tmpfile trunc; O_CLOEXEC and O_NOCTTY always. Resolve:
---beneath cached (5.12) in_root no_magiclinks no_symlinks no_xdev. Errors: those of open(2), EXDEV
---(it leads out), ELOOP (a link), EAGAIN (in_root, beneath: a rename meanwhile; try again), EINVAL
---(a mode without creat).
---@param dirfd tidelock.Descriptor?
---@param path string
---@param how { flags: (string|string[])?, mode: integer?, resolve: (string|string[])? }?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function file.openat2(dirfd, path, how) end

---memfd_create(2), Linux 3.17. Flags: allow_sealing exec (6.3) hugetlb noexec_seal (6.3). Errors:
---EINVAL (the flags, or more than 249 bytes of name).
---@param name string  for /proc only
---@param flags (string | string[])?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function file.memfd_create(name, flags) end

---userfaultfd(2), Linux 4.3: page faults of this process are told by the descriptor. Flags: nonblock
---user_mode_only (5.11: what every user may have). Errors: EPERM (without user_mode_only and
---CAP_SYS_PTRACE, see vm.unprivileged_userfaultfd), ENOSYS (not built in).
---@param flags (string | string[])?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function file.userfaultfd(flags) end

---F_ADD_SEALS(2const), Linux 3.17: seal shrink grow write future_write (5.1) exec (6.3). Errors:
---EPERM (sealed, or not writable), EBUSY (a writable mapping), EINVAL (no memfd).
---@param fd tidelock.Descriptor
---@param seals string | string[]
---@return true?
---@return string? code
---@return integer? errno
function file.add_seals(fd, seals) end

---F_GET_SEALS(2const). Errors: EINVAL (no memfd).
---@param fd tidelock.Descriptor
---@return string[]?
---@return string? code
---@return integer? errno
function file.get_seals(fd) end

---close_range(2), Linux 5.9 (cloexec 5.11): all descriptors of the range, those of Lua objects too;
---before an execve "cloexec" is the right one. Flags: cloexec unshare.
---@param first integer
---@param last integer?  nil: to the end
---@param flags (string | string[])?
---@return true?
---@return string? code
---@return integer? errno
function file.close_range(first, last, flags) end

---F_DUPFD_CLOEXEC(2const): a second descriptor, the lowest free one from `from` on. Errors: EBADF,
---EMFILE.
---@param fd tidelock.Descriptor
---@param from integer?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function file.dup(fd, from) end

---dup2(2): give the number to the file, for the program of an execve: not O_CLOEXEC. What had the
---number is closed. Errors: EBADF.
---@param fd tidelock.Descriptor
---@param number integer
---@return true?
---@return string? code
---@return integer? errno
function file.dup2(fd, number) end

---fstat(2): type is dir file link socket char block fifo other; mode the permission bits; size
---bytes; mtime seconds since 1970.
---@param fd tidelock.Descriptor
---@return { type: string, mode: integer, uid: integer, gid: integer, nlink: integer, size: integer, dev: integer, ino: integer, rdev: integer, mtime: number }?
---@return string? code
---@return integer? errno
function file.fstat(fd) end

---mkdirat(2); the mode (511, which is 0777, if left out) less the umask.
---@param dirfd tidelock.Descriptor?
---@param path string
---@param mode integer?
---@return true?
---@return string? code
---@return integer? errno
function file.mkdirat(dirfd, path, mode) end

---symlinkat(2)
---@param target string
---@param dirfd tidelock.Descriptor?
---@param path string
---@return true?
---@return string? code
---@return integer? errno
function file.symlinkat(target, dirfd, path) end

---unlinkat(2). Flag: removedir.
---@param dirfd tidelock.Descriptor?
---@param path string
---@param flags (string | string[])?
---@return true?
---@return string? code
---@return integer? errno
function file.unlinkat(dirfd, path, flags) end

---chdir(2)
---@param path string
---@return true?
---@return string? code
---@return integer? errno
function file.chdir(path) end

---fchdir(2)
---@param fd tidelock.Descriptor
---@return true?
---@return string? code
---@return integer? errno
function file.fchdir(fd) end

---umask(2): the mask before.
---@param mask integer
---@return integer before
function file.umask(mask) end
