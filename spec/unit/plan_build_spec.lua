local fake = require "spec.golden.fake_host"
local build = require("tidelock.plan.build").build
local core = require "tidelock.core"

local function plan(fields, facts, options)
  fields.command = fields.command or { "true" }
  return build(fake.norm(fields, facts), options)
end

local function index(ops, name, after)
  for i = (after or 0) + 1, #ops do
    if ops[i].op == name then return i end
  end
end

local function names(ops, from, to)
  local list = {}
  for i = from, to do list[#list + 1] = ops[i].op end
  return table.concat(list, " ")
end

local ALL = {
  root = function() return fake.root { cwd = "/srv/data" } end, user = fake.new,
    subids = fake.subids,
}

local KINDS = {
  default = {}, host = { net = "host", view = "host", share = { "ipc", "uts", "cgroup" } },
  rootfs = { rootfs = "/images/debian", user = "worker" },
  rw = { fs = { { kind = "rw", source = "/home/alice/src" }, { kind = "hide",
    target = "/etc/passwd" } } },
  bare = { view = "none", init = false, seccomp = "none", fs = { { kind = "remove",
    target = "/dev" } } },
}

describe("a plan", function()
  for who, facts in pairs(ALL) do
    for kind, fields in pairs(KINDS) do
      it("of " .. kind .. " for " .. who .. " is one that init accepts", function()
        local copy = {}
        for name, value in pairs(fields) do copy[name] = value end
        local good, why = pcall(fake.norm, copy, facts())
        -- A user of the rootfs needs more ids than a lone caller has: that one maps to it.
        assert.is_true(good, tostring(why))
        local ops, given = plan(copy, facts())
        assert.is_true(core.plan.check(core.plan.pack(ops, { given = #given })))
        local stepped = plan(copy, facts(), { step = true })
        assert.is_true(core.plan.check(core.plan.pack(stepped, { given = #given })))
      end)
    end
  end

  it("opens every source before the first mount", function()
    local ops = plan({}, fake.root())
    local barrier = index(ops, "barrier")
    for i = barrier, #ops do assert.is_falsy(ops[i].op:find("^open_")) end
  end)

  it("drops the groups, takes its ids, then clears what it inherited", function()
    local ops = plan({}, fake.root())
    local at = index(ops, "barrier")
    assert.equal("barrier setgroups setresgid setresuid ambient capset pdeathsig dumpable",
      names(ops, at, at + 7))
    assert.equal(0, ops[at + 5].inheritable)
    assert.equal(2 ^ 41 - 1, ops[at + 5].permitted)
  end)

  it("opens a terminal as the user who is to have it, before the filter", function()
    assert.is_nil(index(plan({}, fake.root()), "open_pty"))
    local ops, given = plan({ tty = true }, fake.root())
    local at = index(ops, "open_pty")
    assert.same({ 24, 80, 0 }, { ops[at].rows, ops[at].columns, #given })
    assert(index(ops, "setsid") < at and index(ops, "no_new_privs") < at)
    assert(at < index(ops, "close_fds") and at < index(ops, "seccomp"))
    local second = index(ops, "setresuid", index(ops, "setresuid"))
    assert(not second or second < at)
  end)

  it("denies setgroups before the gid map of a lone caller", function()
    local ops = plan {}
    local at = index(ops, "deny_setgroups")
    assert.equal("deny_setgroups write_map write_map", names(ops, at, at + 2))
    assert.equal(1, ops[at + 1].kind)
    assert.is_nil(index(ops, "setgroups"))
  end)

  it("has the helpers write the maps of subordinate ids", function()
    local ops = plan({}, fake.subids())
    assert.equal(1, ops[index(ops, "write_map")].helper)
    assert.is_nil(index(ops, "deny_setgroups"))
  end)

  it("idmaps by the parent, and binds the mapped tree as it is", function()
    local ops = plan({}, fake.root { cwd = "/srv/data" })
    local tree, map = ops[index(ops, "open_tree")], ops[index(ops, "idmap_mount")]
    assert.equal("host", tree.lane)
    assert.equal("parent", map.lane)
    assert.equal(7, map.attr)
    local bind = ops[#ops]
    for _, op in ipairs(ops) do
      if op.op == "bind" and op.target == "/srv/data" then bind = op end
    end
    assert.equal(tree.slot, bind.slot)
    assert.equal(1, bind.tree)
    assert.equal(0, bind.attr)
  end)

  it("checks the nodes of /dev", function()
    local ops = plan {}
    for _, op in ipairs(ops) do
      if op.op == "open_path" and op.path == "/dev/null" then
        assert.equal(3, op.expect)
        assert.equal(0x103, op.rdev)
      elseif op.op == "bind" and op.path == "/dev/null" then
        assert.equal(1 + 2 + 8, op.attr)
      end
    end
  end)

  it("masks before it lets go of the old root, and seals its own root last", function()
    local ops = plan {}
    assert.is_true(index(ops, "mask") < index(ops, "pivot"))
    assert.equal("pivot detach_old seal_root setsid", names(ops, index(ops, "pivot"),
      index(ops, "setsid")))
    assert.is_nil(index(plan { view = "host" }, "seal_root"))
  end)

  it("takes the lower tree and the layer of an overlay root away with the old root", function()
    local ops = plan { rootfs = "/images/debian",
      fs = { { kind = "overlay", source = "/images/debian", target = "/" } } }
    local at = index(ops, "pivot")
    assert.equal("pivot detach_old detach_old detach_old setsid", names(ops, at, at + 4))
  end)

  it("ends in the common end", function()
    local ops = plan { rlimits = { core = 0 } }
    assert.equal("setsid umask chdir drop_bounding capset pdeathsig no_new_privs settle"
      .. " close_fds rlimit sigmask seccomp exec", names(ops, index(ops, "setsid"), #ops))
  end)

  it("brings the loopback device up beside the rest where there is an init", function()
    local ops = plan {}
    local at = index(ops, "fork")
    assert.equal("dumpable fork link_up root_tmpfs", names(ops, at - 1, at + 2))
    assert.equal("beside", ops[at + 1].lane)
    local alone = plan { init = false }
    assert.is_nil(index(alone, "fork"))
    assert.is_nil(index(alone, "settle"))
    assert.equal("child", alone[index(alone, "link_up")].lane)
    assert.is_nil(index(plan { net = "host" }, "link_up"))
  end)

  it("becomes another user with the groups dropped and the capabilities kept", function()
    local ops = plan({ user = "games", capabilities = { add = { "CHOWN" } } }, fake.root())
    local at = index(ops, "drop_bounding")
    assert.equal("drop_bounding keepcaps setgroups setresgid setresuid capset ambient pdeathsig",
      names(ops, at, at + 7))
    assert.equal(60, ops[at + 3].gid)
    assert.equal(5, ops[at + 4].uid)
    assert.equal(1, ops[at + 5].inheritable)
    assert.equal(1, ops[at + 6].raise)
  end)

  it("leaves nothing inheritable to the box's root", function()
    local ops = plan({ capabilities = { add = { "CHOWN" } } }, fake.root())
    local last
    for _, op in ipairs(ops) do
      if op.op == "capset" then last = op end
    end
    assert.equal(0, last.inheritable)
    assert.equal(1, last.permitted)
  end)

  it("leaves lo, the host name and the namespaces alone when they are the host's", function()
    local ops = plan { net = "host", share = { "uts", "ipc", "cgroup" } }
    assert.is_nil(index(ops, "link_up"))
    assert.is_nil(index(ops, "sethostname"))
    assert.equal(0x00020000 + 0x20000000 + 0x10000000, ops[index(ops, "clone")].flags)
  end)

  it("has an origin and a stage for every operation", function()
    for _, op in ipairs(plan { fs = { { kind = "tmpfs", target = "/x", at = "ci.lua:3" } } }) do
      assert.is_string(op.at)
      assert.is_string(op.stage)
    end
  end)
end)

describe("descriptors in a plan", function()
  local function dups(ops)
    local list = {}
    for _, op in ipairs(ops) do
      if op.op == "dup" then list[#list + 1] = op.slot .. ">" .. op.fd end
    end
    return table.concat(list, " ")
  end

  it("are the streams first, then what is passed", function()
    local ops, given = plan { stdout = "capture", stdin = "null", pass_fds = { { fd = 5,
      target = 3 } } }
    assert.equal("0>0 1>1 2>3", dups(ops))
    assert.same({ { use = "stdin" }, { use = "stdout" }, { use = "pass", fd = 5, target = 3 } },
      given)
    assert.is_true(index(ops, "close_fds") < index(ops, "dup", index(ops, "close_fds")))
  end)

  it("never close a slot that is still needed", function()
    for _, targets in ipairs { { 16, 17, 18 }, { 18, 17, 3 }, { 17, 30, 16 }, { 17, 30 },
      { 16 }, { 17, 16 } } do
      local pass = {}
      for i, target in ipairs(targets) do pass[i] = { fd = i + 2, target = target } end
      local ops = plan { pass_fds = pass }
      local closed = {}
      for _, op in ipairs(ops) do
        if op.op == "dup" then
          assert.is_nil(closed[op.slot + 16])
          if op.fd ~= op.slot + 16 then closed[op.fd] = true end
        end
      end
    end
  end)
end)

describe("operations and hooks of the user's own", function()
  local function own(at) return { at = at, op = "sysctl", fields = { name = "a.b", value = "1" },
    origin = "ci.lua:" .. at } end

  it("stand at their stages", function()
    local ops = plan {
      hooks = { { at = "created", call = print, name = "two", origin = "ci.lua:2" },
        { at = "prepare", call = print, origin = "ci.lua:1" }, { at = "stopped", call = print } },
      ops = { own "confine", own "mounts", own "root" },
    }
    local first, second = index(ops, "hook"), index(ops, "hook", index(ops, "clone"))
    assert.equal("host", ops[first].lane)
    assert.equal(2, ops[first].index)
    assert.equal("parent", ops[second].lane)
    assert.is_true(second < index(ops, "barrier"))
    local mounts = index(ops, "sysctl")
    local root = index(ops, "sysctl", mounts)
    local confine = index(ops, "sysctl", root)
    assert.is_true(mounts < index(ops, "pivot") and index(ops, "detach_old") < root)
    assert.is_true(root < index(ops, "seal_root") and index(ops, "chdir") < confine)
    assert.is_true(confine < index(ops, "drop_bounding"))
    assert.is_true(index(ops, "private_proc") < mounts)
    assert.is_truthy(core.plan.pack(ops, { given = 0 }))
  end)
end)

describe("a plan with pauses", function()
  it("stops before each operation of the child, until it gives up the link", function()
    local plain, ops = plan {}, plan({}, nil, { step = true })
    local last, id = nil, 0
    for i, op in ipairs(ops) do
      if op.op == "reach" or op.op == "barrier" then
        assert.equal(id + 1, op.id)
        id, last = op.id, i
      end
    end
    assert.is_true(#ops > #plain + 100)
    assert.equal("barrier close_fds sigmask seccomp exec", names(ops, last, #ops))
  end)

  it("stops before any one, with a hook of the launcher's between", function()
    local plain = plan {}
    for i = 1, index(plain, "close_fds") do
      local ops = plan({}, nil, { pause_at = i })
      local hook = index(ops, "hook")
      assert.equal(0, ops[hook].index)
      assert.is_truthy(core.plan.pack(ops, { given = 0 }))
      if plain[i].lane == "child" and plain[i].op ~= "barrier" then
        assert.equal("reach hook barrier " .. plain[i].op, names(ops, hook - 1, hook + 2))
      else
        assert.equal("hook " .. plain[i].op, names(ops, hook, hook + 1))
      end
    end
  end)

  it("cannot stop after the link is closed", function()
    assert.has_error(function() plan({}, nil, { pause_at = #plan {} }) end)
    assert.has_error(function() plan({}, nil, { pause_at = 1000 }) end)
    local ops = plan({ pass_fds = { { fd = 5, target = 12 } } }, nil, { step = true })
    local last = index(ops, "dup")
    for i = last, #ops do assert.is_falsy(ops[i].op == "barrier") end
  end)
end)
