-- What doctor and the hints of run read: mountinfo, limits, subordinate ids; and its two outputs.
local cause = require "tidelock.probe.cause"
local doctor = require "tidelock.doctor"
local fake = require "spec.golden.fake_host"
local fault = require "tidelock.fault"
local mountinfo = require "tidelock.mountinfo"

local ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
local PROC = "22 27 0:21 / /proc rw,nosuid,relatime shared:12 - proc proc rw\n"
local SYS = "23 27 0:22 / /sys ro,relatime - sysfs sysfs ro\n"

local function hidden(text, fstype)
  local found = mountinfo.hidden(mountinfo.parse(text), fstype)
  return found and found.why
end

-- A host of files, with ids.
local function host(files, ids)
  return {
    read = function(path) return files[path] end,
    readlink = function(path) return path == "/proc/self/exe" and "/opt/tidelock" or nil end,
    ids = function() return ids or { euid = 1000, egid = 1000 } end,
    stat = function(path) return files[path] and { mode = files[path].mode or 420 } or nil end,
  }
end

describe("mountinfo", function()
  it("is read with its escapes and optional fields", function()
    local list = mountinfo.parse(ROOT .. PROC
      .. "31 27 0:28 /a\\040b /my\\040place\\134x rw shared:1 master:2 - tmpfs a rw,mode=755\n"
      .. "broken line\n")
    assert.equal(3, #list)
    assert.same({ id = "22", parent = "27", root = "/", target = "/proc", type = "proc",
      options = "rw,nosuid,relatime", super = "rw" }, list[2])
    assert.same({ "/a b", "/my place\\x", "tmpfs", "rw,mode=755" },
      { list[3].root, list[3].target, list[3].type, list[3].super })
    assert.same({}, mountinfo.parse "")
    assert.equal("plain", mountinfo.unescape "plain")
  end)

  it("tells an option from the beginning of another", function()
    assert.is_true(mountinfo.has("ro,relatime", "ro"))
    assert.is_false(mountinfo.has("rw,root=1", "ro"))
  end)

  it("shows a procfs that is there in full", function()
    assert.is_nil(hidden(ROOT .. PROC, "proc"))
    -- What is mounted on a directory that is empty for ever hides nothing.
    assert.is_nil(hidden(PROC .. "40 22 0:30 / /proc/sys/fs/binfmt_misc rw - autofs x rw\n",
      "proc"))
    assert.is_nil(hidden(SYS .. "40 23 0:30 / /sys/fs/cgroup rw - cgroup2 x rw\n"
      .. "41 23 0:31 / /sys/kernel/security rw - securityfs x rw\n", "sysfs"))
  end)

  it("names what covers a part of it", function()
    local masked = PROC .. "40 22 0:30 / /proc/acpi ro - tmpfs tmpfs ro\n"
    assert.equal("/proc/acpi is covered by a mount of tmpfs", hidden(masked, "proc"))
    assert.equal("/proc/acpi is covered by a mount of tmpfs (and 1 more)",
      hidden(masked .. "41 22 0:21 /sys /proc/sys ro - proc proc rw\n", "proc"))
    -- Another one that is whole is enough, wherever it is.
    assert.is_nil(hidden(masked .. "50 27 0:40 / /mnt rw,relatime - proc proc rw\n", "proc"))
    -- A part of one is not.
    assert.is_string(hidden(masked .. "50 27 0:40 /sys /mnt rw,relatime - proc proc rw\n", "proc"))
    assert.equal("/sys/firmware is covered by a mount of tmpfs",
      hidden(SYS .. "40 23 0:30 / /sys/firmware ro - tmpfs tmpfs ro\n", "sysfs"))
  end)

  it("names flags that a new one would not have", function()
    assert.equal("/proc is mounted read-only",
      hidden("22 27 0:21 / /proc ro,relatime - proc proc rw\n", "proc"))
    assert.equal("/proc is mounted read-only",
      hidden("22 27 0:21 / /proc rw,relatime - proc proc ro\n", "proc"))
    assert.equal("/proc is mounted without relatime",
      hidden("22 27 0:21 / /proc rw,noatime - proc proc rw\n", "proc"))
    assert.is_nil(hidden(SYS, "sysfs")) -- the box's own is read-only too
    assert.equal("no whole proc is mounted here", hidden(ROOT, "proc"))
  end)
end)

describe("a cause", function()
  local function of(files, code, ids)
    local found = cause.namespaces({ host = host(files, ids) }, { "user", "uts", "network" }, code)
    return found and cause.text(found)
  end
  local MAPS = { ["/proc/self/uid_map"] = "0 0 4294967295\n",
    ["/proc/self/gid_map"] = "0 0 4294967295\n", ["/proc/self/mountinfo"] = ROOT }
  local function with(files)
    for name, text in pairs(MAPS) do files[name] = files[name] or text end
    return files
  end

  it("is the limit that is 0", function()
    assert.equal("user.max_user_namespaces is 0 here: sysctl -w user.max_user_namespaces=15000",
      of({ ["/proc/sys/user/max_user_namespaces"] = "0\n" }, "ENOSPC"))
    assert.equal("user.max_net_namespaces is 0 here: sysctl -w user.max_net_namespaces=15000",
      of({ ["/proc/sys/user/max_user_namespaces"] = "9\n",
        ["/proc/sys/user/max_net_namespaces"] = "0\n" }, "ENOSPC"))
  end)

  it("is Debian's sysctl, for those who are not root", function()
    local files = with { ["/proc/sys/kernel/unprivileged_userns_clone"] = "0\n" }
    assert.equal("kernel.unprivileged_userns_clone is 0: "
      .. "sysctl -w kernel.unprivileged_userns_clone=1", of(files, "EPERM"))
    assert.not_matches("unprivileged", of(files, "EPERM", { euid = 0, egid = 0 }))
  end)

  it("is AppArmor's restriction, for those who are not root", function()
    local files = with { ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n" }
    local text = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    assert.matches("^AppArmor lets no unprivileged .* is 1%): ", of(files, "EPERM"))
    assert.matches(text, of(files, "EACCES"), 1, true)
    assert.matches('\\nprofile tidelock "/opt/tidelock" flags=(unconfined) { userns, }\\n',
      of(files, "EACCES"), 1, true)
    assert.not_matches("AppArmor", of(files, "EPERM", { euid = 0, egid = 0 }))
    assert.is_nil(cause.apparmor(host {}))
  end)

  it("is an id that is not mapped, a chroot, a filter, a security module", function()
    assert.matches("^the caller's ids, 1000 and 1000, are not mapped",
      of(with { ["/proc/self/uid_map"] = "0 1000 1\n" }, "EPERM"))
    assert.matches("^this process is in a chroot", of(with { ["/proc/self/mountinfo"] = PROC },
      "EPERM"))
    local filter = with { ["/proc/self/status"] = "Name:\tx\nSeccomp:\t2\n" }
    assert.matches("^a user namespace is refused by a filter of system calls", of(filter, "EPERM"))
    assert.matches("^clone3%(2%) is refused by a filter", of(filter, "ENOSYS"))
    assert.matches("security module %(lockdown,selinux%)",
      of(with { ["/sys/kernel/security/lsm"] = "lockdown,selinux" }, "EPERM"))
    assert.matches("which one is unknown", of(with {}, "EPERM"))
  end)

  it("is a user namespace that was not asked for", function()
    assert.matches("^namespaces without a user namespace .* SYS_ADMIN",
      cause.text(cause.namespaces({ host = host {} }, { "mount", "pid" }, "EPERM")))
  end)

  it("is an old kernel, or one built without", function()
    assert.equal("this kernel has no clone3(2): Linux 5.12", of({}, "ENOSYS"))
    assert.equal("this kernel has no network namespaces: a kernel with CONFIG_NET_NS",
      of({ ["/proc/self/ns/user"] = {}, ["/proc/self/ns/uts"] = {} }, "EINVAL"))
    assert.is_nil(of({}, "ENOMEM"))
  end)

  it("is a line that is missing, with a range that nobody has", function()
    local facts = fake.new()
    facts.read = function(path)
      return path == "/etc/subuid" and "bob:100000:65536\neve:165536:65536\n" or nil
    end
    assert.equal("alice has no line in /etc/subuid: usermod --add-subuids 231072-296607"
      .. " --add-subgids 231072-296607 alice", cause.text(cause.subids(facts)))
    facts.passwd = function() return nil end
    assert.equal("1000 has no line in /etc/subuid: echo 1000:231072:65536 | tee -a /etc/subuid"
      .. " /etc/subgid", cause.text(cause.subids(facts)))
    assert.is_nil(cause.subids(fake.subids()))
    assert.equal("newuidmap and newgidmap are not installed: apt-get install uidmap",
      cause.text(cause.subids(fake.subids { nodes = { ["/usr/bin/newgidmap"] = false } })))
  end)

  it("is a helper that has no rights", function()
    local both = { ["/usr/bin/newuidmap"] = { mode = 493 },
      ["/usr/bin/newgidmap"] = { mode = 2541 } }
    assert.equal("/usr/bin/newuidmap is not set-uid root, and was refused:"
      .. " chmod u+s /usr/bin/newuidmap", cause.text(cause.helpers(host(both))))
    both["/proc/self/status"] = "x\nNoNewPrivs:\t1\n"
    assert.matches("^no_new_privs is set", cause.helpers(host(both)).cause)
    assert.matches("apt%-get install uidmap", cause.text(cause.helpers(host {})))
  end)

  it("is a controller that is not there, or not the caller's", function()
    local facts = fake.new()
    assert.is_nil(cause.limits(facts, "memory"))
    facts.cgroups = { version = 1, v1 = {} }
    assert.equal("the memory controller (cgroup v1) is not mounted: mkdir -p /sys/fs/cgroup/memory"
      .. " && mount -t cgroup -o memory none /sys/fs/cgroup/memory",
      cause.text(cause.limits(facts, "memory")))
    facts.cgroups = { v1 = {} }
    assert.matches("no cgroup file system is mounted", cause.limits(facts, "cpus").cause)
    facts.cgroups = { version = 2, v1 = {}, v2 = { mount = "/sys/fs/cgroup",
      dir = "/sys/fs/cgroup" } }
    assert.matches("a kernel with CONFIG_CGROUP_PIDS", cause.limits(facts, "pids").remedy)
    facts.read = function(path) return path:find("controllers$") and "pids\n" or nil end
    facts.writable = function() return false end
    assert.matches("Delegate=yes", cause.limits(facts, "pids").remedy)
  end)

  it("is the hint of an operation that failed", function()
    local norm = fake.norm { command = { "true" } }
    local function hint(op, code, call)
      return fault.explain({ index = 1, code = code, errno = 1, call = call }, { op }, norm).hint
    end
    assert.matches("fs%.mount%-max is %d+: sysctl %-w fs%.mount%-max=%d+",
      hint({ op = "mount", lane = "child", target = "/x", fstype = "tmpfs", flags = 0 }, "ENOSPC",
        "mount"))
    assert.matches("limit of processes", hint({ op = "clone", lane = "host", flags = 0 }, "EAGAIN"))
  end)
end)

describe("the output of doctor", function()
  local found = { works = false, cause = "a\27b", checks = {
    { group = "kernel", name = "release", status = "ok", value = "Linux" },
    { group = "mounts", name = "proc", status = "fail", value = "no", cause = "a\27b",
      remedy = "do" },
  } }

  it("is one line for each, and a verdict", function()
    assert.equal([[
ok    kernel      release               Linux
fail  mounts      proc                  no
      cause: a\x1bb
      remedy: do

tidelock run does not work here: a\x1bb
]], doctor.text(found))
    assert.equal("\ntidelock run works here\n", doctor.text { works = true, checks = {} })
  end)

  it("is JSON with the same", function()
    local data = require("cjson").decode(doctor.json(found))
    assert.same({ false, "a\27b" }, { data.works, data.cause })
    assert.same(found.checks, data.checks)
    assert.matches('"checks": %[%]', doctor.json { works = true, checks = {} })
  end)
end)

describe("what doctor --repair removed", function()
  local removed = {
    { kind = "process", what = "12", name = "9-1-1", gone = true },
    { kind = "cgroup", what = "/sys/fs/cgroup/a\27b", name = "9-1-1", gone = false, why = "EBUSY" },
    { kind = "file", what = "/s/boxes/9-2-1.json", name = "9-2-1", gone = false,
      why = "is a link" },
  }

  it("is one line for each thing", function()
    assert.equal([[
removed process 12
could not remove cgroup /sys/fs/cgroup/a\x1bb: EBUSY
left file /s/boxes/9-2-1.json: is a link
]], doctor.repair_text(removed))
    assert.equal("nothing is left of a sandbox whose tidelock was killed\n", doctor.repair_text {})
  end)

  it("is JSON with the same", function()
    local data = require("cjson").decode(doctor.repair_json(removed, false))
    assert.same({ clean = false, removed = removed }, data)
    assert.matches('"removed": %[%]', doctor.repair_json({}, true))
  end)
end)
