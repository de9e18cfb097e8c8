-- The golden texts; with TIDELOCK_GOLDEN=write in the environment they are written anew.
local fake = require "spec.golden.fake_host"
local explain = require "tidelock.plan.explain"

local function bind(source, target, at)
  return { kind = "bind", source = source, target = target, readonly = true, at = at }
end

local CASES = {
  root = { {}, function() return fake.root { cwd = "/srv/data" } end },
  user = { {}, function() return fake.new { groups = { 1000, 999 } } end },
  subids = { {}, fake.subids },
  ["host-view"] = { { view = "host", net = "host" }, fake.new },
  rootfs = { {
    rootfs = "/images/debian", user = "worker", cwd = "/work",
    fs = { { kind = "overlay", source = "/images/debian", target = "/", at = "ci.lua:2" },
      bind("/srv/data", "/work", "ci.lua:3") },
  }, fake.root },
  everything = { {
    fs = { { kind = "rw", source = ".", at = "--rw" }, bind("/srv/data", "/data", "ci.lua:4"),
      { kind = "tmpfs", target = "/scratch", size = 1048576, at = "ci.lua:5" },
      { kind = "overlay", source = "build", target = "/over", size = 4096, at = "ci.lua:6" },
      { kind = "hide", target = "/etc/passwd", at = "--hide" } },
    capabilities = { add = { "NET_RAW", "CHOWN" } }, rlimits = { nofile = { 10, 20 }, core = 0 },
    hostname = "ci", user = "games", stdout = "capture", pass_fds = { { fd = 5, target = 3 } },
    hooks = { { at = "prepare", call = print, name = "cache", origin = "ci.lua:9" } },
    ops = { { at = "root", op = "sysctl", fields = { name = "net.ipv4.ip_forward", value = "1" },
      origin = "ci.lua:10" } },
  }, fake.root },
}

CASES.limits = { { limits = { memory = 536870912, pids = 64, cpus = 0.5 } }, fake.root }

local function text(case)
  local fields = { command = { "make", "te\27[31mst" } }
  for name, value in pairs(case[1]) do fields[name] = value end
  local norm = fake.norm(fields, case[2]())
  local ops = require("tidelock.plan.build").build(norm)
  return explain.text(norm, ops), norm, ops
end

describe("explain", function()
  for name, case in pairs(CASES) do
    it("tells the plan of " .. name .. ", the same a hundred times", function()
      local file, first = "spec/golden/" .. name .. ".txt", text(case)
      if os.getenv "TIDELOCK_GOLDEN" == "write" then
        local out = assert(io.open(file, "w"))
        out:write(first)
        out:close()
      end
      local golden = assert(io.open(file))
      assert.equal(golden:read "*a", first)
      golden:close()
      for _ = 2, 100 do assert.equal(first, (text(case))) end
    end)
  end

  it("never prints an escape sequence", function()
    assert.is_nil(text(CASES.root):find("\27", 1, true))
  end)

  it("gives data that JSON can hold, the filter as its hash", function()
    local _, norm, ops = text(CASES.everything)
    local data = explain.data(norm, ops)
    assert.equal(1, data.spec.seccomp.filter.instructions)
    assert.matches("^%x+$", data.spec.seccomp.filter.hash)
    assert.equal("function", data.spec.hooks[1].call)
    assert.equal(#ops, #data.operations)
    assert.is_string(data.operations[1].story)
    assert.is_string(require("tidelock.json").encode(data))
  end)

  it("tells one operation", function()
    assert.equal("bind /a on /b, read-only nosuid nodev", explain.story {
      op = "bind", slot = 1, target = "/b", attr = 7, tree = 0, recursive = 1, path = "/a" })
    assert.equal("limit nofile to 10 of unlimited", explain.story {
      op = "rlimit", resource = 7, soft = 10, hard = "0xffffffffffffffff" })
    assert.equal("clone init into new mount user namespaces", explain.story {
      op = "clone", flags = 0x10020000 })
  end)
end)
