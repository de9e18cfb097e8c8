-- Each step of the course is short, says what it teaches, and prints what its comments show:
-- the `--> text` comments, in order, are its whole output. `-- needs root` restricts it.
local expect = require "spec.support.expect"
local run = require "spec.support.run"

local longest = 60

local function expected_output(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do
    local shown = line:match("%-%-> ?(.*)$")
    if shown then lines[#lines + 1] = shown end
  end
  return lines
end

local pipe = assert(io.popen("ls examples/*.lua 2>/dev/null"))
for path in pipe:lines() do
  describe(path, function()
    local text = run.read(path)

    it("is a short, numbered step that says what it teaches", function()
      local count = select(2, text:gsub("\n", ""))
      assert(count < longest, ("%d lines (under %d)"):format(count, longest))
      assert(path:match("^examples/%d%d%-[%l%d-]+%.lua$"), "name it NN-name.lua")
      local first = text:gsub("^#![^\n]*\n", "")
      assert(first:match("^%-%-+ ?%S"), "the first line is a comment")
    end)

    it("prints what it shows", function()
      if text:find("\n-- needs root\n", 1, true) and run.who() ~= "root" then
        run.skip "needs root"
      end
      local result = run.run(run.quote(run.tidelock) .. " " .. path .. " 2>&1", { timeout = 60 })
      expect.verify(expected_output(text), expect.lines(result.stdout), path)
      assert.equal(0, result.status)
    end)
  end)
end
pipe:close()
