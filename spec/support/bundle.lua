-- OCI bundles for specs: a directory with a config.json and a root of busybox.
local cjson = require "cjson"
local ffi = require "ffi"
local run = require "spec.support.run"

local M = {}

ffi.cdef "int mkdir(const char *, unsigned), symlink(const char *, const char *);"

-- The applets that the specs use; busybox is static, so that it is all that a root needs.
local APPLETS = { "cat", "chmod", "echo", "env", "find", "grep", "head", "hostname", "id", "ip",
  "kill", "ln", "ls", "mkdir", "mknod", "mount", "mv", "od", "pwd", "readlink", "rm", "sed", "seq",
  "sh", "sleep", "stat", "tail", "touch", "true", "tty", "umount", "uname", "unshare", "wc" }

local DIRECTORIES = { "", "/attack", "/bin", "/dev", "/etc", "/mnt", "/out", "/proc", "/run",
  "/sys", "/tmp", "/usr", "/var" }

---A root for a container: busybox, and the directories that the mounts are on. Everything in it is
---for the spec to replace: whoever made the image made it.
---@param path string  made
---@return string path
function M.rootfs(path)
  for _, name in ipairs(DIRECTORIES) do
    local made = ffi.C.mkdir(path .. name, 493) -- 0755
    if made ~= 0 then error("cannot make " .. path .. name, 2) end
  end
  local copied = os.execute(
    ("cp \"$(command -v busybox)\" %s/bin/busybox"):format(run.quote(path)))
  if copied ~= 0 then error("there is no busybox", 2) end
  for _, name in ipairs(APPLETS) do ffi.C.symlink("busybox", ("%s/bin/%s"):format(path, name)) end
  run.write(path .. "/etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
  run.write(path .. "/etc/group", "root:x:0:\n")
  return path
end

local MASKED = { "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
  "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
  "/sys/firmware", "/proc/scsi" }
local READONLY = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" }
local CAPS = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE" }

---@return table
function M.mount(target, fstype, source, options)
  return { destination = target, type = fstype, source = source, options = options }
end

local mount = M.mount

---As `runc spec` writes it.
---@param command string[]
---@return table config
function M.config(command)
  local function caps() return { unpack(CAPS) } end
  return {
    ociVersion = "1.0.2",
    process = {
      terminal = false, user = { uid = 0, gid = 0 }, args = command, cwd = "/",
      env = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm" },
      capabilities = { bounding = caps(), effective = caps(), permitted = caps(),
        ambient = caps() },
      rlimits = { { type = "RLIMIT_NOFILE", hard = 1024, soft = 1024 } },
      noNewPrivileges = true,
    },
    root = { path = "rootfs", readonly = true },
    hostname = "bundle",
    mounts = {
      mount("/proc", "proc", "proc"),
      mount("/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" }),
      mount("/dev/pts", "devpts", "devpts",
        { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" }),
      mount("/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777",
        "size=65536k" }),
      mount("/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" }),
      mount("/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" }),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime",
        "ro" }),
    },
    linux = {
      resources = { devices = { { allow = false, access = "rwm" } } },
      namespaces = { { type = "pid" }, { type = "network" }, { type = "ipc" }, { type = "uts" },
        { type = "mount" }, { type = "cgroup" } },
      maskedPaths = { unpack(MASKED) }, readonlyPaths = { unpack(READONLY) },
    },
  }
end

---As `runc spec --rootless`: what only root may is left out.
---@param config table  changed
function M.rootless(config)
  local function id(name) return tonumber(run.run({ "id", name }).stdout) end
  config.linux.resources = nil
  config.linux.uidMappings = { { containerID = 0, hostID = id "-u", size = 1 } }
  config.linux.gidMappings = { { containerID = 0, hostID = id "-g", size = 1 } }
  local kept = {}
  for _, space in ipairs(config.linux.namespaces) do
    if space.type ~= "cgroup" then kept[#kept + 1] = space end
  end
  kept[#kept + 1] = { type = "user" }
  config.linux.namespaces = kept
  for i = #config.mounts, 1, -1 do
    local entry = config.mounts[i]
    if entry.type == "cgroup" then table.remove(config.mounts, i) end
    if entry.type == "devpts" then table.remove(entry.options) end
  end
end

---A mount of the config by its destination.
---@return table?
function M.find_mount(config, destination)
  for _, entry in ipairs(config.mounts) do
    if entry.destination == destination then return entry end
  end
end

local counter = 0

---A bundle in a new directory of `folder`: as root, or as this user can have it.
---@param folder string
---@param command string[]
---@param change fun(config: table, bundle: string)?
---@return string bundle
function M.make(folder, command, change)
  counter = counter + 1
  local bundle = ("%s/bundle-%d"):format(folder, counter)
  os.execute("mkdir -m 755 " .. run.quote(bundle))
  local config = M.config(command)
  if run.who() ~= "root" then M.rootless(config) end
  config.root.path = folder .. "/rootfs"
  if not run.read(folder .. "/rootfs/etc/passwd") then M.rootfs(folder .. "/rootfs") end
  if change then change(config, bundle) end
  run.write(bundle .. "/config.json", cjson.encode(config))
  return bundle
end

---Makes a bundle and runs it.
---@param folder string
---@param command string|string[]  a string is a script for sh -c
---@param change fun(config: table, bundle: string)?
---@param words string[]?     options of `tidelock run`
---@param options table?      of spec.support.run
---@return RunResult
---@return string bundle
function M.run(folder, command, change, words, options)
  if type(command) == "string" then command = { "sh", "-c", command } end
  local bundle = M.make(folder, command, change)
  local all = { "run", "--bundle", bundle }
  for _, word in ipairs(words or {}) do all[#all + 1] = word end
  return run.tl(all, options), bundle
end

return M
