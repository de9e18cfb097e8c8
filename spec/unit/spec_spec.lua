local errors = require "tidelock.error"
local fs = require "tidelock.fs"
local json = require "tidelock.json"
local spec = require "tidelock.spec"

local tidelock = { spec = spec.new, replace = spec.replace, fs = fs }

-- Runs `text` as a file of the user's, so that lines are what the text says.
local function user(text, name, ...)
  return assert(loadstring("local tidelock, fs, base = ...\n" .. text, "@" .. (name or "ci.lua")))(
    tidelock, fs, ...)
end

local function refusal(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.is_true(errors.is(err), tostring(err))
  return tostring(err)
end

local function refused(expected, text, ...)
  assert.equal(expected, refusal(user, text, nil, ...))
end

describe("spec", function()
  it("merges its parts in order, and its own fields win", function()
    local s = spec.new {
      { net = "host", cwd = "/a", env = { A = "1", B = "1" } },
      { cwd = "/b", env = { B = "2", C = "2" } },
      net = "none", env = { C = "3" },
    }
    assert.same({ net = "none", cwd = "/b", env = { A = "1", B = "2", C = "3" } }, s:fields())
  end)

  it("is empty when nothing is said", function()
    assert.same({}, spec.new({}):fields())
    assert.same({}, spec.new({ {}, spec.new {} }):fields())
  end)

  it("returns a spec as it is, and takes one as a part", function()
    local s = spec.new { net = "host" }
    assert.equal(s, spec.new(s))
    assert.same(s:fields(), spec.new({ s }):fields())
    assert.is_true(spec.is(s))
    assert.is_false(spec.is {})
    assert.is_false(spec.is(nil))
  end)

  it("never changes what it is given, nor is changed by it", function()
    local env, command = { A = "1" }, { "true" }
    local given = { env = env, command = command }
    local s = spec.new(given)
    env.A, command[1], given.net = "2", "false", "host"
    assert.same({ env = { A = "1" }, command = { "true" } }, s:fields())
    local derived = spec.new { s, env = { B = "2" }, fs = { fs.tmpfs "/t" } }
    assert.same({ env = { A = "1" }, command = { "true" } }, s:fields())
    derived:fields().env.A = "9"
    derived:fields().fs[1].target = "/other"
    assert.equal("1", derived:fields().env.A)
    assert.equal("/t", derived:fields().fs[1].target)
  end)

  it("cannot be changed", function()
    refused('a spec cannot be changed: "net" was assigned (accepted: a new spec, tidelock.spec '
      .. "{ old, net = ... })\n  asked for at ci.lua:3",
        'local s = tidelock.spec {}\ns.net = "host"')
    assert.equal("tidelock.spec", getmetatable(spec.new {}))
  end)

  it("refuses parts that are none", function()
    refused('spec: "make" (item 1) is not a spec (accepted: specs, fs.bind{...} and the like)\n'
      .. "  asked for at ci.lua:2\n"
      .. '  hint: a command is given as command = { "make", "test" }',
        'local s = tidelock.spec { "make" }')
    refused("spec: a hole: item 2 of 3 is nil (accepted: a list without holes)\n  asked for at "
      .. "ci.lua:2\n"
      .. "  hint: a variable or a function's result there is nil",
        "local s = tidelock.spec { {}, nil, {} }")
    refused('spec: "x" is not a table (accepted: tidelock.spec { part, ..., field = value, ... })\n'
      .. "  asked for at ci.lua:2", 'local s = tidelock.spec "x"')
    refused("spec: parts nested too deep (accepted: at most 64 levels)\n  asked for at ci.lua:3",
      "local t = {} t[1] = t\nlocal s = tidelock.spec(t)")
    refused("spec: a table (item 1) is not a spec (accepted: specs, fs.bind{...} and the like)\n"
      .. "  asked for at ci.lua:2", "local s = tidelock.spec { tidelock.replace {} }")
  end)

  it("refuses a method called with a dot", function()
    refused("spec:fields: is not a spec (accepted: a colon: spec:fields(...))\n  asked for at "
      .. "ci.lua:2",
      "local f = tidelock.spec({}).fields()")
  end)
end)

describe("taking away", function()
  it("works by false, in env for good and in rlimits", function()
    local s = spec.new { { env = { A = "1" }, rlimits = { core = 0, nofile = 9 } },
      env = { A = false }, rlimits = { core = false } }
    assert.same({ env = { A = false }, rlimits = { nofile = { 9, 9 } } }, s:fields())
  end)

  it("works by replace", function()
    local base = spec.new { env = { A = "1" }, fs.tmpfs "/a", share = { "ipc" },
      rlimits = { core = 0 } }
    local s = spec.new { base, env = spec.replace { B = "2" }, fs = spec.replace { fs.tmpfs "/b" },
      share = spec.replace {}, rlimits = spec.replace {} }
    local fields = s:fields()
    assert.same({ B = "2" }, fields.env)
    assert.equal(1, #fields.fs)
    assert.equal("/b", fields.fs[1].target)
    assert.is_nil(fields.share)
    assert.is_nil(fields.rlimits)
    refused("net: replace{...} has no use: this field is never merged (accepted: \"none\", "
      .. "\"host\")\n"
      .. "  asked for at ci.lua:2", 'local s = tidelock.spec { net = tidelock.replace { "none" } }')
  end)

  it("works by fs.remove, for what came before", function()
    local base = spec.new { fs.tmpfs "/a", fs.tmpfs "/b" }
    local function targets(s)
      local list = {}
      for i, entry in ipairs(s:fields().fs or {}) do list[i] = entry.kind .. " " .. entry.target end
      return list
    end
    assert.same({ "tmpfs /b" }, targets(spec.new { base, fs.remove "/a" }))
    assert.same({ "tmpfs /b", "tmpfs /a" }, targets(spec.new { base, fs.remove "/a",
      fs.tmpfs "/a" }))
    -- One that finds nothing may mean a default.
    assert.same({ "remove /c" }, targets(spec.new { fs.remove "/c", fs.remove "/c" }))
    assert.same({ "tmpfs /a", "tmpfs /b", "remove /sys" }, targets(spec.new { base,
      fs.remove "/sys" }))
  end)

  it("gives the same in whatever way parts are put together", function()
    local parts = { spec.new { fs.tmpfs "/a", env = { A = "1", B = "1" } }, fs.remove "/a",
      spec.new { env = spec.replace { B = "2" } }, spec.new { env = { B = false } }, fs.tmpfs "/a",
      spec.new { capabilities = { add = { "ALL" } } },
        spec.new { capabilities = { drop = { "KILL" } } },
      spec.new { fs = spec.replace { fs.hide "/h" } }, spec.new { net = "host" },
      spec.new { share = { "uts", "ipc" } } }
    math.randomseed(11)
    for _ = 1, 300 do
      local a, b, c = parts[math.random(#parts)], parts[math.random(#parts)],
        parts[math.random(#parts)]
      assert.equal(json.encode(spec.new({ spec.new { a, b }, c }):fields()),
        json.encode(spec.new({ a, spec.new { b, c } }):fields()))
    end
  end)
end)

describe("mounts of a spec", function()
  it("are replaced, in place, by a later one on the target", function()
    local list = spec.new({ fs.bind { "a", "/x" }, fs.tmpfs "/x/y", fs.bind { "b",
      "/x/" } }):fields().fs
    assert.equal(2, #list)
    assert.equal("b", list[1].source)
    assert.equal("/x/y", list[2].target)
  end)

  it("may not cover an earlier child: both lines are named", function()
    refused('fs: the bind of "b" on "/x" would cover the tmpfs "/x/y/z" of ci.lua:2 '
      .. "(accepted: parents before what is mounted below them)\n  asked for at ci.lua:3\n"
      .. '  hint: mount "/x" first', [[
local child = fs.tmpfs { "/x/y/z" }
local parent = fs.bind { "b", "/x" }
local s = tidelock.spec { child, parent }
return (s:fields())]])
    local fields = spec.new({ fs.tmpfs "/xy", fs.tmpfs "/x" }):fields()
    assert.equal(2, #fields.fs)
  end)

  it("agree with the root", function()
    refused('rootfs: "b" is not what the overlay on / shows ("a" of ci.lua:2) (accepted: one '
      .. 'root)\n'
      .. '  asked for at ci.lua:3\n  hint: fs.remove "/" takes the overlay away', [[
local a = fs.overlay { "a" }
local s = tidelock.spec { a, rootfs = "b" }
return (s:fields())]])
    assert.equal("b", spec.new({ fs.overlay "a", fs.remove "/", rootfs = "b" }):fields().rootfs)
    assert.equal("b", spec.new({ fs.overlay "a", fs.overlay "b" }):fields().rootfs)
  end)

  it("can be given as a list too", function()
    local list = spec.new({ fs = { fs.bind { "a", "/a" }, { kind = "tmpfs",
      target = "/t" } } }):fields().fs
    assert.equal("/a", list[1].target)
    assert.equal("/t", list[2].target)
  end)
end)

describe("spec:where", function()
  local source = [[
local base = tidelock.spec {
  net = "none", -- net = "host" { here
  env = {
    CI = "1",
    ["A.B"] = "{",
  },
  rlimits = { nofile = 1024 },
  fs.bind { "a", "/a" },
  capabilities = { add = { "KILL" } },
}
return tidelock.spec {
  base,
  timeout = "1s",
}]]

  it("names the call where the source cannot be read", function()
    local s = user('local s = tidelock.spec {\n  net = "none",\n  env = { CI = "1" '
      .. '},\n}\nreturn s', "gone.lua")
    assert.equal("gone.lua:2", s:where "net")
    assert.equal("gone.lua:2", s:where "env.CI")
    assert.equal("gone.lua:2", s:where "env")
    assert.is_nil(s:where "env.X")
    assert.is_nil(s:where "cwd")
    assert.is_nil(s:where "nonsense")
  end)

  it("names the line of the field where it can", function()
    local path = os.tmpname() .. ".lua"
    local file = assert(io.open(path, "w"))
    file:write("local tidelock, fs = ...\n", source)
    file:close()
    local s = require("tidelock.origin").call(path, loadfile(path), tidelock, fs)
    for name, line in pairs {
      net = 3, env = 4, ["env.CI"] = 5, ["env.A.B"] = 6, ["rlimits.nofile"] = 8, ["fs./a"] = 9,
      ["capabilities.KILL"] = 10, timeout = 14,
    } do
      assert.equal(path .. ":" .. line, s:where(name), name)
    end
    os.remove(path)
  end)

  it("sees through tail calls and functions of the library", function()
    local s = user('local f = function() return tidelock.spec { net = "none" } end\nlocal s = '
      .. 'f()\nreturn s')
    assert.equal("ci.lua:3", s:where "net")
  end)

  it("lists the fields with their origins, sorted", function()
    local s = user 'local s = tidelock.spec { net = "none", env = { B = "2", A = "1" } }\nreturn s'
    assert.same({ { name = "env.A", value = "1", at = "ci.lua:2" }, { name = "env.B", value = "2",
      at = "ci.lua:2" },
      { name = "net", value = "none", at = "ci.lua:2" } }, s:explain_fields())
  end)
end)

describe("spec:warnings", function()
  local base = user([[
local s = tidelock.spec { net = "none", seccomp = "default", view = "none", init = true,
  timeout = "1m", capabilities = { drop = { "ALL" } }, fs.bind { "a", "/a", readonly = true },
  rlimits = { nofile = 10 }, fs.hide "/h", force = false, env_keep = "none" }
return s]], "base.lua")

  local function texts(text)
    local list = {}
    local s = user("local s = tidelock.spec { base, " .. text .. " }\nreturn s", nil, base)
    for i, warning in ipairs(s:warnings()) do
      list[i] = warning.text
      assert.equal("ci.lua:2", warning.at)
    end
    return list
  end

  it("tell what widens an included part, and both lines", function()
    for text, expected in pairs {
      ['net = "host"'] = 'net: "host" widens "none" (base.lua:2)',
      ['seccomp = "none"'] = 'seccomp: "none" widens "default" (base.lua:2)',
      ['seccomp = "/x.bpf"'] = 'seccomp: "/x.bpf" widens "default" (base.lua:2)',
      ['view = "system"'] = 'view: "system" widens "none" (base.lua:2)',
      ["init = false"] = "init: false widens true (base.lua:2)",
      ["force = true"] = "force: true widens false (base.lua:2)",
      ['env_keep = "all"'] = 'env_keep: "all" widens "none" (base.lua:2)',
      ['timeout = "2m"'] = "timeout: 2m widens 1m (base.lua:2)",
      ["rlimits = { nofile = 11 }"] = "rlimits.nofile: 11 widens 10 (base.lua:2)",
      ["rlimits = { nofile = false }"] = "rlimits.nofile: no limit widens 10 (base.lua:2)",
      ['capabilities = { add = { "KILL" } }'] = "capabilities.KILL: added widens capabilities "
        .. "without it (base.lua:2)",
      ['fs.bind { "a", "/a" }'] = 'fs./a: bind of "a" on "/a" widens bind of "a" on "/a", '
        .. 'read-only (base.lua:3)',
      ['fs.rw "/a"'] = 'fs./a: rw "/a" widens bind of "a" on "/a", read-only (base.lua:3)',
      ['fs.remove "/h"'] = 'fs./h: remove "/h" widens hide "/h" (base.lua:4)',
      ["fs = tidelock.replace {}"] = 'fs./h: replace{...} widens hide "/h" (base.lua:4)',
    } do
      assert.same({ expected }, texts(text))
    end
  end)

  it("say nothing of what is the same or narrower", function()
    assert.same({}, texts [[net = "none", timeout = "30s", rlimits = { nofile = { 5, 10 } },
      capabilities = { drop = { "KILL" } }, fs.bind { "b", "/a", readonly = true }, fs.hide "/a/b",
      fs.tmpfs "/h", cwd = "/x"]])
  end)

  it("stay with what is made of it", function()
    local s = spec.new { spec.new { base, net = "host" }, { base } }
    assert.equal(1, #s:warnings())
    assert.equal(1, #spec.new({ s, s }):warnings())
  end)
end)
