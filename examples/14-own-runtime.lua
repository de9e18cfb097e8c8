#!/usr/bin/env tidelock
-- A container runtime of one's own, by hand: every step is a system call of the same name.
--
-- It is the shape of what `tidelock run` does in C, made for reading: no init as PID 1, no report.
local core = require("tidelock").core
local process, namespace, mount, file = core.process, core.namespace, core.mount, core.file

-- The host's /usr, read-only, on a new tmpfs that becomes the root.
local function root_of(path)
  assert(mount.mount(nil, "/", nil, { "rec", "private" }))
  local usr = assert(mount.open_tree(nil, "/usr", { "clone", "recursive" }))
  local attributes = { "rdonly", "nosuid", "nodev" }
  assert(mount.mount_setattr(usr, nil, "recursive", { set = attributes }))
  local function new(kind, target)
    local fs = assert(mount.fsopen(kind))
    assert(mount.fsconfig(fs, "cmd_create"))
    assert(mount.move_mount(mount.fsmount(fs, { "nosuid", "nodev" }), nil, nil, target))
  end
  new("tmpfs", path)
  assert(file.chdir(path))
  for _, name in ipairs { "usr", "proc", "tmp" } do assert(file.mkdirat(nil, name)) end
  for _, name in ipairs { "bin", "lib", "lib64" } do file.symlinkat("usr/" .. name, nil, name) end
  assert(mount.move_mount(usr, nil, nil, "usr"))
  new("proc", "proc")
  assert(mount.pivot_root(".", ".")) -- the old root lies on top of the new one,
  assert(mount.umount2(".", "detach")) -- and goes
end

local function run(...)
  local argv, filter = { ... }, require("tidelock.seccomp.cache").load({}, nil, core)
  local mapped, go = process.pipe()
  local child = assert(process.child(function()
    go:close()
    mapped:read(1) -- until the parent has closed its end: the ids are there
    root_of "/tmp"
    core.uts.sethostname "own"
    assert(file.close_range(3, nil, "cloexec")) -- whatever the caller left open
    core.capability.capset {
      bounding = {}, permitted = {}, effective = {}, inheritable = {}, ambient = {},
    }
    assert(core.prctl.set_no_new_privs() and core.seccomp.set_mode_filter(filter))
    error(select(2, process.execve(argv[1], argv, { "PATH=/usr/bin:/bin" })))
  end, { "user", "mount", "pid", "uts", "ipc", "network", "cgroup" }))
  namespace.deny_setgroups(child:pid())
  assert(namespace.uid_map(child:pid(), { { 0, (core.identity.getresuid()), 1 } }))
  assert(namespace.gid_map(child:pid(), { { 0, (core.identity.getresgid()), 1 } }))
  go:close()
  return child:wait()
end

print(run("/bin/sh", "-c", [[hostname; id -u; echo "pid $$ of" /proc/[0-9]*; echo /*
  grep CapEff /proc/self/status; touch /usr/x 2>&- || echo read-only; exit 3]]).status)
--> own
--> 0
--> pid 1 of /proc/1
--> /bin /lib /lib64 /proc /tmp /usr
--> CapEff:	0000000000000000
--> read-only
--> 3
