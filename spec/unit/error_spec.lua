local errors = require "tidelock.error"

describe("error.new", function()
  it("is told in up to three lines", function()
    local object = errors.new { message = "mount overlay on /: EPERM", code = "EPERM",
      at = "ci.lua:5", hint = "overlayfs needs userxattr" }
    assert.equal("mount overlay on /: EPERM\n  asked for at ci.lua:5\n"
      .. "  hint: overlayfs needs userxattr", tostring(object))
    assert.equal("EPERM", object.code)
  end)

  it("makes a line of what it knows where there is no message", function()
    assert.equal("open /a\\x1bb: ENOENT",
      tostring(errors.new { op = "open", path = "/a\27b", code = "ENOENT" }))
  end)

  it("is harmless on a terminal whatever it was made of", function()
    assert.equal("a\\x1bb\n  asked for at c\\nd\\x1b:1\n  hint: \\xc2\\x9b",
      tostring(errors.new { message = "a\27b", at = "c\nd\27:1", hint = "\194\155" }))
  end)

  it("keeps a copy of the fields it was given", function()
    local given = { message = "a" }
    local object = errors.new(given)
    given.message = "b"
    assert.equal("a", object.message)
  end)

  it("is recognised", function()
    assert.is_true(errors.is(errors.new {}))
    assert.is_false(errors.is {})
    assert.is_false(errors.is "text")
    assert.is_false(errors.is(nil))
  end)
end)

describe("error.invalid", function()
  it("names field, value and what is accepted", function()
    local object = errors.invalid { field = "limits.memory", value = "12 parsecs",
      why = "is not a size", accepted = "512M, 1G, bytes as a number", at = "ci.lua:8" }
    assert.equal('limits.memory: "12 parsecs" is not a size (accepted: 512M, 1G, bytes as a '
      .. 'number)\n'
      .. "  asked for at ci.lua:8", tostring(object))
    assert.equal("limits.memory", object.field)
    assert.equal("12 parsecs", object.value)
  end)

  it("speaks without a value of what is missing or too much", function()
    assert.equal("fs: 10000 mounts (accepted: at most 512)", tostring(errors.invalid {
      field = "fs", why = "10000 mounts", accepted = "at most 512" }))
  end)

  it("shows values of every type", function()
    local shown = {}
    for i, value in ipairs { 1, 1.5, 2 ^ 60, -3, true, false, "x", print, {} } do
      shown[i] = errors.show(value)
    end
    assert.same({ "1", "1.5", "1.1529215046068e+18", "-3", "true", "false", '"x"', "a function",
      "a table" }, shown)
  end)
end)

describe("error.printable", function()
  local function shows(expected, text)
    assert.equal(expected, errors.printable(text))
  end

  it("leaves plain text and other languages alone", function()
    shows("hello world", "hello world")
    shows("grün 日本語", "grün 日本語")
  end)

  it("neutralises control characters and escape sequences", function()
    shows("\\x1b[31mred\\x1b[0m", "\27[31mred\27[0m")
    shows("a\\nb\\tc\\r", "a\nb\tc\r")
    shows("\\x00\\x07\\x7f", "\0\7\127")
    shows("\\xc2\\x9b31m", "\194\15531m") -- CSI as one character
  end)

  it("neutralises characters that turn text around or do not show", function()
    shows("\\xe2\\x80\\xaetxt", "\226\128\174txt")
    shows("a\\xe2\\x80\\x8bb", "a\226\128\139b")
  end)

  it("shows invalid UTF-8 by its bytes", function()
    shows("\\xff\\xfe", "\255\254")
    shows("\\xc0\\xaf", "\192\175") -- overlong
    shows("\\xed\\xa0\\x80", "\237\160\128") -- a surrogate
    shows("ab\\xe2\\x82", "ab\226\130") -- cut off
  end)

  it("cuts at 80 characters, and never inside one", function()
    shows(("a"):rep(80), ("a"):rep(80))
    shows(("a"):rep(77) .. "...", ("a"):rep(81))
    shows(("ü"):rep(80), ("ü"):rep(80))
    shows(("ü"):rep(77) .. "...", ("ü"):rep(81))
    shows(("\\x1b"):rep(19) .. "...", ("\27"):rep(1000))
    assert.is_true(#errors.printable(("x"):rep(1048576)) == 80)
  end)

  it("never lets a byte through that a terminal would obey", function()
    math.randomseed(7)
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, math.random(0, 40) do bytes[i] = string.char(math.random(0, 255)) end
      local text = errors.printable(table.concat(bytes))
      assert.is_nil(text:find("[%z\1-\31\127]"))
      assert.is_nil(text:find("\194[\128-\159]"))
      assert.equal(text, errors.printable(text, 1000))
    end
  end)
end)

describe("error.plain", function()
  it("leaves lines and tabs, and nothing else that a terminal would obey", function()
    assert.equal("a\n\tb\n", errors.plain "a\n\tb\n")
    assert.equal("a\\x1b[m\n\\r" .. ("x"):rep(500), errors.plain("a\27[m\n\r" .. ("x"):rep(500)))
  end)
end)
