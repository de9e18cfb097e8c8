local facts_of = require "tidelock.facts"

local function host(files, ids)
  local asked = {}
  local fake = {
    ids = function()
      asked[#asked + 1] = "ids"
      return ids or { uid = 0, euid = 0, gid = 0, egid = 0, groups = { 0 }, last_cap = 40,
        caps_effective = "0x1ffffffffff" }
    end,
    read = function(path)
      asked[#asked + 1] = path
      return files[path]
    end,
    environ = function() return { "A=1", "B=x=y", "A=2", "broken" } end,
    mkdir = function() return true end,
    range_lock = function(path, count)
      asked[#asked + 1] = path .. " " .. count
      return 3, "holder"
    end,
    rlimit = function() return "unlimited", 5 end,
  }
  return facts_of.new({ host = fake }, { state = "/state" }), asked
end

local WHOLE = "         0          0 4294967295\n"
local PASSWD = "root:x:0:0:root:/root:/bin/sh\nal:x:1000:1000:,,,:/home/al:/bin/sh\nbad:x:q::\n"

describe("facts", function()
  it("are read when they are asked for, and once", function()
    local facts, asked = host { ["/etc/passwd"] = PASSWD }
    assert.same({}, asked)
    assert.equal("/home/al", facts.passwd("al").home)
    assert.equal("al", facts.passwd(1000).name)
    assert.same({ "/etc/passwd" }, asked)
  end)

  it("know no user by half a name or a broken line", function()
    local facts = host { ["/etc/passwd"] = PASSWD }
    assert.is_nil(facts.passwd "a")
    assert.is_nil(facts.passwd(100))
    assert.is_nil(facts.passwd "bad")
    assert.is_nil(host({}).passwd "root")
  end)

  it("take the first of two variables with one name", function()
    local env = host({}).env
    assert.same({ A = "1", B = "x=y" }, env)
  end)

  it("call root privileged with the capabilities and the ids to make a range", function()
    local maps = { ["/proc/self/uid_map"] = WHOLE, ["/proc/self/gid_map"] = WHOLE }
    assert.is_true(host(maps).privileged)
    assert.is_false(host({ ["/proc/self/uid_map"] = "0 0 65536\n",
      ["/proc/self/gid_map"] = WHOLE }).privileged)
    local weak = { uid = 0, euid = 0, gid = 0, egid = 0, groups = {}, last_cap = 40,
      caps_effective = "0xc0" }
    assert.is_false(host(maps, weak).privileged)
  end)

  it("find the largest subordinate range, by name or number", function()
    assert.same({ start = 200, count = 9 }, facts_of.find_range("al:100:5\n1000:200:9\nbo:1:99\n",
      "al", 1000))
    assert.is_nil(facts_of.find_range("bo:1:99\n", "al", 1000))
    assert.is_nil(facts_of.find_range("al:100:0\n", "al", 1000))
  end)

  it("give each box a range of its own", function()
    local facts, asked = host {}
    assert.same({ base = 1879048192 + 3 * 65536, gid_base = 1879048192 + 3 * 65536, count = 65536 },
      facts.range())
    assert.equal("holder", facts.range_holder)
    assert.equal(facts.range(), facts.range())
    assert.equal("/state/ranges 4096", asked[#asked])
  end)

  it("take that range from root's subordinate ids if it has some", function()
    local facts = host { ["/etc/passwd"] = PASSWD, ["/etc/subuid"] = "root:500000:655360\n",
      ["/etc/subgid"] = "root:600000:655360\n" }
    local range = facts.range()
    assert.equal(500000 + 3 * 65536, range.base)
    assert.equal(600000 + 3 * 65536, range.gid_base)
  end)

  it("list the pathnames of unix sockets, sorted, without the abstract ones", function()
    local facts = host { ["/proc/net/unix"] = "Num RefCount Path\n"
      .. "0000: 2 0 10000 1 1 12 /run/b\n0000: 3 0 0 1 3 13 /run/a c\n0000: 3 0 0 1 3 14 @x\n"
      .. "0000: 3 0 0 1 3 15 /run/b\n0000: 3 0 0 1 3 15\n" }
    assert.same({ "/run/a c", "/run/b" }, facts.sockets())
  end)

  it("show an unlimited resource as infinite", function()
    local soft, hard = host({}).rlimit("core", 4)
    assert.equal(math.huge, soft)
    assert.equal(5, hard)
  end)
end)
