-- Every ```console block of the README, and of the comments of the examples, is executed and its
-- output compared (spec/support/expect.lua tells how variable parts are written). Lines that start
-- with "$ " are commands, "> " continues one; they run in the top folder with build/ in PATH.
--   ```console root, ```console user   only for such a caller
--   ```console by-ci                   make demo, make test: .ci/run runs these
local expect = require "spec.support.expect"
local run = require "spec.support.run"

local by_ci = { ["make demo"] = true, ["make test"] = true, ["make"] = true }

---@return { line: integer, tag: string, commands: { text: string, output: string[] }[] }[]
local function blocks(text, prefix)
  local found, block, number = {}, nil, 0
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    line = prefix == "" and line or line:match("^%-%- ?(.*)$") or ""
    if not block then
      local tag = line:match("^```console%s*(.-)%s*$")
      if tag then block = { line = number, tag = tag, commands = {} } end
    elseif line:match("^```") then
      found[#found + 1] = block
      block = nil
    else
      local last = block.commands[#block.commands]
      local command, more = line:match("^%$ (.*)$"), line:match("^> (.*)$")
      if command then
        block.commands[#block.commands + 1] = { text = command, output = {} }
      elseif more and last and #last.output == 0 and last.text:match("\\$") then
        last.text = last.text:sub(1, -2) .. more
      else
        assert(last, ("line %d: output before any command"):format(number))
        last.output[#last.output + 1] = line
      end
    end
  end
  assert(not block, "a block is not closed")
  return found
end

local function execute(block)
  if block.tag == "root" or block.tag == "user" then
    if run.who() ~= block.tag then
      run.skip(block.tag == "root" and "needs root" or "needs an ordinary user")
    end
  else
    assert(block.tag == "", "unknown tag: " .. block.tag)
  end
  for _, command in ipairs(block.commands) do
    local result = run.run("{ " .. command.text .. "\n} 2>&1", {
      timeout = 60,
      env = { PATH = run.tidelock:match("^(.*)/") .. ":" .. os.getenv("PATH") },
    })
    assert.is_false(result.timed_out, "no end in 60 s: " .. command.text)
    expect.verify(expect.lines(table.concat(command.output, "\n")), expect.lines(result.stdout),
      "$ " .. command.text)
  end
end

local function describe_file(path, prefix)
  describe(path, function()
    local text = run.read(path)
    it("is there", function() assert.is_string(text) end)
    for _, block in ipairs(text and blocks(text, prefix) or {}) do
      if block.tag == "by-ci" then
        it(("shows at line %d only what CI runs"):format(block.line), function()
          for _, command in ipairs(block.commands) do
            assert(by_ci[command.text] or command.text:match("^git clone "), command.text)
          end
        end)
      else
        it(("does what line %d shows"):format(block.line), function() execute(block) end)
      end
    end
  end)
end

describe_file("README.md", "")
local pipe = assert(io.popen("ls examples/*.lua 2>/dev/null"))
for path in pipe:lines() do
  if (run.read(path) or ""):find("```console", 1, true) then describe_file(path, "--") end
end
pipe:close()
