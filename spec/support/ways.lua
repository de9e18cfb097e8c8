-- The ways into a box, for attacks that are to fail by each of them: `run` by the command line,
-- `exec` into a box that stays, by Lua, and `bundle`, a directory with an OCI config.json.
--   for _, way in ipairs(ways.list()) do it("... in " .. way.name, function()
--     local result = way.run({ "sh", "-c", script }, { folder = folder, binds = ... })
local cjson = require "cjson"
local ffi = require "ffi"
local compile = require "spec.support.compile"
local run = require "spec.support.run"

local M = {}

ffi.cdef "int mkdir(const char *, unsigned), symlink(const char *, const char *);"

---@class WaySettings
---@field folder string       a scratch folder of the host that nothing in the box sees
---@field rootfs string?      the root; the host's programs if there is none, busybox in a bundle
---@field binds { [1]: string, [2]: string, readonly: boolean? }[]?  source, target
---@field overlay boolean?    a writable layer over the root; a bundle's root is read-only without
---@field caps string[]?      to add
---@field unfiltered boolean? no seccomp filter
---@field user string?        UID or UID:GID
---@field cwd string?         inside
---@field tty boolean?
---@field options string[]?   more of `tidelock run`, for run alone
---@field fields string?      more of the spec as Lua, for exec alone
---@field exec string?        more of what exec is given, as Lua
---@field config fun(config: table)?  changes the config.json
---@field host_cwd string?    where tidelock is started

---@class Way
---@field name "run"|"exec"|"bundle"
---@field words fun(command: string[], settings: WaySettings): string[]
---@field run fun(command: string[], settings: WaySettings, options: table?): RunResult

local function run_words(command, settings)
  local words = { run.tidelock, "run" }
  local function add(...)
    for _, word in ipairs { ... } do words[#words + 1] = word end
  end
  if settings.rootfs then add("--rootfs", settings.rootfs) end
  if settings.overlay then add("--overlay", settings.rootfs .. ":/") end
  for _, bind in ipairs(settings.binds or {}) do
    add("--bind", ("%s:%s%s"):format(bind[1], bind[2], bind.readonly and ":ro" or ""))
  end
  for _, name in ipairs(settings.caps or {}) do add("--cap-add", name) end
  if settings.caps then add "--force" end
  if settings.unfiltered then add("--seccomp", "none") end
  if settings.user then add("--user", settings.user) end
  if settings.cwd then add("-C", settings.cwd) end
  if settings.tty then add "-t" end
  add(unpack(settings.options or {}))
  add("--", unpack(command))
  return words
end

local function quoted(list)
  local words = {}
  for i, word in ipairs(list) do words[i] = ("%q"):format(word) end
  return table.concat(words, ", ")
end

local function spec_fields(settings)
  local out = {}
  local function add(text, ...) out[#out + 1] = text:format(...) end
  if settings.rootfs then add("rootfs = %q,", settings.rootfs) end
  if settings.overlay then add("tidelock.fs.overlay { %q, '/' },", settings.rootfs) end
  for _, bind in ipairs(settings.binds or {}) do
    add("tidelock.fs.bind { %q, %q, readonly = %s },", bind[1], bind[2],
      tostring(bind.readonly == true))
  end
  if settings.caps then
    add("capabilities = { add = { %s } }, force = true,", quoted(settings.caps))
  end
  if settings.unfiltered then add "seccomp = 'none'," end
  return table.concat(out, " ") .. (settings.fields or "")
end

-- The process's own user and directory are exec's: those of the box are what a box has.
local EXEC = [[
local tidelock = require "tidelock"
local box, err = tidelock.spec { %s }:start()
if not box then
  io.stderr:write("tidelock: ", tostring(err), "\n")
  os.exit(125)
end
local report = box:exec { %s }
if report.error then io.stderr:write("tidelock: ", report:why(), "\n") end
box:stop()
os.exit(report.reason == "setup" and 125 or report.status or 128 + report.signal)
]]

local counter = 0

local function fresh(settings, name)
  counter = counter + 1
  return ("%s/%s-%d"):format(settings.folder, name, counter)
end

local function exec_words(command, settings)
  local own = quoted(command)
  if settings.user then own = own .. (", user = %q"):format(settings.user) end
  if settings.cwd then own = own .. (", cwd = %q"):format(settings.cwd) end
  if settings.exec then own = own .. ", " .. settings.exec end
  local script = fresh(settings, "exec") .. ".lua"
  run.write(script, EXEC:format(spec_fields(settings), own))
  return { run.tidelock, script }
end

-- The applets that the specs use; busybox is static, so that it is all that a root needs.
local APPLETS = { "cat", "chmod", "echo", "find", "grep", "head", "id", "ln", "ls", "mkdir",
  "mount", "mv", "pwd", "readlink", "rm", "sed", "sh", "sleep", "stat", "touch", "true", "umount",
  "unshare" }

local DIRECTORIES = { "", "/attack", "/bin", "/dev", "/etc", "/mnt", "/out", "/proc", "/run",
  "/sys", "/tmp", "/usr", "/var" }

---A root for a box: busybox, and the directories that a bundle's mounts are on. Everything in it
---is for the spec to replace: whoever made the image made it.
---@param path string  made
---@return string path
function M.rootfs(path)
  for _, name in ipairs(DIRECTORIES) do
    local made = ffi.C.mkdir(path .. name, 493) -- 0755
    if made ~= 0 then error("cannot make " .. path .. name, 2) end
  end
  local copied = os.execute(("cp \"$(command -v busybox)\" %s/bin/busybox"):format(run.quote(path)))
  if copied ~= 0 then error("there is no busybox", 2) end
  for _, name in ipairs(APPLETS) do ffi.C.symlink("busybox", ("%s/bin/%s"):format(path, name)) end
  run.write(path .. "/etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
  run.write(path .. "/etc/group", "root:x:0:\n")
  return path
end

---A C program of spec/support, for /attack of a box.
---@param folder string
---@param name? string  "attack" unless given
---@return table bind
function M.tool(folder, name)
  name = name or "attack"
  os.execute("mkdir -p -m 755 " .. run.quote(folder .. "/tools"))
  compile.c("spec/support/" .. name .. ".c", folder .. "/tools/" .. name)
  return { folder .. "/tools", "/attack", readonly = true }
end

---The program naive, for the host.
---@param folder string
---@return string program
function M.naive(folder)
  return compile.c("spec/support/naive.c", folder .. "/naive", {})
end

local MASKED = { "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
  "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
  "/sys/firmware", "/proc/scsi" }
local READONLY = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" }
local CAPS = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE" }

local function mount(target, fstype, source, options)
  return { destination = target, type = fstype, source = source, options = options }
end

-- As `runc spec` writes it.
local function config_of(command)
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

-- As `runc spec --rootless`: what only root may is left out.
local function rootless(config)
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

local function apply(config, settings)
  for _, bind in ipairs(settings.binds or {}) do
    config.mounts[#config.mounts + 1] = mount(bind[2], "bind", bind[1],
      { "rbind", bind.readonly and "ro" or "rw" })
  end
  for _, name in ipairs(settings.caps or {}) do
    for _, set in pairs(config.process.capabilities) do set[#set + 1] = "CAP_" .. name end
  end
  if settings.user then
    local uid, gid = settings.user:match "^(%d+):?(%d*)$"
    config.process.user = { uid = tonumber(uid), gid = tonumber(gid ~= "" and gid or uid) }
  end
  config.process.cwd = settings.cwd or "/"
  config.process.terminal = settings.tty or false
  if settings.config then settings.config(config) end
end

-- Read-only in a bundle, and so one for all of a folder.
local function default_root(folder)
  local path = folder .. "/busybox-root"
  return run.read(path .. "/bin/busybox") and path or M.rootfs(path)
end

---A bundle for these settings.
---@param command string[]
---@param settings WaySettings
---@return string directory
function M.bundle(command, settings)
  local bundle = fresh(settings, "bundle")
  os.execute("mkdir -m 755 " .. run.quote(bundle))
  local config = config_of(command)
  if run.who() ~= "root" then rootless(config) end
  config.root.path = settings.rootfs or default_root(settings.folder)
  apply(config, settings)
  run.write(bundle .. "/config.json", cjson.encode(config))
  return bundle
end

local function bundle_words(command, settings)
  return { run.tidelock, "run", "--bundle", M.bundle(command, settings) }
end

local function way(name, words)
  return {
    name = name, words = words,
    run = function(command, settings, options)
      options = options or {}
      options.cwd = options.cwd or settings.host_cwd
      return run.run(words(command, settings), options)
    end,
  }
end

local all

---Every way there is; `bundle` where this tidelock knows it.
---@return Way[]
function M.list()
  if not all then
    all = { way("run", run_words), way("exec", exec_words) }
    if M.has_bundles() then all[3] = way("bundle", bundle_words) end
  end
  return all
end

---The ways on which tidelock chooses the filter: a bundle's is that of its config.json.
---@return Way[]
function M.filtered()
  return { M.list()[1], M.list()[2] }
end

---@return boolean
function M.has_bundles()
  return run.tl({ "run", "--help" }).stdout:find("%-%-bundle") ~= nil
end

return M
