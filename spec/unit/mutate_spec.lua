-- The list of mutations (make mutate): it still fits the sources, and says something different of
-- each. What a mutation is good for shows only when specs run against it.
local mutations = require "spec.mutate.all"
local source = require "spec.mutate.source"

describe("the mutations", function()
  local list = mutations.list() -- an error names the text that no longer stands in its file

  it("are many, and each changes its files", function()
    assert(#list > 350, #list)
    for _, mutation in ipairs(list) do
      local changed = 0
      for file, text in pairs(mutations.apply(mutation)) do
        assert.not_equal(source.read(file), text, mutation.name)
        changed = changed + 1
      end
      assert(changed > 0, mutation.name)
    end
  end)

  it("that are not run say why", function()
    for _, mutation in ipairs(list) do
      if mutation.reason then assert(#mutation.reason > 20, mutation.name) end
    end
  end)
end)

describe("spec.mutate.source", function()
  it("blanks comments and what is quoted, and nothing else", function()
    assert.equal('a    b     c\n d', source.blank('a "x"b /**/c\n d', "//"):gsub("  +", function(s)
      return s end))
    assert.equal("x   \ny", source.blank("x--{\ny", "--"))
  end)

  it("finds the parts of a condition", function()
    local text = "a || (b || c) || d"
    local parts = {}
    for i, part in ipairs(source.operands(text, 1, #text, "||")) do
      parts[i] = text:sub(part.from, part.to)
    end
    assert.same({ "a ", " (b || c) ", " d" }, parts)
  end)

  it("refuses a text that is not there, or is there twice", function()
    assert.has_error(function() source.once("abc", "x", "here") end)
    assert.has_error(function() source.once("abab", "ab", "here") end)
    assert.same({ 2, 2 }, { source.once("abc", "b", "here") })
  end)
end)
