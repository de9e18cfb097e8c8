--- The command line: a first word with a slash or the ending .lua is a script, otherwise a verb,
--- which is a file of scripts/.

local errors = require "tidelock.error"

local M = {}

local SETUP = 125

---What every verb says the same way: to standard error, safe on a terminal.
---@param text string
function M.say(text)
  io.stderr:write("tidelock: ", errors.plain(text), "\n")
end

local function script_words(argv, from)
  local arg = {}
  for i = from, #argv do arg[i - from] = argv[i] end
  return arg
end

-- Boxes that a script did not stop end with this process.
local function leave_boxes()
  local state = package.loaded["tidelock.state"]
  if state then state.leave() end
end

-- A file that returns a spec is itself a command; one that returns nothing is a program.
local function run_script(argv)
  local path = argv[1]
  local chunk, message = loadfile(path)
  if not chunk then
    M.say(errors.printable(message, 400))
    return SETUP
  end
  _G.arg = script_words(argv, 1)
  local exit = os.exit
  os.exit = function(...) -- luacheck: ignore 122
    leave_boxes()
    exit(...)
  end
  local result = require("tidelock.origin").call(path, chunk, unpack(_G.arg))
  if package.loaded["tidelock.spec"] and require("tidelock.spec").is(result) then
    local words = { path }
    for i = 2, #argv do words[i] = argv[i] end
    return require("tidelock.scripts.run").main(words)
  end
  return tonumber(result) or 0
end

local function sorted(verbs)
  local names = {}
  for name in pairs(verbs) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function verb_of(word, verbs)
  if verbs[word] then return require("tidelock.scripts." .. word) end
  local names = sorted(verbs)
  errors.refuse {
    why = "there is no command " .. errors.show(word), accepted = table.concat(names, ", "),
    hint = require("tidelock.suggest").hint(word, names),
  }
end

local function help(verbs)
  local out = { "tidelock: run commands in sandboxes of your own making", "" }
  for _, name in ipairs(sorted(verbs)) do
    local summary = require("tidelock.scripts." .. name).summary
    out[#out + 1] = ("  tidelock %-12s %s"):format(name, summary)
  end
  out[#out + 1] = "  tidelock SCRIPT.lua   run a Lua script with the library in reach"
  out[#out + 1] = ""
  out[#out + 1] = "tidelock COMMAND --help tells more; tidelock --version"
  return table.concat(out, "\n") .. "\n"
end

local function dispatch(argv, version, list_verbs)
  local word = argv[1]
  if word and (word:find("/", 1, true) or word:sub(-4) == ".lua") then return run_script(argv) end
  if word == "--version" or word == "-V" then
    io.stdout:write("tidelock ", version, "\n")
    return 0
  end
  local verbs = list_verbs()
  if not word or word == "--help" or word == "-h" or word == "help" then
    local stream = word and io.stdout or io.stderr
    stream:write(help(verbs))
    return word and 0 or SETUP
  end
  local words = {}
  for i = 2, #argv do words[i - 1] = argv[i] end
  return verb_of(word, verbs).main(words, sorted(verbs))
end

---@param argv string[]        from 0
---@param version string
---@param list_verbs function  () -> set of names
---@return integer status
function M.main(argv, version, list_verbs)
  local good, result = xpcall(dispatch, function(err)
    if errors.is(err) then return err end
    return debug.traceback(tostring(err), 2)
  end, argv, version, list_verbs)
  leave_boxes()
  if good then return result end
  M.say(tostring(result))
  return SETUP
end

return M
