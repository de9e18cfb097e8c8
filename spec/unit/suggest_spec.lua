local suggest = require "tidelock.suggest"

describe("suggest.nearest", function()
  local words = { "memory", "pids", "cpus", "net", "network", "nofile", "bind" }

  it("forgives a swap, a letter too many, too few or wrong", function()
    assert.equal("memory", suggest.nearest("memroy", words))
    assert.equal("memory", suggest.nearest("memoryy", words))
    assert.equal("nofile", suggest.nearest("nofle", words))
    assert.equal("bind", suggest.nearest("bnid", words))
    assert.equal("network", suggest.nearest("netwrk", words))
  end)

  it("forgives upper case", function()
    assert.equal("nofile", suggest.nearest("NOFILE", words))
  end)

  it("says nothing where nothing is near", function()
    assert.is_nil(suggest.nearest("parsec", words))
    assert.is_nil(suggest.nearest("xy", words))
    assert.is_nil(suggest.nearest("", words))
    assert.is_nil(suggest.nearest(("m"):rep(100000), words))
    assert.is_nil(suggest.nearest(nil, words))
  end)

  it("chooses the same of two as near, whatever the order", function()
    assert.equal("cat", suggest.nearest("aat", { "cat", "rat" }))
    assert.equal("cat", suggest.nearest("aat", { "rat", "cat" }))
  end)

  it("is put as a question", function()
    assert.equal('did you mean "memory"?', suggest.hint("memroy", words))
    assert.equal("did you mean --bind?", suggest.hint("bnid", words, "--"))
    assert.is_nil(suggest.hint("parsec", words))
  end)
end)
