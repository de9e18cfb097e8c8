local fs = require "tidelock.fs"
local spec = require "tidelock.spec"

-- A file of the user's: `return` would be a tail call, which leaves no frame.
local function user(text)
  local chunk = assert(loadstring("local tidelock, fs = ...\nlocal result = " .. text
    .. "\nreturn result", "@ci.lua"))
  return chunk({ spec = spec.new, replace = spec.replace }, fs)
end

local function refusal(text)
  local ok, err = pcall(user, text)
  assert.is_false(ok, text .. " was accepted")
  return tostring(err)
end

-- { source text, the error's text without its second line }
local function refuses(cases)
  for _, case in ipairs(cases) do
    local message, hint = case[2], case[3]
    local expected = message .. "\n  asked for at ci.lua:2" .. (hint and "\n  hint: " .. hint or "")
    assert.equal(expected, refusal(case[1]))
  end
end

describe("mounts", function()
  it("are made by the functions of fs", function()
    local function entry(text) return user(text):fields().fs[1] end
    local at = "ci.lua:2"
    assert.same({ kind = "bind", source = "src", target = "/src", readonly = true, at = at },
      entry 'fs.bind { "src", "//src/./", readonly = true }')
    assert.same({ kind = "bind", source = "a/../b", target = "/b", readonly = false,
      optional = true, at = at },
      entry 'fs.bind { "./a/../b", "/b", optional = true }')
    assert.same({ kind = "tmpfs", target = "/t", size = 2 ^ 20, mode = 1023, at = at },
      entry 'fs.tmpfs { "/t", size = "1M", mode = "1777" }')
    assert.same({ kind = "rw", source = ".", all = true, at = at },
      entry 'fs.rw { ".", all = true }')
    assert.same({ kind = "ro", source = "/a", at = at }, entry 'fs.ro "/a/"')
    assert.same({ kind = "hide", target = "/a", at = at }, entry 'fs.hide "/a"')
    assert.same({ kind = "remove", target = "/a", at = at }, entry 'fs.remove "/a"')
    assert.same({ kind = "overlay", source = "a", target = "/b", size = 2 ^ 29, at = at },
      entry 'fs.overlay { "a", "/b", upper = "tmpfs:512M" }')
  end)

  it("make an overlay with one path the root", function()
    local fields = user('fs.overlay { "images/debian-12", size = "1G" }'):fields()
    assert.equal("images/debian-12", fields.rootfs)
    assert.same({ kind = "overlay", source = "images/debian-12", target = "/", size = 2 ^ 30,
      at = "ci.lua:2" }, fields.fs[1])
  end)

  it("are refused by field, value and line", function()
    refuses {
      { 'fs.bind { "a", "/x/../y" }',
        'fs.target: "/x/../y" has ".." in it (accepted: a target without "..")' },
      { 'fs.bind { "a", "b" }', 'fs.target: "b" is not an absolute path (accepted: a path that '
        .. 'begins with /)' },
      { 'fs.bind { "a", "/b\\0" }', 'fs.target: "/b\\x00" has a NUL byte in it (accepted: a '
        .. 'path)' },
      { 'fs.bind { "a", "//" }', 'fs.target: "//" is the root itself (accepted: a target below /)',
        'rootfs = "DIR" or fs.overlay { "DIR" } give another root' },
      { 'fs.bind { "a" }', "fs.bind: 1 path (accepted: source and target)" },
      { 'fs.bind { nil, "a" }', "fs.bind: a hole: item 1 of 2 is nil (accepted: a list without "
        .. "holes)",
        "a variable or a function's result there is nil" },
      { 'fs.bind { "a", "/b", readonl = true }',
        'fs.bind: unknown field "readonl" (accepted: readonly, optional)',
          'did you mean "readonly"?' },
      { 'fs.bind { "a", "/b", readonly = "yes" }',
        'fs.readonly: "yes" is not a boolean (accepted: true, false)' },
      { 'fs.tmpfs { "/a", size = "5MB" }',
        'fs.size: "5MB" is ambiguous (accepted: 512M, 1G, bytes as a number)',
        "use M or MiB, which are 1024-based" },
      { 'fs.tmpfs { "/a", mode = "rwx" }',
        'fs.mode: "rwx" is not accepted (accepted: an octal string such as "1777")' },
      { 'fs.overlay { "a", upper = "/up" }',
        'fs.overlay.upper: "/up" is not accepted (accepted: "tmpfs", "tmpfs:512M")' },
      { 'tidelock.spec { fs = { { kind = "bnid" } } }',
        'fs.kind: "bnid" is not accepted (accepted: '
        .. '"bind", "tmpfs", "overlay", "rw", "ro", "hide", "remove")', 'did you mean "bind"?' },
      { "fs.bnd { 1 }", "unknown field fs.bnd (accepted: fs.bind, fs.hide, fs.overlay, "
        .. "fs.remove, fs.ro, "
        .. "fs.rw, fs.tmpfs)", "did you mean fs.bind?" },
    }
  end)

  it("are at most 512", function()
    local many = {}
    for i = 1, 10000 do many[i] = { kind = "tmpfs", target = "/m" .. i } end
    local ok, err = pcall(spec.new, { fs = many })
    assert.is_false(ok)
    assert.equal("fs: 10000 mounts (accepted: at most 512)", err.message)
    local parts = {}
    for i = 1, 513 do parts[i] = fs.tmpfs { "/m" .. i } end
    ok, err = pcall(function() return spec.new(parts):fields() end)
    assert.is_false(ok)
    assert.equal("fs: 513 mounts (accepted: at most 512)", err.message)
  end)
end)
