-- core.capability: five sets by name, compared with what the kernel shows.
local child = require "spec.support.child"
local core = require "tidelock.core"
local names = require "tidelock.capability"
local run = require "spec.support.run"

local capability = core.capability

-- /proc/self/status as capget gives it.
local function shown()
  local fields = { effective = "Eff", permitted = "Prm", inheritable = "Inh", bounding = "Bnd",
    ambient = "Amb" }
  local sets, text = {}, run.read "/proc/self/status"
  for set, field in pairs(fields) do
    local high, low = text:match("Cap" .. field .. ":%s*(%x%x%x%x%x%x%x%x)(%x%x%x%x%x%x%x%x)")
    local list = {}
    for bit = 0, 63 do
      local half = tonumber(bit < 32 and low or high, 16)
      if math.floor(half / 2 ^ (bit % 32)) % 2 == 1 then list[#list + 1] = names.names[bit] end
    end
    sets[set] = list
  end
  return sets
end

describe("core.capability", function()
  it("capget gives all five sets by name", function()
    assert.same(shown(), capability.capget())
  end)

  it("capset sets those that are given, exactly, and leaves the others", function()
    local after, seen = child.call(function()
      assert(capability.capset {
        bounding = { "CHOWN", "KILL", "NET_ADMIN" },
        permitted = { "CHOWN", "cap_net_admin", "CAP_KILL" },
        effective = { "kill" },
        inheritable = { "CHOWN" },
        ambient = { "CHOWN" },
      })
      return capability.capget(), shown()
    end, { "user" })
    assert.same({
      bounding = { "CHOWN", "KILL", "NET_ADMIN" }, permitted = { "CHOWN", "KILL", "NET_ADMIN" },
      effective = { "KILL" }, inheritable = { "CHOWN" }, ambient = { "CHOWN" },
    }, after)
    assert.same(after, seen)
    local second = child.call(function()
      assert(capability.capset { effective = {} })
      assert(capability.capset { inheritable = {} })
      return capability.capget()
    end, { "user" })
    assert.same({}, second.effective)
    assert(#second.permitted > 30)
  end)

  it("what has left comes back in no set", function()
    for _, set in ipairs { "permitted", "bounding" } do
      assert.same({ nil, "EPERM", 1 }, { child.call(function()
        assert(capability.capset {
          bounding = set == "bounding" and {} or nil, effective = {}, permitted = {},
        })
        return capability.capset { [set] = { "CHOWN" } }
      end, { "user" }) })
    end
    assert.same({ nil, "EPERM", 1 }, { child.call(function()
      return capability.capset { inheritable = {}, ambient = { "CHOWN" } }
    end, { "user" }) })
  end)

  it("an execve keeps ambient ones alone", function()
    local text = child.call(function()
      local uid = core.identity.getresuid()
      assert(core.prctl.set_keepcaps())
      assert(core.prctl.set_securebits { "noroot", "keep_caps" })
      assert(capability.capset { inheritable = { "NET_RAW" }, ambient = { "NET_RAW" } })
      local r, w = core.process.pipe()
      local c = core.process.child(function()
        core.file.dup2(w, 1)
        core.process.execve("/bin/cat", { "cat", "/proc/self/status" }, {})
      end)
      w:close()
      local parts = {}
      repeat parts[#parts + 1] = r:read() until parts[#parts] == ""
      c:wait(5)
      return table.concat(parts) .. uid
    end, { "user" })
    assert.matches("CapEff:\t0000000000002000", text, 1, true)
    assert.matches("CapPrm:\t0000000000002000", text, 1, true)
  end)

  it("refuses names that are none", function()
    local _, message = pcall(capability.capset, { effective = { "NET_ADMINS" } })
    assert.matches('"NET_ADMINS" is no capability (accepted: CHOWN, NET_ADMIN,', message, 1, true)
    for _, bad in ipairs { { effectiv = {} }, { effective = { 12 } }, { effective = "CHOWN" },
      { effective = { "12" } }, { effective = { "" } }, { effective = { ("x"):rep(500) } } } do
      assert.has_error(function() capability.capset(bad) end)
    end
    assert.has_error(function() capability.capset() end)
  end)

  it("knows every name that tidelock.capability has", function()
    for number = 0, math.min(#names.names, core.host.ids().last_cap) do
      local name = names.names[number]
      assert.same({ name }, child.call(function()
        assert(capability.capset { effective = { name }, permitted = { name } })
        return capability.capget().effective
      end, { "user" }))
    end
  end)
end)
