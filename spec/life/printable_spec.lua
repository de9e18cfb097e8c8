-- Nothing that tidelock itself prints makes a terminal do something, whatever names it is given.
local run = require "spec.support.run"

-- ESC as such, CSI as one byte and as one character, a line turned around, a bell, a new line.
local BAD = "\27[31m\27]0;t\7\155" .. "\194\155" .. "\226\128\174" .. "\127\n\rX"

local function is_clean(text, what)
  local rest = text:gsub("[\n\t\32-\126]", "")
  assert.equal("", (rest:gsub("[\192-\255][\128-\191]+", function(point)
    return (point:find("^\194[\128-\159]") or point == "\226\128\174") and point or ""
  end)), what .. ": " .. rest)
end

describe("a name with escape sequences", function()
  local folder

  setup(function()
    folder = run.folder()
    assert.equal(0, run.run({ "mkdir", "-p", folder .. "/dir" .. BAD .. "/bin" }).status)
    run.write(folder .. "/dir" .. BAD .. "/bin/prog" .. BAD, "#!/bin/sh\n")
    run.write(folder .. "/s" .. BAD .. ".lua", 'return require "tidelock".spec { nett = "x" }')
    run.write(folder .. "/e" .. BAD .. ".lua", 'error("in " .. arg[0])')
    run.write(folder .. "/t" .. BAD .. ".lua", 'return require "tidelock".spec '
      .. '{ command = { "sleep", "9" }, timeout = 0.01 }')
    run.write(folder .. "/w" .. BAD .. ".lua", 'local t = require "tidelock"\n'
      .. 'return t.spec { t.spec { net = "none" }, command = { "true" }, net = "host" }')
  end)
  teardown(function() run.remove(folder) end)

  local function says(words, status)
    local result = run.tl(words, { cwd = folder })
    local what = table.concat(words, " "):gsub("[^\32-\126]", "?")
    is_clean(result.stdout, what)
    is_clean(result.stderr, what)
    if status then assert.equal(status, result.status, what .. "\n" .. result.stderr) end
    return result
  end

  it("as a command, of which the host has one or not, does nothing to the terminal", function()
    says({ "run", "--", "nope" .. BAD }, 127)
    local prog = "prog" .. BAD
    says({ "run", "--", folder .. "/dir" .. BAD .. "/bin/" .. prog }, 126)
    for _, cwd in ipairs { ".", "/" } do
      says { "run", "-C", cwd, "-e", "PATH=" .. folder .. "/dir" .. BAD .. "/bin", "--", prog }
    end
    says({ "run", "--", "test", "-e", folder .. "/../" .. BAD })
    says({ "run", "--", "test", "-e", "/home/" .. BAD }, 1)
    says({ "run", "-t", "--", "nope" .. BAD }, 127)
    says { "nope" .. BAD }
  end)

  it("as the argument of any option does nothing to the terminal", function()
    local options = {}
    for _, option in ipairs(require("tidelock.options").run) do
      if option.arg and option.name ~= "report" then options[#options + 1] = option.name end
    end
    assert(#options > 20)
    for _, name in ipairs(options) do
      says { "run", "--" .. name, BAD, "--", "true" }
      says { "run", "--" .. name, "./dir" .. BAD, "--", "true" }
      says { "run", "--" .. name, "a" .. BAD .. ":/b" .. BAD .. ":c" .. BAD, "--", "true" }
      says { "run", "--" .. name, "A" .. BAD .. "=" .. BAD, "--", "true" }
    end
    says { "run", "--option" .. BAD }
    says { "run", "-" .. BAD }
    says { "run", "--report", "dir" .. BAD, "--", "true" }
  end)

  it("as that of a script does nothing to the terminal", function()
    for _, name in ipairs { "s", "e", "missing" } do
      says({ "./" .. name .. BAD .. ".lua" }, 125)
      says { "run", name .. BAD .. ".lua", "--", "true" }
    end
    says({ "./t" .. BAD .. ".lua" }, 124)
    says({ "./w" .. BAD .. ".lua" }, 0)
    says { "run", "-v", "w" .. BAD .. ".lua", "--", "false" }
  end)

  it("in a plan or a report does nothing to the terminal", function()
    for _, extra in ipairs { {}, { "--json" } } do
      says({ "explain", "--rw", "dir" .. BAD, "-e", "A=" .. BAD, unpack(extra) }, 0)
      says { "run", "--rw", "dir" .. BAD, "--verbose", unpack(extra) }
    end
    says({ "run", "--verbose", "--rw", "dir" .. BAD, "--", "sh", "-c", "exit 3" }, 3)
    says({ "run", "--json", "--rw", "dir" .. BAD, "--", "sh", "-c", "exit 3" }, 3)
    says { "run", "--verbose", "--rw", "dir" .. BAD, "--", "sh", "-c",
      "cd dir*; mkdir -p .git/hooks; echo > .git/hooks/pre-commit; echo > .envrc" }
  end)
end)
