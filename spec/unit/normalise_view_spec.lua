local fake = require "spec.golden.fake_host"

local function entry(norm, target, kind)
  local found
  for _, mount in ipairs(norm.mounts) do
    if mount.target == target and (not kind or mount.kind == kind) then found = mount end
  end
  return found
end

local function has(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

describe("the system view", function()
  local norm = fake.norm {}

  it("shows the system's directories read-only, links as links, and nothing that is not there",
    function()
    assert.is_true(entry(norm, "/usr").readonly)
    assert.equal("usr/bin", entry(norm, "/bin").to)
    assert.is_nil(entry(norm, "/lib32"))
    assert.is_nil(entry(norm, "/srv"))
  end)

  it("never idmaps the system's directories", function()
    local root = fake.norm({}, fake.root { cwd = "/srv/data" })
    assert.is_falsy(entry(root, "/etc").idmap)
    assert.is_true(entry(root, "/srv/data").idmap)
  end)

  it("binds a link's directory when the link leads out of what is shown", function()
    local facts = fake.new { nodes = { ["/opt"] = { type = "link", mode = 511,
      to = "/srv/data" } } }
    assert.equal("bind", entry(fake.norm({}, facts), "/opt").kind)
  end)

  it("gives the caller an empty home of mode 0700", function()
    assert.equal("mode=700", entry(norm, "/home/alice", "tmpfs").data)
  end)

  it("gives another user's home to that user", function()
    local other = fake.norm({ user = "alice" }, fake.root())
    assert.equal("mode=700,uid=1000,gid=1000", entry(other, "/home/alice", "tmpfs").data)
    assert.is_nil(entry(other, "/root", "tmpfs"))
  end)

  it("mounts no home over what is shown anyway", function()
    local other = fake.norm({ user = "games" }, fake.root())
    assert.equal("/usr/games", other.user.home)
    assert.is_nil(entry(other, "/usr/games"))
  end)

  it("checks the device nodes by the kernel's numbers", function()
    assert.equal(0x103, entry(norm, "/dev/null").rdev)
    assert.equal(0x500, entry(norm, "/dev/tty").rdev)
  end)

  it("sets gid 5 on ptys only where that gid is mapped", function()
    assert.is_nil(entry(norm, "/dev/pts").data:find("gid=5", 1, true))
    assert.matches(",gid=5", entry(fake.norm({}, fake.root()), "/dev/pts").data, 1, true)
  end)

  it("hides what the engines hide, and leaves to its own mode what that closes anyway", function()
    assert.equal("mask", entry(norm, "/proc/keys").kind)
    assert.equal("mask", entry(norm, "/sys/firmware").kind)
    assert.is_nil(entry(norm, "/proc/kcore"))
    assert.equal("readonly", entry(norm, "/proc/sys").kind)
    assert.is_nil(entry(norm, "/proc/timer_list"))
  end)

  it("hides those too where the box's root is the host's", function()
    local root = fake.norm({}, fake.root { privileged = false })
    assert.equal("mask", entry(root, "/proc/kcore").kind)
    assert.equal("readonly", entry(root, "/proc/sysrq-trigger").kind)
  end)

  it("mounts parents before children", function()
    local seen = {}
    for _, mount in ipairs(norm.mounts) do
      for target in pairs(seen) do
        assert.is_nil(target:find(mount.target .. "/", 1, true),
          mount.target .. " after " .. target)
      end
      if mount.kind ~= "mask" and mount.kind ~= "readonly" then seen[mount.target] = true end
    end
  end)

  it("lists what is writable", function()
    assert.same({ "/dev", "/dev/shm", "/home/alice", "/run", "/tmp", "/var/tmp" }, norm.writable)
  end)
end)

describe("the network's part of the view", function()
  it("is a sysfs and a mqueue of one's own in one's own namespaces", function()
    assert.equal("sysfs", entry(fake.norm {}, "/sys").kind)
    assert.equal("mqueue", entry(fake.norm {}, "/dev/mqueue").kind)
  end)

  it("is the host's /sys, read-only, with the host's network", function()
    local sys = entry(fake.norm { net = "host" }, "/sys")
    assert.equal("bind", sys.kind)
    assert.is_true(sys.readonly)
  end)

  it("has no mqueue with the host's ipc", function()
    assert.is_nil(entry(fake.norm { share = { "ipc" } }, "/dev/mqueue"))
  end)

  it("brings the file behind /etc/resolv.conf with the host's network", function()
    local bind = entry(fake.norm { net = "host" }, "/run/resolver/resolv.conf")
    assert.equal("/run/resolver/resolv.conf", bind.source)
    assert.is_true(bind.readonly)
    assert.is_nil(entry(fake.norm {}, "/run/resolver/resolv.conf"))
  end)
end)

describe("the current directory", function()
  local function start(cwd, fields, who)
    who = who or {}
    who.cwd = cwd
    return fake.norm(fields or {}, fake.new(who))
  end

  it("is bound read-only at its own path", function()
    local norm = start "/home/alice/src"
    assert.equal("/home/alice/src", norm.cwd)
    assert.is_true(entry(norm, "/home/alice/src").readonly)
  end)

  for _, cwd in ipairs { "/", "/home/alice", "/run", "/tmp", "/var/tmp", "/var", "/home",
    "/dev" } do
    it("is not bound when it is " .. cwd, function()
      local norm = start(cwd)
      assert.equal("/home/alice", norm.cwd)
      assert.matches("starting in $HOME", norm.notes[1].text, 1, true)
      assert.matches("the current directory " .. cwd .. " ", norm.notes[1].text, 1, true)
    end)
  end

  it("may lie below /tmp or in $HOME", function()
    assert.equal("/tmp/job", start("/tmp/job").cwd)
    assert.is_truthy(entry(start "/tmp/job", "/tmp/job"))
  end)

  it("needs no bind where it is shown already", function()
    local norm = start "/usr/bin"
    assert.equal("/usr/bin", norm.cwd)
    assert.is_nil(entry(norm, "/usr/bin"))
  end)

  it("is writable when --rw says so", function()
    local norm = start("/home/alice/src", { fs = { { kind = "rw", source = ".", at = "--rw" } } })
    assert.is_false(entry(norm, "/home/alice/src").readonly)
    assert.is_true(has(norm.writable, "/home/alice/src"))
  end)

  it("given with -C becomes the bound one", function()
    local norm = start("/tmp", { cwd = "../srv/data" })
    assert.equal("/srv/data", norm.cwd)
    assert.is_true(entry(norm, "/srv/data").readonly)
    assert.same({}, norm.notes)
  end)

  it("given with -C may be a place that is only in the box", function()
    local norm = start("/srv/data", {
      cwd = "/work", fs = { { kind = "bind", source = "/srv/data", target = "/work",
        readonly = true } },
    })
    assert.equal("/work", norm.cwd)
    assert.is_nil(entry(norm, "/srv/data"))
  end)

  it("given with -C may be /tmp", function()
    assert.equal("/tmp", start("/srv/data", { cwd = "/tmp" }).cwd)
  end)

  it("given with -C must be a directory", function()
    assert.matches('cwd: "/nowhere" is not a directory inside the box',
      fake.refusal { cwd = "/nowhere" }, 1, true)
    assert.matches("is not a directory", fake.refusal { cwd = "Makefile" }, 1, true)
  end)

  it("gives way to a mount of the user's", function()
    local norm = start("/srv/data", { fs = { { kind = "tmpfs", target = "/srv" } } })
    assert.equal("/home/alice", norm.cwd)
    assert.matches("another mount covers it", norm.notes[1].text, 1, true)
  end)

  it("is not bound where the box's root cannot pass", function()
    local norm = fake.norm({ view = "host" }, fake.root {
      cwd = "/root/x", nodes = { ["/root/x"] = { type = "dir", mode = 493 } },
    })
    assert.matches("/root is closed to the box", norm.notes[1].text, 1, true)
  end)
end)

describe("other views", function()
  it("none has /dev, /proc, /sys, /tmp and the home, and starts in /", function()
    local norm = fake.norm { view = "none" }
    assert.equal("/", norm.cwd)
    assert.is_nil(entry(norm, "/usr"))
    assert.is_truthy(entry(norm, "/proc"))
  end)

  it("host is the whole host, read-only, with its sockets listed", function()
    local norm = fake.norm { view = "host" }
    assert.same({ kind = "tree", source = "/", readonly = true, origin = "ci.lua:1" }, norm.root)
    assert.same({ "/home/alice/src/agent.sock", "/run/bus", "/tmp/.X11" }, norm.sockets)
    assert.is_true(fake.norm({ view = "host" }).root.readonly)
  end)

  it("a rootfs is the root, read-only and idmapped, with our own /proc, /dev, /sys", function()
    local norm = fake.norm({ rootfs = "/images/debian" }, fake.root())
    assert.equal("none", norm.view)
    assert.is_true(norm.root.idmap)
    assert.is_true(norm.root.readonly)
    assert.equal("/", norm.cwd)
    assert.is_truthy(entry(norm, "/dev/pts"))
    assert.is_nil(entry(norm, "/run"))
    assert.matches("/run is not mounted", norm.notes[1].text, 1, true)
  end)

  it("a rootfs can be made writable, for real or for a while", function()
    local rw = fake.norm { rootfs = "/images/debian", fs = { { kind = "rw", source = "/" } } }
    assert.is_false(rw.root.readonly)
    assert.equal("/", rw.writable[1])
    local over = fake.norm { rootfs = "/images/debian",
      fs = { { kind = "overlay", source = "/images/debian", target = "/", size = 1024 } } }
    assert.is_true(over.root.overlay)
    assert.is_true(over.root.readonly)
  end)

  it("a rootfs must be there, be a directory, and not be the host's root", function()
    assert.matches('rootfs: "/nowhere" does not exist', fake.refusal { rootfs = "/nowhere" }, 1,
      true)
    assert.matches("is not a directory", fake.refusal { rootfs = "/etc/passwd" }, 1, true)
    assert.matches("is the host's own root", fake.refusal { rootfs = "/" }, 1, true)
    assert.matches("has no meaning with a rootfs",
      fake.refusal { rootfs = "/images/debian", view = "system" }, 1, true)
  end)
end)

describe("what the kernel will not mount anew", function()
  -- /sys/firmware is covered, as container engines do it.
  local function covered()
    local facts = fake.new()
    local lstat = facts.lstat
    function facts.lstat(path)
      local stat = lstat(path)
      if path == "/sys/firmware" then stat.dev = 2 end
      return stat
    end
    function facts.hidden(fstype) return { cause = "a part of " .. fstype .. " is covered" } end
    return facts
  end

  it("is the host's /sys, read-only, and a note says so", function()
    local norm = fake.norm({}, covered())
    local sys = entry(norm, "/sys")
    assert.same({ "bind", "/sys", true, true }, { sys.kind, sys.source, sys.readonly, sys.noexec })
    local notes = {}
    for i, note in ipairs(norm.notes) do notes[i] = note.text end
    assert.matches("a part of sysfs is covered", table.concat(notes, "\n"), 1, true)
  end)

  it("is asked for only where something is covered", function()
    local facts = fake.new()
    function facts.hidden() error "asked" end
    assert.equal("sysfs", entry(fake.norm({}, facts), "/sys").kind)
  end)

  it("is not needed where the user hides it", function()
    local norm = fake.norm { fs = { { kind = "hide", target = "/proc/", at = "ci.lua:1" },
      { kind = "hide", target = "/sys", at = "ci.lua:2" } } }
    for _, target in ipairs { "/proc", "/sys" } do
      assert.is_nil(entry(norm, target, "proc") or entry(norm, target, "sysfs"))
      assert.equal("dir", entry(norm, target, "dir").kind)
      assert.equal("mask", entry(norm, target).kind)
    end
  end)
end)
