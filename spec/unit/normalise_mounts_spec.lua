local fake = require "spec.golden.fake_host"

local function find(norm, target)
  local found, place
  for i, mount in ipairs(norm.mounts) do
    if mount.target == target then found, place = mount, i end
  end
  return found, place
end

local function with(fields, ...)
  fields.fs = { ... }
  for i, entry in ipairs(fields.fs) do entry.at = entry.at or "ci.lua:" .. i end
  return fields
end

local function bind(source, target, readonly)
  return { kind = "bind", source = source, target = target, readonly = readonly ~= false }
end

local function tmpfs(target, size)
  return { kind = "tmpfs", target = target, size = size }
end

describe("a bind", function()
  it("is relative to the caller's directory and knows a file from a directory", function()
    local norm = fake.norm(with({}, bind("build", "/out"), bind("Makefile", "/in/Makefile")))
    assert.equal("/home/alice/src/build", find(norm, "/out").source)
    assert.is_true(find(norm, "/out").recursive)
    assert.is_true(find(norm, "/in/Makefile").file)
    assert.equal("ci.lua:1", find(norm, "/out").origin)
  end)

  it("is idmapped in a range, a read-only one too, but never a device", function()
    local norm = fake.norm(with({}, bind("/srv/data", "/d"), bind("/dev/kvm", "/dev/kvm", false)),
      fake.root())
    assert.is_true(find(norm, "/d").idmap)
    assert.is_false(find(norm, "/dev/kvm").idmap)
    assert.is_true(find(norm, "/dev/kvm").device)
    assert.is_false(find(fake.norm(with({}, bind("/srv/data", "/d"))), "/d").idmap)
  end)

  it("opens a linked source by its path", function()
    assert.equal("/srv/link", find(fake.norm(with({}, bind("/srv/link", "/d"))), "/d").source)
  end)

  it("needs a source", function()
    local message = fake.refusal(with({}, bind("nowhere", "/d")))
    assert.matches('fs.bind: "nowhere" does not exist on the host', message, 1, true)
    assert.matches("asked for at ci.lua:1", message, 1, true)
    local optional = bind("nowhere", "/d")
    optional.optional = true
    assert.is_nil(find(fake.norm(with({}, optional)), "/d"))
  end)

  for target, why in pairs {
    ["d"] = "is not absolute", ["/a/../b"] = "climbs with ..",
      ["/"] = "is the root of the box itself",
    ["/proc/sys"] = "lies in /proc", ["/usr/share/new"] = "there is no /usr/share",
    ["/etc/passwd"] = "is a file in the box, and the source is a directory",
  } do
    it("is refused on " .. target, function()
      assert.matches(why, fake.refusal(with({}, bind("/srv/data", target))), 1, true)
    end)
  end

  it("makes no directory in a directory of the host", function()
    assert.matches("there is no /home/alice/src/new, and nothing may be made there", fake.refusal(
      with({}, { kind = "rw", source = "." }, bind("/srv/data", "/home/alice/src/new/d"))), 1, true)
  end)

  it("follows the box's own links to its target", function()
    local norm = fake.norm(with({}, bind("/srv/data/file", "/var/run/file")))
    assert.is_truthy(find(norm, "/run/file"))
  end)
end)

describe("the order of mounts", function()
  it("is parents first, system before user, and as given among equals", function()
    local norm = fake.norm(with({}, tmpfs "/b/c", tmpfs "/a/c", bind("/srv/data", "/z")))
    local _, deep1 = find(norm, "/b/c")
    local _, deep2 = find(norm, "/a/c")
    local _, flat = find(norm, "/z")
    local _, system = find(norm, "/tmp")
    assert.is_true(system < flat and flat < deep1 and deep1 < deep2)
  end)

  it("lets the later of two on one target win", function()
    local norm = fake.norm(with({}, tmpfs("/x", 1), tmpfs("/x", 2)))
    assert.equal(2, find(norm, "/x").size)
    assert.equal("mode=1777,size=2", find(norm, "/x").data)
  end)

  it("lets a mount of the user's replace a default and what lies below it", function()
    local norm = fake.norm(with({}, bind("/srv/data", "/dev")))
    assert.equal("/srv/data", find(norm, "/dev").source)
    assert.is_nil(find(norm, "/dev/pts"))
    assert.same({}, norm.notes)
  end)

  it("takes a default away", function()
    local norm = fake.norm(with({}, { kind = "remove", target = "/dev/shm" }))
    assert.is_nil(find(norm, "/dev/shm"))
    assert.is_truthy(find(norm, "/dev/null"))
  end)

  it("refuses to cover an earlier mount and names both lines", function()
    local message = fake.refusal(with({}, tmpfs "/x/y", tmpfs "/x"))
    assert.matches("would cover /x/y, which is mounted before it at ci.lua:1", message, 1, true)
    assert.matches("asked for at ci.lua:2", message, 1, true)
  end)
end)

describe("a writable directory", function()
  local function rw(source, all, fields, facts)
    return fake.norm(with(fields or {}, { kind = "rw", source = source, all = all }), facts)
  end
  local src = "/home/alice/src"

  it("keeps the files that run outside read-only, and .git where it is", function()
    local norm = rw(".", false)
    assert.is_false(find(norm, src .. "/.git").readonly)
    assert.is_true(find(norm, src .. "/.git/hooks").readonly)
    assert.is_true(find(norm, src .. "/.git/config").readonly)
    assert.is_true(find(norm, src .. "/ci.lua").readonly)
    assert.same({ src .. "/.git/config", src .. "/.git/hooks", src .. "/ci.lua" }, norm.protected)
  end)

  it("is kept safe down to the current directory", function()
    local facts = fake.new { cwd = src .. "/build" }
    local norm = rw("/home/alice/src", false, {}, facts)
    assert.is_true(find(norm, src .. "/.git/hooks").readonly)
    norm = rw("/home", false, { force = true }, facts)
    assert.is_true(find(norm, src .. "/.git/hooks").readonly)
    assert.is_false(find(norm, src .. "/.git").readonly)
  end)

  it("watches names that are not there, and links", function()
    assert.same({ src .. "/.envrc", src .. "/.git/commondir", src .. "/.git/config.worktree",
      src .. "/.git/modules", src .. "/.vscode" }, rw(".", false).watch)
    assert.is_nil(find(rw(".", false), src .. "/.envrc"))
  end)

  it("keeps nothing with all", function()
    local norm = rw(".", true)
    assert.same({}, norm.protected)
    assert.is_nil(find(norm, src .. "/.git"))
  end)

  it("yields to a mount of the user's on a kept file", function()
    local norm = fake.norm(with({}, { kind = "rw", source = "." }, { kind = "rw",
      source = "ci.lua" }))
    assert.is_false(find(norm, src .. "/ci.lua").readonly)
  end)

  it("is never / or $HOME by a slip", function()
    assert.matches('fs.rw: "/" is the whole host', fake.refusal(with({}, { kind = "rw",
      source = "/" })),
      1, true)
    assert.matches("is your home directory",
      fake.refusal(with({}, { kind = "rw", source = "/home/alice" })), 1, true)
    local message = fake.refusal(with({}, { kind = "rw", source = "../.." }))
    assert.matches("holds your home directory /home/alice", message, 1, true)
    assert.matches("--force", message, 1, true)
  end)

  it("may be $HOME, and / of the host view, by force", function()
    assert.is_false(find(rw("/home/alice", true, { force = true }), "/home/alice").readonly)
    local norm = rw("/", false, { force = true, view = "host" })
    assert.is_false(norm.root.readonly)
    assert.matches("is not part of the view", fake.refusal(
      with({ force = true }, { kind = "rw", source = "/" })), 1, true)
  end)
end)

describe("an overlay", function()
  it("lies over a read-only bind and is writable", function()
    local norm = fake.norm(with({}, { kind = "overlay", source = "build", target = "/b",
      size = 4096 }))
    assert.same({ "/b" }, { norm.writable[1] })
    assert.equal("overlay", find(norm, "/b").kind)
    assert.equal(4096, find(norm, "/b").size)
  end)

  it("needs a directory", function()
    assert.matches("is not a directory",
      fake.refusal(with({}, { kind = "overlay", source = "Makefile", target = "/b" })), 1, true)
  end)

  it("on / needs a root to lie over", function()
    assert.matches("needs a root directory",
      fake.refusal(with({}, { kind = "overlay", source = "/images/debian", target = "/" })), 1,
        true)
  end)

  it("has room for mounts that its directory has not", function()
    local norm = fake.norm(with({}, { kind = "overlay", source = "build", target = "/b" },
      tmpfs "/b/new/dir"))
    assert.is_truthy(find(norm, "/b/new/dir"))
  end)
end)

describe("host sockets", function()
  it("below the current directory and the user's binds are listed by their path inside", function()
    assert.same({ "/home/alice/src/agent.sock" }, fake.norm({}).sockets)
    local norm = fake.norm(with({}, bind("/run/bus", "/bus")))
    assert.same({ "/bus", "/home/alice/src/agent.sock" }, norm.sockets)
  end)

  it("that are hidden or covered are not", function()
    local hidden = with({}, { kind = "hide", target = "/home/alice/src/agent.sock" })
    assert.same({}, fake.norm(hidden).sockets)
    assert.same({}, fake.norm(with({}, bind("/etc/passwd", "/home/alice/src/agent.sock"))).sockets)
  end)
end)

describe("hide", function()
  it("comes after all mounts", function()
    local norm = fake.norm(with({}, { kind = "hide", target = "/etc/passwd" }))
    local entry, place = find(norm, "/etc/passwd")
    assert.equal("mask", entry.kind)
    assert.equal(#norm.mounts, place)
  end)

  it("of what is not there is said and skipped", function()
    local norm = fake.norm(with({}, { kind = "hide", target = "/run/docker.sock" }))
    assert.is_nil(find(norm, "/run/docker.sock"))
    assert.matches("nothing to hide", norm.notes[1].text, 1, true)
  end)
end)
