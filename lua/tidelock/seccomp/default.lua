--- The default seccomp policy, as data: a list of the calls that are allowed.
---
--- What is on no list fails: with EPERM if it is a call that this libseccomp knows, with ENOSYS if
--- it is newer, so that a libc tries the older way. Left out on purpose, whatever the capabilities:
---   io_uring_*           requests run in the kernel past every filter; EPERM is also what the
---                        sysctl kernel.io_uring_disabled gives, so programs know how to fall back
---   userfaultfd          holds the kernel still in the middle of a copy: a favourite of exploits
---   keyctl, add_key,     the keyrings of the kernel are not divided by namespaces
---   request_key
---   kexec_*, swapon,     belong to the machine, never to a box
---   swapoff
---   modify_ldt, uselib,  old doors, some long dead, that no 64-bit program of today needs
---   sysfs, ustat, ...
--- Programs of 32 bits are refused altogether: i386's socketcall hides a socket's family behind
--- a pointer, and x32 is a second table of numbers that few have ever audited.

local M = {}

-- Descriptors and their contents.
local io = {
  "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
  "pwritev2", "lseek", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "flock", "fsync",
  "fdatasync", "sync", "syncfs", "sync_file_range", "fallocate", "fadvise64", "readahead",
  "truncate", "ftruncate", "copy_file_range", "sendfile", "splice", "tee", "vmsplice", "pipe",
  "pipe2", "ioctl", "io_setup", "io_destroy", "io_getevents", "io_submit", "io_cancel",
  "io_pgetevents",
}

-- Names and attributes of files. name_to_handle_at only reads; its counterpart, which opens files
-- past every mount (CVE-2014-3519, "shocker"), needs DAC_READ_SEARCH below.
local files = {
  "open", "openat", "openat2", "creat", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs",
  "fstatfs", "access", "faccessat", "faccessat2", "getdents", "getdents64", "getcwd", "chdir",
  "fchdir", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat",
  "unlink", "unlinkat", "symlink", "symlinkat", "readlink", "readlinkat", "mknod", "mknodat",
  "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "umask", "utime",
  "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "getxattr",
  "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "removexattr",
  "lremovexattr", "fremovexattr", "name_to_handle_at", "inotify_init", "inotify_init1",
  "inotify_add_watch", "inotify_rm_watch",
}

local memory = {
  "brk", "mmap", "munmap", "mremap", "mprotect", "pkey_mprotect", "pkey_alloc", "pkey_free",
  "madvise", "mincore", "msync", "mlock", "mlock2", "mlockall", "munlock", "munlockall",
  "remap_file_pages", "memfd_create", "membarrier",
}

-- Threads and processes; `clone` has rules of its own.
local processes = {
  "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "getpid",
  "getppid", "gettid", "getpgid", "getpgrp", "setpgid", "getsid", "setsid", "kill", "tkill",
  "tgkill", "pidfd_open", "pidfd_send_signal", "set_tid_address", "set_robust_list",
  "get_robust_list", "futex", "rseq", "arch_prctl", "prctl", "restart_syscall", "getrlimit",
  "setrlimit", "prlimit64", "getrusage", "times", "sysinfo", "uname", "getcpu", "getpriority",
  "setpriority", "ioprio_get", "ioprio_set", "sched_yield", "sched_getaffinity",
  "sched_setaffinity", "sched_getattr", "sched_setattr", "sched_getparam", "sched_setparam",
  "sched_getscheduler", "sched_setscheduler", "sched_get_priority_max",
  "sched_get_priority_min", "sched_rr_get_interval",
}

-- Identities. The kernel asks for the capability; a set of ids without one is harmless.
local identities = {
  "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "setuid",
  "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups",
  "capget", "capset",
}

local signals = {
  "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
  "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "pause", "signalfd",
  "signalfd4", "eventfd", "eventfd2",
}

-- Waiting and clocks. adjtimex and clock_adjtime read the clock's state for everyone; to change it
-- the kernel asks for SYS_TIME.
local time = {
  "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",
  "epoll_wait", "epoll_pwait", "epoll_pwait2", "nanosleep", "clock_nanosleep", "clock_gettime",
  "clock_getres", "gettimeofday", "time", "alarm", "getitimer", "setitimer", "timer_create",
  "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "timerfd_create",
  "timerfd_settime", "timerfd_gettime", "adjtimex", "clock_adjtime", "getrandom",
}

-- `socket` and `socketpair` are guarded by family.
local sockets = {
  "socket", "socketpair", "bind", "connect", "listen", "accept", "accept4", "shutdown",
  "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg",
  "recvfrom", "recvmsg", "recvmmsg",
}

-- System V and POSIX queues belong to the box's own ipc namespace.
local ipc = {
  "shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget",
  "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive",
  "mq_notify", "mq_getsetattr",
}

-- Tracing: gdb and strace of one's own processes. Before Linux 4.8 a tracer could change a call
-- after the filter had seen it; since then the filter looks again. The pid namespace bounds it.
local tracing = { "ptrace", "process_vm_readv", "process_vm_writev" }

-- A box may confine itself further.
local confinement = { "seccomp" }

-- Newer calls, harmless as their elders are; libseccomp may not know them yet.
local newer = {
  "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "memfd_secret",
  "process_mrelease", "futex_waitv", "cachestat", "fchmodat2", "map_shadow_stack", "mseal",
  "futex_wake", "futex_wait", "futex_requeue", "setxattrat", "getxattrat", "listxattrat",
  "removexattrat", "lsm_get_self_attr", "lsm_list_modules",
}

local always = {
  io, files, memory, processes, identities, signals, time, sockets, ipc, tracing, confinement,
}

-- What a capability that the box keeps adds. The kernel checks the capability again.
local by_capability = {
  BPF = { "bpf" },
  DAC_READ_SEARCH = { "open_by_handle_at" },
  PERFMON = { "perf_event_open" },
  SYS_ADMIN = {
    "mount", "umount2", "pivot_root", "open_tree", "move_mount", "mount_setattr", "fsopen",
    "fsconfig", "fsmount", "fspick", "unshare", "setns", "clone", "clone3", "sethostname",
    "setdomainname", "quotactl", "fanotify_init", "fanotify_mark", "bpf", "perf_event_open",
    "syslog",
  },
  SYS_BOOT = { "reboot" },
  SYS_CHROOT = { "chroot" },
  SYS_MODULE = { "init_module", "finit_module", "delete_module" },
  SYS_NICE = { "get_mempolicy", "set_mempolicy", "mbind", "migrate_pages", "move_pages" },
  SYS_PACCT = { "acct" },
  SYS_PTRACE = { "kcmp", "pidfd_getfd", "process_madvise" },
  SYS_RAWIO = { "iopl", "ioperm" },
  SYS_TIME = { "settimeofday", "clock_settime" },
  SYS_TTY_CONFIG = { "vhangup" },
  SYSLOG = { "syslog" },
}

local newer_by_capability = {
  SYS_ADMIN = { "quotactl_fd", "statmount", "listmount", "open_tree_attr" },
  SYS_NICE = { "set_mempolicy_home_node" },
}

-- CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: a user namespace hands out the
-- capabilities that most kernel exploits begin with. The kernel reads the low 32 bits only.
-- CLONE_NEWTIME shares its bit with the exit signal, so clone cannot ask for it.
local NEW_NAMESPACES = 0x7e020000

-- clone3 keeps its flags behind a pointer, where no filter can look: ENOSYS makes every libc go
-- back to clone.
local clone_without_namespaces = {
  {
    names = { "clone" }, action = "allow",
    args = { { arg = 0, op = "&", mask = NEW_NAMESPACES, value = 0 } },
  },
  { names = { "clone3" }, action = "errno:ENOSYS" },
}

-- PER_LINUX, PER_LINUX32, UNAME26 and the two together, and the question. The others switch off
-- defences (READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE, MMAP_PAGE_ZERO) or wake up old code.
local PERSONALITIES = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff }

-- TIOCSTI and TIOCLINUX type into the terminal of whoever started the box (CVE-2017-5226).
local TERMINAL_INJECTION = { 0x5412, 0x541c }

-- AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Others load modules that are hardly looked after; AF_ALG
-- lent itself to writes into the page cache (CVE-2026-31431), AF_VSOCK passes the network namespace
-- by. EAFNOSUPPORT is what a kernel without the family says: programs know it and go on.
local FAMILIES = { 1, 2, 10, 16 }
local AF_PACKET = 17

---@class tidelock.seccomp.Policy
---@field otherwise string action for a known call on no list
---@field bad_arch string action for i386 and x32
---@field unknown string action for calls newer than libseccomp
---@field guards table[] {names, arg, values|unless, action}: decided first, on 32 bits
---@field rules table[] {names, action, args?, optional?}

local function guards(held)
  local families = FAMILIES
  -- Packet capture of the box's own interfaces.
  if held.NET_RAW then families = { 1, 2, 10, 16, AF_PACKET } end
  return {
    { names = { "ioctl" }, arg = 1, values = TERMINAL_INJECTION, action = "errno:EPERM" },
    {
      names = { "socket", "socketpair" }, arg = 0, unless = families,
      action = "errno:EAFNOSUPPORT",
    },
  }
end

local function allow(rules, names, optional)
  if names then rules[#rules + 1] = { names = names, action = "allow", optional = optional } end
end

--- The policy for a box that keeps these capabilities.
---@param capabilities string[] names without CAP_, in any order
---@return tidelock.seccomp.Policy
function M.policy(capabilities)
  local rules, held, sorted = {}, {}, {}
  for i = 1, #always do allow(rules, always[i]) end
  allow(rules, newer, true)
  for i = 1, #PERSONALITIES do
    rules[#rules + 1] = {
      names = { "personality" }, action = "allow",
      args = { { arg = 0, op = "&", mask = 0xffffffff, value = PERSONALITIES[i] } },
    }
  end
  for i = 1, #capabilities do
    local name = capabilities[i]
    if not held[name] then
      held[name] = true
      sorted[#sorted + 1] = name
    end
  end
  table.sort(sorted)
  for i = 1, #sorted do
    allow(rules, by_capability[sorted[i]])
    allow(rules, newer_by_capability[sorted[i]], true)
  end
  if not held.SYS_ADMIN then
    for i = 1, #clone_without_namespaces do rules[#rules + 1] = clone_without_namespaces[i] end
  end
  return {
    otherwise = "errno:EPERM",
    bad_arch = "errno:ENOSYS",
    unknown = "errno:ENOSYS",
    guards = guards(held),
    rules = rules,
  }
end

return M
