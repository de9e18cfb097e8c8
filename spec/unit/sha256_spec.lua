--- SHA-256: with the processor's instructions and without, they are one function.

local filter = require("tidelock.core").filter
local run = require("spec.support.run")

describe("sha256", function()
  it("has the digests of FIPS 180-4", function()
    for _, portable in ipairs { false, true } do
      assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        filter.sha256("", portable))
      assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        filter.sha256("abc", portable))
      assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        filter.sha256(("a"):rep(1000000), portable))
    end
  end)

  it("agrees with itself at every length, and with coreutils", function()
    math.randomseed(3)
    local bytes = {}
    for i = 1, 4096 do bytes[i] = string.char(math.random(0, 255)) end
    bytes = table.concat(bytes)
    for length = 0, 300 do
      local part = bytes:sub(length, 2 * length)
      assert.equal(filter.sha256(part, true), filter.sha256(part), length)
    end
    for _, length in ipairs { 63, 64, 65, 1000, 4095, 4096 } do
      local digest = run.run("sha256sum", { stdin = bytes:sub(1, length) }).stdout:match("^%x+")
      assert.equal(digest, filter.sha256(bytes:sub(1, length)))
      assert.equal(digest, filter.sha256(bytes:sub(1, length), true))
    end
  end)
end)
