-- Writes engine-config.json, the config.json of an engine's container: podman's fields, with the
-- default seccomp profile resolved for its default capabilities on x86_64. From Debian's package
-- golang-github-containers-common (0.50.1+ds1-4), in the top folder, after make:
--
--   LUA_PATH='lua/?.lua;;' luajit spec/support/oci/engine_config.lua \
--     /usr/share/containers/seccomp.json > spec/support/oci/engine-config.json
local cjson = require "cjson"
local json = require "tidelock.json"

local profile = cjson.decode(assert(io.open(arg[1], "rb")):read("*a"))

local CAPABILITIES = {
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}
local ARCHES = { amd64 = true }

local held = {}
for _, name in ipairs(CAPABILITIES) do held[name] = true end

local function any(list, set)
  for _, name in ipairs(list or {}) do
    if set[name] then return true end
  end
  return false
end

local function all(list, set)
  for _, name in ipairs(list or {}) do
    if not set[name] then return false end
  end
  return true
end

-- As the engines resolve a profile: an excluded word leaves the rule out, all capabilities that are
-- included must be held, and one of the architectures must be this one.
local function applies(rule)
  local excludes, includes = rule.excludes or {}, rule.includes or {}
  if any(excludes.arches, ARCHES) or any(excludes.caps, held) then return false end
  if includes.arches and includes.arches[1] and not any(includes.arches, ARCHES) then
    return false
  end
  return all(includes.caps, held)
end

local function resolve()
  local syscalls = {}
  for _, rule in ipairs(profile.syscalls) do
    if applies(rule) then
      local args = type(rule.args) == "table" and rule.args[1] and {} or nil
      for i, arg in ipairs(args and rule.args or {}) do
        args[i] = { index = arg.index, value = arg.value, op = arg.op,
          valueTwo = arg.valueTwo ~= 0 and arg.valueTwo or nil }
      end
      syscalls[#syscalls + 1] = { names = rule.names, action = rule.action, args = args,
        errnoRet = rule.errnoRet }
    end
  end
  return {
    defaultAction = profile.defaultAction, defaultErrnoRet = profile.defaultErrnoRet,
    architectures = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" },
    syscalls = syscalls,
  }
end

local RUN = "/run/containers/storage/overlay-containers/8f1c2e/userdata"

local function mount(destination, kind, source, ...)
  return { destination = destination, type = kind, source = source, options = { ... } }
end

local function namespaces(...)
  local list = {}
  for i, name in ipairs { ... } do list[i] = { type = name } end
  return list
end

io.write(json.encode {
  ociVersion = "1.0.2-dev",
  process = {
    terminal = false, user = { uid = 0, gid = 0, umask = 18, additionalGids = { 0 } },
    args = { "/bin/sh", "-c", "echo hello" }, cwd = "/", noNewPrivileges = false,
    env = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
      "container=podman", "HOME=/root", "HOSTNAME=8f1c2ea0b3d4" },
    capabilities = { bounding = CAPABILITIES, effective = CAPABILITIES, permitted = CAPABILITIES },
    rlimits = {
      { type = "RLIMIT_NOFILE", hard = 1048576, soft = 1048576 },
      { type = "RLIMIT_NPROC", hard = 4194304, soft = 4194304 },
    },
    oomScoreAdj = 0,
  },
  root = { path = "/var/lib/containers/storage/overlay/8f1c2e/merged" },
  hostname = "8f1c2ea0b3d4",
  mounts = {
    mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
    mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
    mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
    mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
      "mode=0620", "gid=5"),
    mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", "rprivate", "nosuid", "noexec", "nodev",
      "relatime", "ro"),
    mount("/dev/shm", "bind", "/var/lib/containers/storage/overlay-containers/8f1c2e/shm", "bind",
      "rprivate", "nosuid", "noexec", "nodev"),
    mount("/etc/resolv.conf", "bind", RUN .. "/resolv.conf", "bind", "rprivate"),
    mount("/etc/hosts", "bind", RUN .. "/hosts", "bind", "rprivate"),
    mount("/run/.containerenv", "bind", RUN .. "/.containerenv", "bind", "rprivate"),
    mount("/etc/hostname", "bind", RUN .. "/hostname", "bind", "rprivate"),
  },
  annotations = {
    ["io.container.manager"] = "libpod", ["io.podman.annotations.autoremove"] = "FALSE",
    ["org.opencontainers.image.stopSignal"] = "15",
  },
  linux = {
    sysctl = { ["net.ipv4.ping_group_range"] = "0 0" },
    resources = {
      devices = { { allow = false, access = "rwm" } },
      memory = { limit = 536870912, swap = 1073741824 },
      cpu = { quota = 200000, period = 100000 },
      pids = { limit = 2048 },
    },
    cgroupsPath = "/machine.slice/libpod-8f1c2e",
    namespaces = namespaces("pid", "network", "ipc", "uts", "mount", "cgroup"),
    seccomp = resolve(),
    maskedPaths = { "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
      "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
      "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block" },
    readonlyPaths = { "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
      "/proc/sysrq-trigger" },
  },
}, "\n")
