local units = require "tidelock.units"

local MB = 1048576

describe("units.size", function()
  it("takes 1024-based units in either case", function()
    for text, bytes in pairs {
      ["0"] = 0, ["4096"] = 4096, ["1K"] = 1024, ["1k"] = 1024, ["512M"] = 512 * MB,
        ["1g"] = 1024 * MB,
      ["2T"] = 2 ^ 41, ["1KiB"] = 1024, ["3MiB"] = 3 * MB, ["1gib"] = 1024 * MB,
        ["1.5G"] = 1536 * MB,
      ["0.5K"] = 512,
    } do
      assert.equal(bytes, units.size(text))
    end
  end)

  it("takes a number as bytes", function()
    assert.equal(12, units.size(12))
    assert.equal(0, units.size(0))
  end)

  it("refuses the ambiguous and says what to write", function()
    for _, text in ipairs { "512MB", "1kB", "3gb", "1TB" } do
      local bytes, why, accepted, hint = units.size(text)
      assert.is_nil(bytes)
      assert.equal("is ambiguous", why)
      assert.equal("512M, 1G, bytes as a number", accepted)
      assert.truthy(hint:find("^use %u or %uiB"))
    end
    assert.equal("use M or MiB, which are 1024-based", select(4, units.size "512MB"))
  end)

  it("refuses what is no size", function()
    for _, value in ipairs {
      "12 parsecs", "", "M", "-1", "+1", "1e3", "0x10", "inf", "nan", "1 M", " 1M", "1M\n",
        "1..5G", ".5G",
      "5.", "1P", "1Mi", "\0", {}, true, -1, 0 / 0, 1 / 0, -1 / 0,
    } do
      local bytes, why = units.size(value)
      assert.is_nil(bytes)
      assert.truthy(why:find("size"))
    end
    assert.is_nil(units.size(nil))
  end)

  it("refuses overflow and parts of a byte", function()
    assert.equal("is too large a size", select(2, units.size "8193T"))
    assert.equal(2 ^ 53, units.size "8192T")
    assert.equal("is too large a size", select(2, units.size(("9"):rep(400))))
    assert.equal("is not a whole number of bytes", select(2, units.size "1.0001K"))
    assert.equal("is not a whole number of bytes", select(2, units.size(1.5)))
  end)
end)

describe("units.duration", function()
  it("takes units, combined or not, and numbers as seconds", function()
    for text, seconds in pairs {
      ["500ms"] = 0.5, ["30s"] = 30, ["10m"] = 600, ["2h"] = 7200, ["1d"] = 86400, ["1m30s"] = 90,
      ["1.5s"] = 1.5, ["10"] = 10, ["1h1ms"] = 3600.001, ["0.1"] = 0.1,
    } do
      assert.equal(seconds, units.duration(text))
    end
    assert.equal(2.5, units.duration(2.5))
  end)

  it("refuses the rest", function()
    for _, value in ipairs {
      "", "10 m", "-1s", "1x", "s", "1s1m", "1m1m", "1e3", "inf", "1M", "1.2.3s", -1, 0 / 0, {},
        true,
    } do
      local seconds, why = units.duration(value)
      assert.is_nil(seconds)
      assert.equal("is not a duration", why)
    end
    assert.equal("is too long a duration", select(2, units.duration(1 / 0)))
    assert.equal("is too long a duration", select(2, units.duration "10001d"))
  end)
end)

describe("units for people", function()
  it("writes sizes", function()
    for _, case in ipairs {
      { 0, "0 bytes" }, { 1, "1 byte" }, { 1023, "1023 bytes" }, { 1024, "1K" }, { 512 * MB,
        "512M" },
      { 1.5 * MB, "1.5M" }, { 1024 * MB, "1G" }, { MB - 1, "1M" }, { 2 ^ 50, "1024T" },
    } do
      assert.equal(case[2], units.format_size(case[1]))
    end
  end)

  it("writes durations", function()
    for _, case in ipairs {
      { 0, "0 s" }, { 0.0002, "0.2 ms" }, { 0.003, "3 ms" }, { 0.25, "250 ms" }, { 0.9999, "1 s" },
      { 1.2, "1.2 s" }, { 30, "30 s" }, { 59.99, "1m" }, { 90, "1m30s" }, { 600, "10m" },
      { 3600, "1h" }, { 5400, "1h30m" }, { 86400, "1d" }, { 90000, "1d1h" }, { 3599.9, "1h" },
    } do
      assert.equal(case[2], units.format_duration(case[1]))
    end
  end)

  it("reads back what it writes where that is exact", function()
    for _, bytes in ipairs { 1024, 3 * MB, 1536 * MB, 2 ^ 41 } do
      assert.equal(bytes, units.size(units.format_size(bytes)))
    end
  end)
end)
