--- From an operation's index and errno to a story: what was asked, why the kernel said no, and what
--- to do about it. Hints are facts of the kernel's interface, chosen by operation, call and errno.

local errors = require "tidelock.error"

local M = {}

local HANDED_ON = "the box has handed controllers down (limits.delegate), and its own cgroup takes"
  .. " no process any more"

local HINTS = {
  { code = "EINVAL", call = "fcntl", hint = "too few descriptors: raise the limit with ulimit -n" },
  { code = "EBADF", call = "dup3", hint = "too few descriptors: raise the limit with ulimit -n" },
  { op = "clone", code = "EAGAIN",
    hint = "the limit of processes (RLIMIT_NPROC or pids) is reached" },
  { op = "fork", code = "EAGAIN",
    hint = "the limit of processes (RLIMIT_NPROC or limits.pids) is reached: init is one of them" },
  { op = "limit_cgroup", code = "EINVAL",
    hint = "a cgroup above this one allows less, or the kernel takes no such value" },
  { op = "limit_devices", code = "EPERM",
    hint = "eBPF programs for devices take CAP_BPF and CAP_NET_ADMIN of the host, and that no"
      .. " cgroup above has one that lets nothing below it have its own" },
  { op = "limit_devices", code = "ENOSYS", hint = "a kernel with CONFIG_BPF_SYSCALL" },
  { op = "limit_devices", code = "EINVAL", call = "bpf", hint = "a kernel with CONFIG_CGROUP_BPF" },
  { op = "limit_devices", code = "EBADF", hint = "only cgroup v2 takes an eBPF program" },
  { op = "limit_cgroup", code = "ERANGE", hint = "the kernel takes no such value" },
  { op = "limit_cgroup", code = "EACCES",
    hint = "a cgroup above this one has less, or the file is not the caller's" },
  { op = "limit_cgroup", code = "EBUSY",
    hint = "processes or cgroups that are there use more than that, or hold it as it is" },
  { op = "limit_cgroup", code = "ENODEV", hint = "there is no such device, or it is a partition" },
  { op = "make_cgroup", code = "EBUSY",
    hint = "a cgroup that has processes of its own hands no controllers down (cgroups(7), \"no"
      .. " internal processes\"): move them into one below it; in a service of systemd that is"
      .. " DelegateSubgroup=" },
  { op = "make_cgroup", code = "EPERM", call = "write",
    hint = "a cgroup that would get the controller too has a process with more rights than the"
      .. " caller's" },
  { op = "make_cgroup", code = "EAGAIN",
    hint = "no more cgroups may be here: see cgroup.max.descendants and cgroup.max.depth above" },
  { op = "make_cgroup", code = "ENOSPC",
    hint = "the kernel has no more cgroups to give: 65,535 with memory, removed ones included while"
      .. " anything of theirs is cached, or a controller's own limit" },
  { op = "make_cgroup", code = "EOPNOTSUPP",
    hint = "the cgroup above is threaded (cgroup.type), and takes no controller of processes" },
  { op = "join_cgroup", code = "EBUSY", hint = HANDED_ON },
  { op = "clone", code = "EBUSY", hint = HANDED_ON },
  { op = "join_cgroup", code = "ENOSPC",
    hint = "its cpuset has no processor or no memory node (cpuset(7))" },
  { op = "give_cgroup", code = "EPERM", hint = "only root gives a cgroup to another user" },
  { op = "write_map", code = "EPERM",
    hint = "the ids are not the caller's to map: see /etc/subuid, /etc/subgid, newuidmap(1)" },
  { op = "idmap_mount", code = "EPERM",
    hint = "idmapping a mount needs CAP_SYS_ADMIN over the file system" },
  { op = "overlay", code = "EPERM", hint = "overlayfs in a user namespace needs Linux 5.11" },
  { op = "overlay", code = "EINVAL",
    hint = "the directory's file system cannot be the lower layer of an overlay" },
  { op = "mount_attr", code = "EPERM",
    hint = "in a user namespace the access times and limits of the host's mounts are locked" },
  { op = "setns", code = "EPERM",
    hint = "a namespace is joined with SYS_ADMIN in the user namespace that owns it (setns(2))" },
  { op = "open_namespace", code = "ENOTTY",
    hint = "it is no file of a namespace, /proc/PID/ns/..." },
  { op = "open_namespace", code = "EINVAL", hint = "it is a namespace of another kind" },
  { op = "mknod", code = "EEXIST",
    hint = "the root has another file of that name: mount a tmpfs on /dev, as engines do" },
  { op = "mknod", code = "EPERM", hint = "nodes are made with CAP_MKNOD on the host" },
  { op = "make_cgroup", code = "EEXIST", hint = "another container has that cgroup" },
  { op = "open_file", code = "EROFS",
    hint = "it is read-only inside: make it writable with fs.rw or an overlay" },
  { op = "open_file", code = "EACCES", hint = "the box's user may not open it" },
  { op = "open_file", code = "ENXIO", hint = "it is a FIFO that nobody reads" },
  { op = "open_file", code = "ELOOP",
    hint = "too many symlinks, or one of those of /proc that stand for descriptors" },
  { code = "EROFS",
    hint = "the mount point is not there and the root is read-only: make it, or add --overlay /" },
  { code = "EXDEV", hint = "a symlink in the path leads out of the root" },
  { code = "ELOOP",
    hint = "the path has a symlink that may not be followed, or too many" },
  { code = "EMFILE", hint = "too many descriptors: raise the limit with ulimit -n" },
  { op = "exec", code = "E2BIG",
    hint = "the arguments and the environment are larger than the kernel takes (execve(2))" },
  { op = "exec", code = "ENOEXEC", hint = "it is neither a program nor a script with a #! line" },
  { op = "chdir", code = "EACCES", hint = "the box's user may not enter the directory" },
  { op = "rlimit", code = "EPERM",
    hint = "the hard limit cannot be raised without CAP_SYS_RESOURCE" },
  { code = "EPIPE", hint = "the other side of the rendezvous is gone" },
}

local function matches(row, fault, op)
  return (not row.op or row.op == op.op) and (not row.code or row.code == fault.code)
    and (not row.call or row.call == fault.call)
end

-- The user namespace first: without it there are no others.
local function new_namespaces(flags)
  local names = {}
  for name, flag in pairs(require("tidelock.normalise.names").namespaces) do
    if math.floor(tonumber(flags) / flag) % 2 == 1 then names[#names + 1] = name end
  end
  table.sort(names, function(a, b) return a == "user" and b ~= "user" or b ~= "user" and a < b end)
  return names
end

-- A file that a kernel has or has not.
local function no_file(op)
  if op.file:find("weight", 1, true) then
    return { cause = "block devices are weighed by their scheduler BFQ, or by io.cost (cgroup v2)",
      remedy = "echo bfq > /sys/block/NAME/queue/scheduler" }
  elseif op.file:find("%.swap%.") or op.file:find("%.memsw%.") then
    return { cause = "this kernel does not count swap", remedy = "boot with swapaccount=1" }
  end
  return { cause = ("this kernel has no %s, or not in this cgroup"):format(op.file) }
end

-- What AppArmor refuses first, where it lets nobody have rights in a user namespace.
local FIRST_RIGHTS = {
  mount = true, propagation = true, root_tmpfs = true, sethostname = true, setresgid = true,
  write_map = true,
}
local TOO_MANY = { fsmount = true, mount = true, move_mount = true, open_tree = true }

-- What `doctor` would say: the host is asked, now that something has failed.
local function cause_of(fault, op)
  local core, cause = require "tidelock.core", require "tidelock.probe.cause"
  local denied = fault.code == "EPERM" or fault.code == "EACCES"
  if (op.op == "clone" or op.op == "unshare") and op.flags ~= 0 then
    return cause.namespaces(core, new_namespaces(op.flags), fault.code)
  elseif fault.code == "ENOSPC" and TOO_MANY[fault.call] then
    return cause.mounts(core.host)
  elseif op.op == "limit_cgroup" and (fault.code == "ENOENT" or fault.code == "EOPNOTSUPP") then
    return no_file(op)
  elseif not denied then
    return nil
  elseif op.op == "mount" and (op.fstype == "proc" or op.fstype == "sysfs") then
    return cause.hidden(core.host, op.fstype)
  elseif op.op == "private_proc" then
    return cause.hidden(core.host, "proc")
  elseif op.op == "write_map" and op.helper == 1 then
    return cause.helpers(core.host)
  end
  return FIRST_RIGHTS[op.op] and cause.apparmor(core.host) or nil
end

local function hint_of(fault, op)
  -- What goes wrong in asking must not hide what is asked about.
  local good, found = pcall(cause_of, fault, op)
  if good and found then return require("tidelock.probe.cause").text(found) end
  -- What the kernel says itself is better than a guess.
  for _, row in ipairs(fault.reason and {} or HINTS) do
    if matches(row, fault, op) then return row.hint end
  end
end

-- A file that is there and is "not found" names a program, on its first line, that is not.
local function interpreter(host, path)
  local first = (host.read(path, 256) or ""):match("^#!%s*([^\n]*)")
  if not first then return "the dynamic loader that it was linked for is not visible inside" end
  return ("%s begins with #! %s"):format(errors.printable(path), errors.printable(first))
end

-- A command that exists on the host and not in the box is the commonest surprise.
local function exec_story(fault, op, norm)
  local name = errors.printable(norm.command[1])
  if fault.code ~= "ENOENT" then
    local why = fault.code == "EACCES" and "may not be executed" or fault.code
    return ("%s: %s"):format(name, why)
  end
  local host, is_hidden = require("tidelock.core").host, require("tidelock.hint").is_hidden
  local paths = require "tidelock.normalise.path"
  for _, candidate in ipairs(op.path) do
    local path = paths.join(norm.cwd, candidate)
    if norm.view ~= "none" and host.stat(path, true) then
      local shown = errors.printable(path)
      if is_hidden(norm, path) then
        return ("%s: not found in the sandbox"):format(name),
          ("%s exists on the host and is not visible inside: --ro %s"):format(shown, shown)
      end
      return ("%s: its interpreter is not there"):format(name), interpreter(host, path)
    end
  end
  return ("%s: not found"):format(name)
end

local LANE = { host = "on the host", parent = "beside the child", child = "in the container" }

---The error of an operation that failed.
---@param fault {index: integer, code: string, errno: integer, call: string?, reason: string?,
---  cause: any}
---@param ops table[]
---@param norm table
---@return tidelock.Error
function M.explain(fault, ops, norm)
  local op = ops[fault.index]
  if not op then
    return errors.new {
      op = "launch", code = fault.code, errno = fault.errno,
      message = ("launch: %s%s"):format(fault.code, fault.call and " from " .. fault.call or ""),
      hint = hint_of(fault, {}), cause = fault.cause,
    }
  end
  local message, hint
  if op.op == "exec" then
    message, hint = exec_story(fault, op, norm)
  else
    local why = fault.cause and tostring(fault.cause) or fault.code
    if fault.reason then why = ("%s: %s"):format(why, errors.printable(fault.reason, 200)) end
    message = ("%s: %s (%soperation %d of %d, %s)"):format(
      require("tidelock.plan.explain").story(op), why,
      fault.call and fault.call .. ", " or "", fault.index, #ops, LANE[op.lane])
  end
  return errors.new {
    op = op.op, code = fault.code, errno = fault.errno, index = fault.index, lane = op.lane,
    path = op.target or op.path, at = op.at ~= "default" and op.at or nil,
    hint = hint or hint_of(fault, op), cause = fault.cause, call = fault.call, message = message,
  }
end

return M
