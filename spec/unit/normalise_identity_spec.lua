local fake = require "spec.golden.fake_host"

describe("the identity of a box", function()
  it("is uid 0 in a range of its own for a privileged root", function()
    local norm = fake.norm({}, fake.root())
    assert.equal("range", norm.identity.mode)
    assert.equal("0 1879048192 65536", norm.identity.uid_map)
    assert.equal("0 1879048192 65536", norm.identity.gid_map)
    assert.is_true(norm.identity.setgroups)
    assert.same({ uid = 0, gid = 0, name = "root", home = "/root", groups = {} }, norm.user)
  end)

  it("is the caller's own id, alone, for an ordinary caller", function()
    local norm = fake.norm({})
    assert.equal("self", norm.identity.mode)
    assert.equal("1000 1000 1", norm.identity.uid_map)
    assert.is_false(norm.identity.setgroups)
    assert.equal("alice", norm.user.name)
  end)

  it("is one id for a root that may not map more", function()
    local norm = fake.norm({}, fake.root { privileged = false })
    assert.equal("self", norm.identity.mode)
    assert.equal("0 0 1", norm.identity.uid_map)
  end)

  it("uses subordinate ids only where they are needed", function()
    assert.equal("self", fake.norm({ command = { "true" } },
      fake.subids { groups = { 1000 } }).identity.mode)
    -- A box that stays may be asked for another user later.
    assert.equal("subids", fake.norm({}, fake.subids { groups = { 1000 } }).identity.mode)
    assert.equal("subids", fake.norm({}, fake.subids()).identity.mode)
    assert.equal("subids", fake.norm({ user = "5" },
      fake.subids { groups = { 1000 } }).identity.mode)
  end)

  it("lays the subordinate ids around the caller's own", function()
    local identity = fake.norm({}, fake.subids()).identity
    assert.equal("0 100000 1000\n1000 1000 1\n1001 101000 64536", identity.uid_map)
    assert.is_true(identity.helper)
    assert.is_true(identity.setgroups)
  end)

  it("maps a small range below a larger own id", function()
    local range = { start = 100000, count = 10 }
    local facts = fake.subids { subuid = range, subgid = range }
    assert.equal("0 100000 10\n1000 1000 1", fake.norm({}, facts).identity.uid_map)
  end)

  it("does without the helpers where they are missing", function()
    local facts = fake.subids { nodes = { ["/usr/bin/newuidmap"] = false } }
    assert.equal("self", fake.norm({}, facts).identity.mode)
  end)
end)

describe("the user", function()
  it("1 is uid 1, never 0:0", function()
    local norm = fake.norm({ user = "1" }, fake.root())
    assert.equal(1, norm.user.uid)
    assert.equal(1, norm.user.gid)
  end)

  it("takes the group of a known user, and a group of its own when one is given", function()
    assert.equal(60, fake.norm({ user = "5" }, fake.root()).user.gid)
    assert.equal(60, fake.norm({ user = "games" }, fake.root()).user.gid)
    assert.equal(999, fake.norm({ user = "games:docker" }, fake.root()).user.gid)
    assert.equal(100, fake.norm({ user = "5:100" }, fake.root()).user.gid)
  end)

  it("is looked up in the rootfs when there is one", function()
    local norm = fake.norm({ user = "worker", rootfs = "/images/debian" }, fake.root())
    assert.equal(33, norm.user.uid)
    assert.equal("/work", norm.user.home)
    assert.matches("alice. is not a user in the rootfs's /etc/passwd",
      fake.refusal({ user = "alice", rootfs = "/images/debian" }, fake.root()))
  end)

  it("maps to the caller where only one id can be mapped", function()
    local identity = fake.norm({ user = "0" }).identity
    assert.equal("0 1000 1", identity.uid_map)
  end)

  for text, why in pairs {
    ["01"] = "has a leading zero", ["1x"] = "is not a number", ["4294967295"] = "is larger",
    ["99999999999"] = "is larger", ["1:"] = "is not a user", [":1"] = "is not a user",
    ["1:2:3"] = "is not a user", [""] = "is not a user", ["1:0x2"] = "is not a number",
    ["nobody-knows"] = "is not a user in the host's /etc/passwd",
    ["alice:nobody"] = "is not a group in the host's /etc/group",
  } do
    it("refuses " .. text, function()
      local message = fake.refusal({ user = text }, fake.root())
      assert.matches(why, message, 1, true)
      assert.matches("asked for at ci.lua:1", message, 1, true)
    end)
  end

  it("says of unknown names that directory services are not asked", function()
    assert.matches("directory service", fake.refusal { user = "nobody-knows" })
  end)

  it("refuses what the maps do not hold", function()
    assert.matches("70000. is outside the box's range of ids %(accepted: a [ug]id below 65536%)",
      fake.refusal({ user = "big" }, fake.root()))
    assert.matches("is outside the caller's subordinate ids", fake.refusal({ user = "big" },
      fake.subids()))
  end)
end)

describe("supplementary groups", function()
  it("are named when they stay", function()
    local norm = fake.norm({}, fake.new { groups = { 1000, 999 } })
    assert.same({ "drop-groups" }, norm.not_enforced)
    assert.matches("the supplementary groups 999(docker) stay", norm.notes[1].text, 1, true)
  end)

  it("fail closed when it is required that they go", function()
    local facts = fake.new { groups = { 1000, 999 } }
    assert.matches("cannot be met: the supplementary groups 999(docker) cannot be dropped",
      fake.refusal({ require = { "drop-groups" } }, facts), 1, true)
  end)

  it("go where the kernel lets them", function()
    for _, facts in ipairs { fake.subids(), fake.root { groups = { 0, 999 } }, fake.new() } do
      local norm = fake.norm({ require = { "drop-groups" } }, facts)
      assert.same({}, norm.not_enforced)
      assert.same({ "drop-groups" }, norm.enforced)
    end
  end)
end)
