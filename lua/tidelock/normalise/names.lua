--- The kernel's names and numbers that both the normalised spec and the printed plan speak of.

local M = {}

--- Resources of prlimit(2) by number.
M.rlimits = {
  [0] = "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks",
  "sigpending", "msgqueue", "nice", "rtprio", "rttime",
}

--- CLONE_NEW* by the name that OCI gives the namespace.
M.namespaces = {
  cgroup = 0x02000000, ipc = 0x08000000, mount = 0x00020000, network = 0x40000000,
  pid = 0x20000000, user = 0x10000000, uts = 0x04000000,
}

--- What a masked file is: the host's, and what it must be.
M.null = { source = "/dev/null", rdev = 0x103 }

--- RLIM_INFINITY, as a field of a plan spells what a Lua number cannot hold.
M.unlimited = "0xffffffffffffffff"

return M
