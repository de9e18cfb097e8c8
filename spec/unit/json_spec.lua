local json = require "tidelock.json"

describe("json.encode", function()
  it("sorts keys and tells lists from objects", function()
    assert.equal('{"a":[1,2],"b":{"c":true},"d":null}',
      json.encode { d = json.null, b = { c = true }, a = { 1, 2 } })
  end)

  it("takes an empty table for a list unless it is told", function()
    assert.equal("[]", json.encode {})
    assert.equal("{}", json.encode(json.object {}))
    assert.equal('{"a":[]}', json.encode { a = json.array {} })
  end)

  it("prints whole numbers whole and others exactly", function()
    for text, number in pairs {
      ["0"] = -0.0, ["9007199254740992"] = 2 ^ 53, ["-5"] = -5, ["0.1"] = 0.1, ["1.5"] = 1.5,
      ["0.30000000000000004"] = 0.1 + 0.2, ["1e+300"] = 1e300,
    } do
      assert.equal(text, json.encode(number))
    end
  end)

  it("escapes what JSON and terminals must not see raw", function()
    assert.equal([["\u009b31m\u202etxt\u2066\ufeff\u200bü€"]],
      json.encode "\194\15531m\226\128\174txt\226\129\166\239\187\191\226\128\139ü€")
    assert.equal("\194\155", json.decode(json.encode { "\194\155" })[1])
    assert.equal([["\"\\\n\t\u0000\u001b\u007f/"]], json.encode '"\\\n\t\0\27\127/')
    assert.equal('"grün"', json.encode "grün")
  end)

  it("replaces each byte of invalid UTF-8", function()
    assert.equal('"a\239\191\189\239\191\189b"', json.encode "a\255\254b")
    assert.equal('"\239\191\189\239\191\189"', json.encode "\192\175")
  end)

  it("puts one item a line when it is to be read", function()
    assert.equal('{\n  "a": [\n    1,\n    2\n  ],\n  "b": {},\n  "c": []\n}',
      json.encode({ a = { 1, 2 }, b = json.object {}, c = {} }, true))
  end)

  it("refuses what has no JSON, and says where", function()
    local circle = {}
    circle.a = circle
    for text, value in pairs {
      ["json.a%[2%]: a function has no JSON"] = { a = { 1, print } },
      ["json.x: nan has no JSON"] = { x = 0 / 0 },
      ["json: inf has no JSON"] = 1 / 0,
      ["json: a list with a hole"] = { 1, nil, 3 },
      ["json: a table with both items and names"] = { 1, a = 2 },
      ["json: true cannot be a key"] = { [true] = 1 },
      ["json: nested too deep, or in a circle"] = circle,
    } do
      local ok, message = pcall(json.encode, value)
      assert.is_false(ok)
      assert.truthy(tostring(message):gsub("%-nan", "nan"):find("^" .. text), tostring(message))
    end
  end)
end)

describe("json.decode", function()
  it("reads back what encode writes", function()
    local value = { a = { 1, 2.5, "x\n\27", { b = true } }, c = "grün" }
    assert.same(value, json.decode(json.encode(value)))
    assert.same(value, json.decode(json.encode(value, true)))
  end)

  it("returns nil and an error for other text", function()
    local value, err = json.decode '{"a":'
    assert.is_nil(value)
    assert.truthy(tostring(err):find("^not JSON: "))
  end)
end)
