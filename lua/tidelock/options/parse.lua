--- `run [options] [SPEC.lua] [--] COMMAND...`, read by a table of options.

local entries = require "tidelock.options.entries"

local M = {}

local refuse = entries.refuse

-- By "--name" and "-x".
local function index(options)
  local by_word = {}
  for _, option in ipairs(options) do
    by_word["--" .. option.name] = option
    if option.short then by_word["-" .. option.short] = option end
  end
  return by_word
end

local function unknown(word, options)
  local names = {}
  for i, option in ipairs(options) do names[i] = option.name end
  local name = word:match("^%-%-?(.*)$")
  refuse(word, nil, "unknown option", "what --help lists",
    require("tidelock.suggest").hint(name, names, "--"))
end

local function apply(parsed, option, argument, origin, context)
  if option.setting then
    local value = option.arg and argument or option.value
    if option.entry then value = entries[option.entry](argument, origin) end
    parsed.settings[option.setting] = value
    return
  end
  local list = parsed.list
  if option.entry == "env_file" then
    for _, setting in ipairs(entries.env_file(argument, origin, context)) do
      list[#list + 1] = setting
    end
  elseif option.entry then
    local field, value = entries[option.entry](argument, origin, context)
    if field then list[#list + 1] = { field, value, origin } end
  else
    local value = argument
    if value == nil then value = option.value end
    list[#list + 1] = { option.field, value, origin }
  end
end

-- -v is docker's where a volume follows, else it asks for more output.
local function verbose_or_volume(by_word, option, attached, following)
  if option.name ~= "volume" or attached or (following and following:find(":", 1, true)) then
    return option
  end
  return by_word["--verbose"] or option
end

local function missing(origin, option)
  refuse(origin, nil, "has no argument", option.arg)
end

local function long(parsed, argv, i, by_word, context)
  local word = argv[i]
  local name, argument = word:match("^(%-%-[^=]+)=(.*)$")
  name = name or word
  local option = by_word[name]
  if not option then unknown(name, parsed.options) end
  if not option.arg then
    if argument then refuse(name, argument, "is too much: the option takes no argument", name) end
    apply(parsed, option, nil, name, context)
    return i + 1
  end
  if not argument then
    i, argument = i + 1, argv[i + 1]
    if not argument then missing(name, option) end
  end
  apply(parsed, option, argument, name, context)
  return i + 1
end

-- -qv, -Cdir, -C dir
local function short(parsed, argv, i, by_word, context)
  local word, at = argv[i], 2
  while at <= #word do
    local name = "-" .. word:sub(at, at)
    local option = by_word[name]
    if not option then unknown(#word == 2 and word or name, parsed.options) end
    local attached = at < #word and word:sub(at + 1) or nil
    local with = attached and attached:find(":", 1, true) and attached
    option = verbose_or_volume(by_word, option, with, not attached and argv[i + 1] or nil)
    if option.arg then
      local argument = attached and attached:gsub("^=", "") or argv[i + 1]
      if not argument then missing(name, option) end
      apply(parsed, option, argument, name, context)
      return attached and i + 1 or i + 2
    end
    apply(parsed, option, nil, name, context)
    at = at + 1
  end
  return i + 1
end

local function separator(argv, from)
  for i = from, #argv do
    if argv[i] == "--" then return i end
  end
end

local function two_specs(first, second)
  refuse("spec", second, "is a second spec file, after " .. require("tidelock.error").show(first),
    "one spec file", "a command that is followed by -- is written after another --")
end

---See tidelock.options.words.
function M.words(argv, options, context)
  local by_word, words = index(options), {}
  local parsed = { settings = {}, list = {}, options = options }
  local i = 1
  while i <= #argv do
    local word = argv[i]
    if word == "--" then
      for k = i + 1, #argv do words[#words + 1] = argv[k] end
      break
    elseif word:byte(1) == 45 and #word > 1 then
      local read = word:byte(2) == 45 and long or short
      i = read(parsed, argv, i, by_word, context)
    else
      words[#words + 1], i = word, i + 1
    end
  end
  return { settings = parsed.settings, words = words }
end

---See tidelock.options.parse.
function M.parse(argv, options, context)
  local by_word = index(options)
  local parsed = { settings = {}, list = {}, options = options }
  local i, script = 1, nil
  local last = #argv
  while i <= last do
    local word = argv[i]
    if word == "--" then
      i = i + 1
      break
    elseif word:byte(1) == 45 and #word > 1 then
      local read = word:byte(2) == 45 and long or short
      i = read(parsed, argv, i, by_word, context)
    elseif not script and word:find("%.lua$") then
      script, i = word, i + 1
    else
      if word:find("%.lua$") and separator(argv, i) then two_specs(script, word) end
      break
    end
  end
  local command = { unpack(argv, i, last) }
  local list = parsed.list
  if command[1] then list[#list + 1] = { "command", command, "the command line" } end
  -- A bundle is no spec, and needs none of what a spec is made by.
  local spec = not parsed.settings.bundle and require("tidelock.spec").of(list) or nil
  return { spec = spec, list = list, settings = parsed.settings, script = script,
    command = command }
end

return M
