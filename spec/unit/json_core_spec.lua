--- tidelock.core.json: what is JSON, what is not, and where.

local cjson = require("cjson")
local json = require("tidelock.core").json
local run = require("spec.support.run")

local CONFIG = run.read(run.top .. "/spec/support/oci/engine-config.json")

local function decode(text, ...)
  local raw = {}
  for _, path in ipairs { ... } do raw[path] = true end
  local value, failure = json.decode(text, { raw = raw })
  assert(failure == nil, failure and failure.why)
  return value
end

-- The text is refused at "LINE:COLUMN", for a reason that contains these words, in this path.
local function refused(text, at, why, path)
  local value, failure = json.decode(text)
  assert.is_nil(value)
  assert.equal(at, failure.line .. ":" .. failure.column, text .. ": " .. failure.why)
  assert.matches(why, failure.why, 1, true)
  assert.equal(path or "", failure.path)
end

describe("json.decode", function()
  it("reads every kind of value", function()
    local value = decode(' {"a" : [true,\tfalse , null, "x", 1.5],\r\n"b":{},"c":[] , "d":null} ')
    assert.same({ a = { true, false, json.null, "x", 1.5 }, b = {}, c = {} }, value)
    assert.equal(json.array, getmetatable(value.a))
    assert.equal(json.array, getmetatable(value.c))
    assert.is_nil(getmetatable(value))
    assert.is_nil(getmetatable(value.b))
    assert.equal("x", decode('"x"'))
    assert.equal(false, decode("false"))
    assert.equal(json.null, decode("null"))
    assert.equal(7, decode("7"))
  end)

  it("reads numbers as RFC 8259 writes them", function()
    for _, text in ipairs { "0", "-0", "10", "-1", "0.5", "-0.25", "1e3", "1E+3", "25e-2",
      "1.5e300", "123456789012345", "0.1", "0.30000000000000004", "5e-324", "1e-400",
      "0e999999" } do
      assert.equal(tonumber(text), decode(text), text)
    end
    for text, at in pairs { ["01"] = "1:1", ["-01"] = "1:2", ["00"] = "1:1", ["-"] = "1:2",
      ["+1"] = "1:1", [".5"] = "1:1", ["1."] = "1:3", ["1.e3"] = "1:3", ["1e"] = "1:3",
      ["1e+"] = "1:4", ["0x10"] = "1:2", ["NaN"] = "1:1", ["Infinity"] = "1:1",
      ["-Infinity"] = "1:2", ["1e999"] = "1:1", ["1_000"] = "1:2", ["1 2"] = "1:3" } do
      refused(text, at, "")
    end
    assert.equal(128, #decode("[" .. ("9"):rep(128) .. "]")[1][1])
    refused(("9"):rep(129), "1:1", "too long")
    refused("0." .. ("1"):rep(200), "1:1", "too long")
  end)

  it("keeps the digits of an integer that a Lua number cannot hold", function()
    assert.equal(2 ^ 53, decode("9007199254740992"))
    assert.equal(-2 ^ 53, decode("-9007199254740992"))
    for _, text in ipairs { "9007199254740993", "-9007199254740993", "9223372036854771712",
      "18446744073709551615", "18446744073709551616", "123456789012345678901234567890" } do
      local value = decode(text)
      assert.same({ text }, value)
      assert.equal(json.integer, getmetatable(value))
      assert.equal(text, tostring(value))
    end
  end)

  it("unescapes strings", function()
    assert.equal('"\\/\b\f\n\r\t', decode([["\"\\\/\b\f\n\r\t"]]))
    assert.equal("A\127\194\128\223\191\224\160\128\239\191\191",
      decode([["\u0041\u007f\u0080\u07ff\u0800\uffff"]]))
    assert.equal("\240\144\128\128\244\143\191\191", decode([["\ud800\udc00\uDBFF\uDFFF"]]))
    assert.equal("\194\128", decode([["\u0080"]]))
    assert.same({ ["a\tb"] = "c\nd", e = "fäg" }, decode([[{"a\tb":"c\nd","e":"f\u00e4g"}]]))
    for text, at in pairs { ['"\\x41"'] = "1:3", ['"\\'] = "1:3", ['"\\u12'] = "1:6",
      ['"\\u12g4"'] = "1:6", ['"\\U0041"'] = "1:3", ['"\\0"'] = "1:3", ["'a'"] = "1:1",
      ['"a'] = "1:3", ['"a\nb"'] = "1:3", ['"\0"'] = "1:2", ['"a\31"'] = "1:3" } do
      refused(text, at, "")
    end
  end)

  it("refuses lone surrogates and NUL", function()
    for _, text in ipairs { [["\ud800"]], [["\udc00"]], [["\ud800\ud800"]], [["\ud800x"]],
      [["\ud800\n"]], [["\ud800\u0041"]], [["\udfff\udc00"]] } do
      refused(text, "1:2", "half of a surrogate pair")
    end
    refused([[{"a":"b\u0000"}]], "1:8", "cannot hold the character NUL", "a")
    refused([[{"a\u0000":1}]], "1:4", "cannot hold the character NUL")
  end)

  it("takes UTF-8 and nothing like it", function()
    for _, good in ipairs { "ä", "€", "😀", "\244\143\191\191", "\237\159\191", "\238\128\128" } do
      assert.equal(good, decode('"' .. good .. '"'))
    end
    for _, bad in ipairs { "\128", "\191", "\192\175", "\193\191", "\224\159\191", "\237\160\128",
      "\240\143\191\191", "\244\144\128\128", "\245\128\128\128", "\255", "\195", "\226\130",
      "\240\159\152", "\195\40", "\226\40\161", "\240\159\40\128" } do
      refused('"ä' .. bad .. '"', "1:3", "not UTF-8")
      refused('"ä' .. bad, "1:3", "not UTF-8")
    end
  end)

  it("refuses what is nearly JSON", function()
    refused("", "1:1", "the text ends where a value is expected")
    refused(" \n ", "2:2", "the text ends where a value is expected")
    refused("\239\187\191{}", "1:1", "byte order mark")
    refused("[1,]", "1:4", "must not be the last thing in a list", "[0]")
    refused('{"a":1,}', "1:8", "must not be the last thing in an object", "a")
    refused("[,1]", "1:2", "a value is expected here", "[0]")
    refused("[1 2]", "1:4", "a comma or ] is expected here", "[0]")
    refused('{"a" 1}', "1:6", "a colon is expected here", "a")
    refused('{"a":1 "b":2}', "1:8", "a comma or } is expected here", "a")
    refused("{a:1}", "1:2", "a key in double quotes")
    refused("{1:1}", "1:2", "a key in double quotes")
    refused("[1] // x", "1:5", "JSON has no comments")
    refused("/* x */ [1]", "1:1", "JSON has no comments")
    refused("[1]]", "1:4", "the end of the text")
    refused("{} {}", "1:4", "the end of the text")
    refused("tru", "1:4", "true, false or null")
    refused("True", "1:1", "a value")
    refused("nul1", "1:4", "true, false or null")
    refused("[1\0]", "1:3", "a comma or ]", "[0]")
    refused("\11[]", "1:1", "a value")
  end)

  it("names the key that is there twice, and where", function()
    refused('{"a":1,"b":2,\n"a":3}', "2:1", 'the key "a" is there twice', "a")
    refused('{"x":{"a":1,"\\u0061":null}}', "1:13", 'the key "a" is there twice', "x.a")
    refused('{"":1,"":2}', "1:7", 'the key "" is there twice', '[""]')
    local many = {}
    for i = 1, 200 do many[i] = ('"k%d":%d'):format(i, i) end
    assert.equal(200, decode("{" .. table.concat(many, ",") .. "}").k200)
    many[201] = '"k7":0'
    many[202] = '"k3":0'
    refused("{" .. table.concat(many, ",\n") .. "}", "201:1", 'the key "k7" is there twice', "k7")
  end)

  it("bounds depth and size", function()
    decode(("["):rep(64) .. ("]"):rep(64))
    refused(("["):rep(65), "1:65", "more than 64 deep", ("[0]"):rep(64))
    refused(("["):rep(100000), "1:65", "more than 64 deep", ("[0]"):rep(64))
    decode(('{"a":'):rep(64) .. "1" .. ("}"):rep(64))
    local space = (" "):rep(16 * 1024 * 1024 - 2)
    assert.same({}, decode("{}" .. space))
    refused("{} " .. space, "1:1", "larger than 16 MiB")
  end)

  it("says the path as far as it was read", function()
    refused('{"linux":{"resources":{"memory":{"limit":01}}}}', "1:42", "leading zeros",
      "linux.resources.memory.limit")
    refused('{"mounts":[{},{"options":["a",\n  b]}]}', "2:3", "a value", "mounts[1].options[1]")
    refused('{"annotations":{"a.b/c":x}}', "1:25", "a value", 'annotations["a.b/c"]')
    local long = ('"%s"'):format(("k"):rep(300))
    local _, failure = json.decode(("{%s:"):format(long):rep(3) .. "?")
    assert.equal(("k"):rep(255), failure.path)
  end)

  it("hands over the text of a raw path, checked", function()
    local text = '{"linux":{"seccomp": {"a": [1, "\\u0041", {"b":null}] } ,"x":"\\n"},"y":[1]}'
    local value = decode(text, "linux.seccomp", "y", "none")
    assert.same({ linux = { seccomp = '{"a": [1, "\\u0041", {"b":null}] }', x = "\n" }, y = "[1]" },
      value)
    assert.equal('"s"', decode('{"a":"s"}', "a").a)
    assert.same({}, decode('{"a":null}', "a"))
    assert.same({ b = { a = 1 }, ["b.a"] = 2 }, decode('{"b":{"a":1},"b.a":2}', "a", "b.a.c"))
    assert.same({ b = { a = "1" }, ["b.a"] = 2 }, decode('{"b":{"a":1},"b.a":2}', "b.a"))
    assert.same({ l = { { a = 1 } } }, decode('{"l":[{"a":1}]}', "l.a"))
    assert.same({ a = { b = "1" }, c = { b = 2 } }, decode('{"a":{"b":1},"c":{"b":2}}', "a.b"))
    for _, bad in ipairs { '{"a":[1,]}', '{"a":{"x":1,"x":1}}', '{"a":"\\ud800"}', '{"a":01}' } do
      assert.is_nil((json.decode(bad, { raw = { a = true } })))
    end
  end)

  it("raises for a mistake of the caller", function()
    assert.has_error(function() json.decode() end)
    assert.has_error(function() json.decode(12) end)
    assert.has_error(function() json.decode("1", "raw") end)
    assert.has_error(function() json.decode("1", { raw = "a" }) end)
    assert.has_error(function() json.decode("1", { raw = { "a" } }) end)
    assert.same({ 1 }, { json.decode("1", {}) })
  end)
end)

describe("json.decode of an engine's config.json", function()
  it("agrees with cjson", function()
    assert.same(cjson.decode(CONFIG), decode(CONFIG))
  end)

  it("leaves the seccomp profile as it stands", function()
    local value = decode(CONFIG, "linux.seccomp")
    assert.is_string(value.linux.seccomp)
    assert.is_truthy(CONFIG:find('"seccomp":' .. value.linux.seccomp, 1, true))
    assert.same(cjson.decode(CONFIG).linux.seccomp, decode(value.linux.seccomp))
  end)

  it("refuses every prefix with a position, and no byte changed makes it crash", function()
    local text = CONFIG:gsub("%s+$", "")
    local raw = { raw = { ["linux.seccomp"] = true } }
    for length = 0, #text - 1 do
      local value, failure = json.decode(text:sub(1, length), raw)
      assert(value == nil and failure.line == 1, length)
      assert(failure.column >= 1 and failure.column <= length + 1, length)
      assert(#failure.why > 0, length)
    end
    for at = 1, #text, 7 do
      for _, byte in ipairs { "\0", '"', "\\", "{", "]", ",", "\255", "0" } do
        local value, failure = json.decode(text:sub(1, at - 1) .. byte .. text:sub(at + 1))
        assert(value ~= nil or failure.column <= #text + 1)
      end
    end
  end)
end)

describe("json.decode and cjson.encode", function()
  local random = math.random
  local ALPHABET = { "a", "B", "7", "\n", '"', "\\", "/", "\t", "\1", "ä", "€", "😀", " ", "\127" }

  local function string_of()
    local out = {}
    for i = 1, random(0, 12) do out[i] = ALPHABET[random(#ALPHABET)] end
    return table.concat(out)
  end

  local function value_of(depth)
    local kind = random(depth > 0 and 8 or 5)
    if kind == 1 then return string_of() end
    if kind == 2 then return random() < 0.5 end
    if kind == 3 then return random(-2 ^ 31, 2 ^ 31 - 1) end
    if kind == 4 then return random() * 2 ^ random(-40, 40) end
    if kind == 5 then return cjson.null end
    local out = {}
    for i = 1, random(1, 6) do
      if kind == 6 then
        out[i] = value_of(depth - 1)
      else
        local value = value_of(depth - 1)
        -- A null in an object is an absent key.
        out[string_of() .. "k"] = value ~= cjson.null and value or nil
      end
    end
    if kind > 6 and not next(out) then out.k = 1 end
    return out
  end

  it("agree on random values", function()
    math.randomseed(7)
    cjson.encode_number_precision(14)
    for _ = 1, 3000 do
      local text = cjson.encode(value_of(4))
      local value = decode(text)
      -- cjson's null is the same light userdata.
      assert.same(cjson.decode(text), value)
    end
  end)
end)
