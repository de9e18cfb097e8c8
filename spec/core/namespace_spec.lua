-- core.namespace: unshare, setns, handles and id maps.
local box = require "spec.support.box"
local child = require "spec.support.child"
local core = require "tidelock.core"
local run = require "spec.support.run"

local namespace, process, host = core.namespace, core.process, core.host

local function link(name) return assert(host.readlink("/proc/self/ns/" .. name)) end

-- A child that stays until it is let go.
local function held(namespaces, before)
  local ready, tell = process.pipe()
  local wait, go = process.pipe()
  local kept = assert(process.child(function()
    ready:close()
    go:close()
    if before then before() end
    tell:write "x"
    tell:close()
    wait:read(1)
  end, namespaces))
  tell:close()
  wait:close()
  assert.equal("x", ready:read(1))
  ready:close()
  return kept, function()
    go:close()
    assert.equal(0, kept:wait(5).status)
    kept:close()
  end
end

describe("core.namespace.unshare", function()
  it("makes new ones and leaves those of the caller alone", function()
    local before = { uts = link "uts", net = link "net", ipc = link "ipc" }
    local inside = child.call(function()
      assert(namespace.unshare { "user", "uts", "network" })
      return { uts = link "uts", net = link "net", ipc = link "ipc" }
    end)
    assert.not_equal(before.uts, inside.uts)
    assert.not_equal(before.net, inside.net)
    assert.equal(before.ipc, inside.ipc)
    assert.equal(before.uts, link "uts")
  end)

  it("knows all eight, and files, fs and sysvsem", function()
    for _, name in ipairs { "cgroup", "ipc", "mount", "network", "pid", "time", "uts", "files",
      "fs", "sysvsem" } do
      assert.is_true((child.call(function() return namespace.unshare(name) end, { "user" })), name)
    end
    assert.is_true((child.call(function() return namespace.unshare "user" end)))
  end)

  it("gives errors as values", function()
    assert.same({ nil, "EPERM", 1 }, { child.call(function()
      assert(core.capability.capset { effective = {} })
      return namespace.unshare "uts"
    end, { "user" }) })
  end)

  it("refuses a name that is none, with the accepted ones", function()
    local _, message = pcall(namespace.unshare, { "uts", "net" })
    assert.matches('unshare: "net" is not accepted (accepted: cgroup, ipc, mount, network, pid,',
      message, 1, true)
    assert.has_error(function() namespace.unshare { user = true } end)
    assert.has_error(function() namespace.unshare() end)
    assert.has_error(function() namespace.unshare(5) end)
  end)
end)

describe("core.namespace.setns", function()
  it("joins by pidfd, those that are named", function()
    local one, release = held({ "user", "uts" }, function()
      assert(core.uts.sethostname "joined")
    end)
    local pidfd = process.pidfd_open(one:pid())
    local name, same = child.call(function()
      local net = link "net"
      assert(namespace.setns(pidfd, { "user", "uts" }))
      return core.uts.uname().nodename, net == link "net"
    end)
    assert.same({ "joined", true }, { name, same })
    pidfd:close()
    release()
  end)

  it("joins by a handle, which keeps the namespace alive", function()
    local one, release = held({ "user", "uts" }, function()
      assert(core.uts.sethostname "kept")
    end)
    local user = assert(namespace.open(one:pid(), "user"))
    local uts = assert(namespace.open(one:pid(), "uts"))
    release()
    local name = child.call(function()
      assert(namespace.setns(user))
      assert(namespace.setns(uts, "uts"))
      return core.uts.uname().nodename
    end)
    assert.equal("kept", name)
    user:close()
    uts:close()
  end)

  it("tells what cannot be joined", function()
    local own = namespace.open(nil, "user")
    assert.same({ nil, "EINVAL", 22 }, { namespace.setns(own) })
    local uts = namespace.open(nil, "uts")
    assert.same({ nil, "EINVAL", 22 }, { namespace.setns(uts, "ipc") })
    local null = process.open "/dev/null"
    assert.same({ nil, "EINVAL", 22 }, { namespace.setns(null) })
    for _, fd in ipairs { own, uts, null } do fd:close() end
    assert.has_error(function() namespace.setns(nil) end)
  end)
end)

describe("a handle of core.namespace.open", function()
  it("tells its type, its owner and its parent", function()
    local uid = core.identity.getresuid()
    local one, release = held { "user", "pid", "uts" }
    for _, name in ipairs { "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts" } do
      local fd = assert(namespace.open(one:pid(), name))
      assert.equal(name, namespace.nstype(fd))
      fd:close()
    end
    local uts = namespace.open(one:pid(), "uts")
    local owner = assert(namespace.userns(uts))
    local user = namespace.open(one:pid(), "user")
    assert.equal("user", namespace.nstype(owner))
    assert.equal(core.file.fstat(user).ino, core.file.fstat(owner).ino)
    assert.equal(uid, namespace.owner_uid(user))
    local parent, own = assert(namespace.parent(user)), namespace.open(nil, "user")
    assert.equal(core.file.fstat(own).ino, core.file.fstat(parent).ino)
    assert.same({ nil, "EINVAL", 22 }, { namespace.parent(uts) })
    assert.same({ nil, "EINVAL", 22 }, { namespace.owner_uid(uts) })
    for _, fd in ipairs { uts, owner, user, parent, own } do fd:close() end
    release()
  end)

  it("is refused for what does not exist", function()
    assert.same({ nil, "ENOENT", 2 }, { namespace.open(2 ^ 30, "uts") })
    assert.has_error(function() namespace.open(nil, "mnt") end)
    assert.has_error(function() namespace.open(0, "uts") end)
    local r, w = process.pipe()
    assert.same({ nil, "ENOTTY", 25 }, { namespace.nstype(r) })
    r:close()
    w:close()
  end)
end)

describe("id maps", function()
  local function fields(path)
    local rows = {}
    for a, b, c in run.read(path):gmatch("(%d+)%s+(%d+)%s+(%d+)") do
      rows[#rows + 1] = { tonumber(a), tonumber(b), tonumber(c) }
    end
    return rows
  end

  it("are written once, as rows or as text", function()
    local uid, gid = core.identity.getresuid(), core.identity.getresgid()
    local one, release = held { "user" }
    local pid = one:pid()
    assert.is_true(namespace.deny_setgroups(pid))
    assert.equal("deny\n", run.read("/proc/" .. pid .. "/setgroups"))
    assert.is_true(namespace.uid_map(pid, { { 7, uid, 1 } }))
    assert.is_true(namespace.gid_map(pid, ("7 %d 1\n"):format(gid)))
    assert.same({ { 7, uid, 1 } }, fields("/proc/" .. pid .. "/uid_map"))
    assert.same({ { 7, gid, 1 } }, fields("/proc/" .. pid .. "/gid_map"))
    assert.same({ nil, "EPERM", 1 }, { namespace.uid_map(pid, { { 7, uid, 1 } }) })
    release()
  end)

  it("of the caller itself, without a pid", function()
    local uid = core.identity.getresuid()
    local real, ino = child.call(function()
      assert(namespace.unshare "user")
      assert(namespace.uid_map(nil, { { 0, uid, 1 } }))
      return core.identity.getresuid()
    end)
    assert.same({ 0, 0 }, { real, ino })
  end)

  it("refuse what the kernel would, and rows that are none before it is asked", function()
    local one, release = held { "user" }
    assert.same({ nil, "EINVAL", 22 }, { namespace.uid_map(one:pid(), "nonsense") })
    assert.same({ nil, "EINVAL", 22 }, { namespace.uid_map(one:pid(), { { 0, 0, 0 } }) })
    for _, bad in ipairs { {}, { 1 }, { { 0, 1 } }, { { 0, -1, 1 } }, { { 0, "x", 1 } },
      { { 0, 1.5, 1 } }, { { 0, 2 ^ 32, 1 } } } do
      assert.has_error(function() namespace.uid_map(one:pid(), bad) end)
    end
    release()
    assert.same({ nil, "ENOENT", 2 }, { namespace.uid_map(2 ^ 30, "0 0 1") })
  end)

  it("by newuidmap and newgidmap, which ask /etc/subuid", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local folder = run.folder()
    run.write(folder .. "/ids", "root:300000:65536\n")
    run.write(folder .. "/s.lua", [[
      local core = require "tidelock.core"
      local r, w = core.process.pipe()
      local c = assert(core.process.child(function() w:close() r:read(1) end, { "user" }))
      local rows = { { 0, 300000, 1000 }, { 1000, 301000, 64536 } }
      print(core.namespace.newuidmap(c:pid(), rows), core.namespace.newgidmap(c:pid(), rows))
      for _, name in ipairs { "uid_map", "gid_map" } do
        io.write((io.open("/proc/" .. c:pid() .. "/" .. name):read("*a"):gsub(" +", " ")))
      end
      print(core.namespace.newuidmap(c:pid(), { { 0, 5, 1 } }))
      w:close()
      c:wait()]])
    local result = run.run(([[unshare --mount sh -c 'mount --bind %s/ids /etc/subuid &&
      mount --bind %s/ids /etc/subgid && luajit %s/s.lua 2>/dev/null']]):format(folder, folder,
      folder), { env = box.library() })
    run.remove(folder)
    assert.equal("true\ttrue\n" .. (" 0 300000 1000\n 1000 301000 64536\n"):rep(2)
      .. "nil\tEPERM\t1\n", result.stdout, result.stderr)
  end)
end)

describe("core.namespace.timens_offsets", function()
  it("moves the clocks of children", function()
    local before = process.clock()
    local inside = child.call(function()
      assert(namespace.unshare { "user", "time" })
      assert(namespace.timens_offsets(nil, { monotonic = 100000.5, boottime = -1.5 }))
      return (child.call(process.clock))
    end)
    assert(inside - before >= 100000.5 and inside - before < 100030, inside - before)
  end)

  it("refuses another clock", function()
    assert.has_error(function() namespace.timens_offsets(nil, { realtime = 1 }) end)
    assert.has_error(function() namespace.timens_offsets(nil) end)
  end)
end)
