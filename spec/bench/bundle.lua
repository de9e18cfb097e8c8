-- The bundles that are compared, in build/bench/bundles: what `crun spec` writes, as root and
-- without a user namespace, less two things that not every contestant can do on a hybrid host
-- (a mount of cgroup, rules for devices) and one that contradicts itself (ambient capabilities that
-- are not inheritable). A variant adds the engines' seccomp profile, limits, or
-- both; one with limits is made once for each loop of `parallel`, for its cgroup has a name.
local harness = require "bench.harness"
local json = require "tidelock.json"
local profile = require "bench.profile"

local M = {}

M.CGROUP = "box-bench-" -- and the number of the loop
M.LOOPS = 2
-- cgroups v1; spec/bench/bundle_floor.c has the same.
M.LIMITS = {
  memory = { limit = 268435456 }, pids = { limit = 64 }, cpu = { quota = 100000, period = 100000 },
}
M.KEPT = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE" }

M.variants = {
  { name = "plain" },
  { name = "seccomp", seccomp = true },
  { name = "cgroup", cgroup = true },
  { name = "cgroup+seccomp", cgroup = true, seccomp = true },
}

local function mount(destination, kind, source, ...)
  return { destination = destination, type = kind, source = source,
    options = select("#", ...) > 0 and { ... } or nil }
end

local MOUNTS = {
  mount("/proc", "proc", "proc"),
  mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
  mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
    "mode=0620", "gid=5"),
  mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
  mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
  mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
}

local MASKED = {
  "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
  "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
}
local READONLY = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" }

local function linux(variant, engine, loop)
  return {
    namespaces = { { type = "pid" }, { type = "network" }, { type = "ipc" }, { type = "uts" },
      { type = "mount" } },
    maskedPaths = MASKED, readonlyPaths = READONLY,
    seccomp = variant.seccomp and engine or nil,
    resources = variant.cgroup and M.LIMITS or nil,
    cgroupsPath = variant.cgroup and "/" .. M.CGROUP .. loop or nil,
  }
end

local function config(rootfs, args, linux_part)
  return {
    ociVersion = "1.0.0",
    process = {
      terminal = false, user = { uid = 0, gid = 0 }, args = args, cwd = "/",
      env = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm" },
      capabilities = { bounding = M.KEPT, effective = M.KEPT, permitted = M.KEPT,
        inheritable = json.array {}, ambient = json.array {} },
      rlimits = { { type = "RLIMIT_NOFILE", hard = 1024, soft = 1024 } },
      noNewPrivileges = true,
    },
    root = { path = rootfs, readonly = true },
    hostname = "bench",
    mounts = MOUNTS,
    linux = linux_part,
  }
end

local function make_rootfs(rootfs, workload)
  local good = os.execute(harness.quote { "sh", "-euc", [[
    mkdir -p "$1/bin" "$1/proc" "$1/dev" "$1/sys"
    cp "$2" "$1/bin/true"
    cp "$(command -v busybox)" "$1/bin/busybox"
  ]], "sh", rootfs, workload })
  assert(good == 0 or good == true, "the root file system cannot be made")
end

---Writes rootfs, bundles and the engines' filter.
---@param build string
---@param probe string[] the command of the bundles that show what is in a container
---@return table made { rootfs, filter, dir = function(variant, probe) } the name may have a {p}
function M.make(build, probe)
  local top = harness.absolute(build) .. "/bench"
  local rootfs, filter = top .. "/rootfs", top .. "/engine.bpf"
  local engine = profile.engine()
  profile.compile(engine, filter)
  make_rootfs(rootfs, top .. "/true")
  -- Of a bench that was stopped: the floor does not take what is there already.
  os.execute(("rmdir /sys/fs/cgroup/*/%s* 2>/dev/null"):format(M.CGROUP))
  local function write(name, text)
    local dir = top .. "/bundles/" .. name
    os.execute(harness.quote { "mkdir", "-p", dir })
    harness.write(dir .. "/config.json", text .. "\n")
  end
  for _, variant in ipairs(M.variants) do
    for loop = 0, M.LOOPS - 1 do
      local linux_part = linux(variant, engine, loop)
      local name = variant.name .. "." .. loop
      write(name, json.encode(config(rootfs, { "/bin/true" }, linux_part), true))
      write("probe." .. name, json.encode(config(rootfs, probe, linux_part), true))
    end
  end
  local function dir(variant, probing)
    return ("%s/bundles/%s%s.{p}"):format(top, probing and "probe." or "", variant.name)
  end
  return { rootfs = rootfs, filter = filter, dir = dir }
end

return M
