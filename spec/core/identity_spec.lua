-- core.identity, core.rlimit and core.uts: who a process is and what it may use.
local child = require "spec.support.child"
local core = require "tidelock.core"
local run = require "spec.support.run"

local identity, rlimit, uts = core.identity, core.rlimit, core.uts

local function status(field)
  return run.read("/proc/self/status"):match("\n" .. field .. ":[ \t]*([^\n]*)")
end

describe("core.identity", function()
  it("tells the ids", function()
    local r, e, s = identity.getresuid()
    assert.equal(("%d\t%d\t%d"):format(r, e, s), status("Uid"):match("^%d+\t%d+\t%d+"))
    r, e, s = identity.getresgid()
    assert.equal(("%d\t%d\t%d"):format(r, e, s), status("Gid"):match("^%d+\t%d+\t%d+"))
    local listed = table.concat(identity.getgroups(), " ")
    assert.equal((status("Groups"):gsub("%s+$", "")), listed)
  end)

  it("changes them, those that are given", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local gids, uids, groups, back = child.call(function()
      assert(identity.setgroups { 10, 20, 4294967294 })
      assert(identity.setresgid(5, 6, 7))
      assert(identity.setresuid(nil, 1000, nil))
      local three = { identity.getresuid() }
      return { identity.getresgid() }, three, identity.getgroups(), identity.setresuid(nil, 0)
    end)
    assert.same({ 5, 6, 7 }, gids)
    assert.same({ 0, 1000, 0 }, uids)
    assert.same({ 10, 20, 4294967294 }, groups)
    assert.is_true(back)
    assert.same({ nil, "EPERM", 1 }, { child.call(function()
      assert(identity.setgroups {})
      assert(identity.setresuid(1000, 1000, 1000))
      return identity.setresuid(0)
    end) })
  end)

  it("gives errors as values: ids that are not mapped", function()
    assert.same({ nil, "EINVAL", 22 }, { child.call(function()
      return identity.setresuid(1234, 1234, 1234)
    end, { "user" }) })
    assert.same({ nil, "EPERM", 1 }, { child.call(function()
      return identity.setgroups { 0 }
    end, { "user" }) })
  end)

  it("refuses what is no id", function()
    for _, bad in ipairs { -1, 1.5, 2 ^ 32, 2 ^ 32 - 1, "x", {} } do
      assert.has_error(function() identity.setresuid(bad) end)
      assert.has_error(function() identity.setgroups { bad } end)
    end
    assert.has_error(function() identity.setgroups() end)
  end)

  it("personality reads and sets by name", function()
    assert.same({ "linux" }, identity.personality())
    local before, during, machine = child.call(function()
      local first = identity.personality { "linux32", "addr_no_randomize" }
      return first, identity.personality(), uts.uname().machine
    end)
    assert.same({ "linux" }, before)
    assert.same({ "addr_no_randomize", "linux32" }, during)
    assert.equal("i686", machine)
    assert.has_error(function() identity.personality "bsd" end)
  end)
end)

describe("core.rlimit.prlimit", function()
  it("reads, and sets what is given", function()
    local soft, hard = rlimit.prlimit(nil, "nofile")
    assert.same({ soft, hard }, { core.host.rlimit(7) })
    assert.same({ soft, hard, 100, hard, 100, 200 }, { child.call(function()
      local a, b = rlimit.prlimit(nil, "nofile", 100)
      local c, d = rlimit.prlimit(nil, "nofile", nil, 200)
      return a, b, c, d, rlimit.prlimit(nil, "nofile")
    end) })
    assert.same({ soft, hard }, { rlimit.prlimit(nil, "nofile") })
  end)

  it("knows unlimited, all 16 names and other processes", function()
    assert.same({ 0, "unlimited" }, { child.call(function()
      rlimit.prlimit(nil, "core", 0)
      return rlimit.prlimit(nil, "cpu") and 0, (select(2, rlimit.prlimit(nil, "cpu")))
    end) })
    for name in ("as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio "
      .. "rttime sigpending stack"):gmatch("%S+") do
      assert(rlimit.prlimit(nil, name), name)
    end
    local r, w = core.process.pipe()
    local other = core.process.child(function()
      w:close()
      r:read(1)
      return (rlimit.prlimit(nil, "nofile"))
    end)
    assert(rlimit.prlimit(other:pid(), "nofile", 77))
    w:close()
    assert.equal(77, other:wait(5).status)
  end)

  it("gives errors as values, and refuses what is none", function()
    assert.same({ nil, "EINVAL", 22 }, { rlimit.prlimit(nil, "nofile", 10, 5) })
    assert.same({ nil, "ESRCH", 3 }, { rlimit.prlimit(2 ^ 30, "nofile") })
    assert.has_error(function() rlimit.prlimit(nil, "RLIMIT_NOFILE") end)
    assert.has_error(function() rlimit.prlimit(nil, "nofile", "many") end)
    assert.has_error(function() rlimit.prlimit(nil, "nofile", -1) end)
  end)
end)

describe("core.uts", function()
  it("sets the names of its namespace", function()
    local before = uts.uname()
    local after = child.call(function()
      assert(uts.sethostname "host")
      assert(uts.setdomainname "domain")
      return uts.uname()
    end, { "user", "uts" })
    assert.same({ "host", "domain" }, { after.nodename, after.domainname })
    assert.same(before, uts.uname())
    assert.equal(run.run("uname -srvm").stdout, ("%s %s %s %s\n"):format(before.sysname,
      before.release, before.version, before.machine))
  end)

  it("gives errors as values", function()
    local long = ("x"):rep(65)
    assert.same({ nil, "EINVAL", 22 }, { child.call(function()
      return uts.sethostname(long)
    end, { "user", "uts" }) })
    assert.same({ nil, "EPERM", 1 }, { child.call(function()
      return uts.setdomainname "x"
    end, { "user" }) })
  end)
end)
