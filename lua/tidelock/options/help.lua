--- What is generated from a table of options: the help text, bash completion, the man page.

local M = {}

local WIDTH = 80

local USAGE = {
  run = "tidelock run [options] [SPEC.lua] [--] COMMAND...",
  explain = "tidelock explain [options] [SPEC.lua] [--] COMMAND...",
  doctor = "tidelock doctor [options]",
}

local NAME = {
  run = "run a command in a sandbox", explain = "print what run would do",
  doctor = "tell what this host allows",
}

local STORY = {
  run = "Runs a command in a sandbox: the system's programs and the current directory "
    .. "read-only, no network, no capabilities, a filter of system calls.",
  explain = "Prints what run would do, one operation a line, and does nothing.",
  doctor = "Tells what this kernel, this user and this host allow, one line for each, by trying it"
    .. " in namespaces that end at once; and the command that mends what they do not.",
}

local WORDS = [[
The first word that ends in .lua is a spec file. Before "--" all words are options and
the spec file; without "--" the first other word begins the command.]]

local EXIT = [[
Exit status: the command's own; 128+n killed by signal n; 124 time limit; 125 tidelock
failed or a --require could not be met; 126 not executable; 127 not found.]]

local OF_DOCTOR = {
  words = [[
A line is ok; info, which is only told; warn, where a feature is missing that some option of run
needs; or fail, where "tidelock run -- true" does not work. Below a warn and a fail stand its cause
and its remedy, a command for whoever may give it. The last check is such a run, and the last line
says what came of it. A run that fails names the same causes.]],
  exit = "Exit status: 0 run works here; 1 it does not; 125 tidelock doctor was called wrongly.",
}

local function ending(verb)
  if verb == "doctor" then return OF_DOCTOR.words, OF_DOCTOR.exit end
  return WORDS, EXIT
end

---@param options tidelock.Option[]
---@return {name: string, options: tidelock.Option[]}[]
local function grouped(options)
  local groups, by_name = {}, {}
  for _, option in ipairs(options) do
    local group = by_name[option.group]
    if not group then
      group = { name = option.group, options = {} }
      by_name[option.group], groups[#groups + 1] = group, group
    end
    group.options[#group.options + 1] = option
  end
  return groups
end

local function left(option)
  local short = option.short and "-" .. option.short .. ", " or "    "
  return "  " .. short .. "--" .. option.name .. (option.arg and " " .. option.arg or "")
end

-- Words of `text` in lines that fit beside a column.
local function wrapped(text, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if line ~= "" and #line + 1 + #word > width then
      lines[#lines + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return lines
end

---@param options tidelock.Option[]
---@param verb string
---@return string
function M.text(options, verb)
  local column = 32
  local words, exit = ending(verb)
  local function paragraph(text) return table.concat(wrapped(text, WIDTH), "\n") end
  local lines = { "usage: " .. USAGE[verb], "", paragraph(STORY[verb]) }
  for _, group in ipairs(grouped(options)) do
    lines[#lines + 1] = "\n" .. group.name .. ":"
    for _, option in ipairs(group.options) do
      local head = left(option)
      local help = wrapped(option.help, WIDTH - column)
      if #head > column - 2 then
        lines[#lines + 1] = head
        head = ""
      end
      for _, line in ipairs(help) do
        lines[#lines + 1] = head .. (" "):rep(column - #head) .. line
        head = ""
      end
    end
  end
  lines[#lines + 1] = "\n" .. paragraph(words) .. "\n\n" .. paragraph(exit) .. "\n"
  return table.concat(lines, "\n")
end

local COMPLETE = {
  file = "compgen -f", dir = "compgen -d", user = "compgen -u",
}

local function case(option)
  local words = "--" .. option.name .. (option.short and "|-" .. option.short or "")
  local how
  if option.values then
    how = ('compgen -W "%s"'):format(table.concat(option.values, " "))
  elseif option.complete then
    how = COMPLETE[option.complete]
  else
    return ("    %s) return ;;"):format(words)
  end
  return ('    %s) mapfile -t COMPREPLY < <(%s -- "$word"); return ;;'):format(words, how)
end

---The function and the `complete` line for bash; `verbs` lists every verb.
---@param tables table<string, tidelock.Option[]>  options by verb
---@param verbs string[]
---@return string
function M.bash(tables, verbs)
  local names = {}
  for verb in pairs(tables) do names[#names + 1] = verb end
  table.sort(names)
  local lines = {
    "_tidelock() {",
    '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}',
    "  COMPREPLY=()",
    "  if [ \"$COMP_CWORD\" = 1 ]; then",
    ('    mapfile -t COMPREPLY < <(compgen -W "%s" -- "$word"; compgen -f -X "!*.lua" -- "$word")')
      :format(table.concat(verbs, " ")),
    "    return",
    "  fi",
    "  case ${COMP_WORDS[1]} in",
  }
  for _, verb in ipairs(names) do
    lines[#lines + 1] = "  " .. verb .. ")"
    lines[#lines + 1] = "    case $before in"
    local all = {}
    for _, option in ipairs(tables[verb]) do
      if option.arg then lines[#lines + 1] = case(option) end
      all[#all + 1] = "--" .. option.name
    end
    lines[#lines + 1] = "    esac"
    lines[#lines + 1] = '    case $word in -*)'
    lines[#lines + 1] = ('      mapfile -t COMPREPLY < <(compgen -W "%s" -- "$word"); return ;;')
      :format(table.concat(all, " "))
    lines[#lines + 1] = "    esac ;;"
  end
  lines[#lines + 1] = "  esac"
  lines[#lines + 1] = '  mapfile -t COMPREPLY < <(compgen -f -- "$word")'
  lines[#lines + 1] = "}"
  lines[#lines + 1] = "complete -o filenames -F _tidelock tidelock"
  return table.concat(lines, "\n") .. "\n"
end

local function roff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^%.", "\\&."))
end

---The man page, in man(7)'s macros.
---@param options tidelock.Option[]
---@param verb string
---@return string
function M.man(options, verb)
  local words, exit = ending(verb)
  local lines = {
    (".TH TIDELOCK-%s 1"):format(verb:upper()),
    ".SH NAME",
    ("tidelock\\-%s \\- %s"):format(verb, NAME[verb]),
    ".SH SYNOPSIS", roff(USAGE[verb]), ".SH DESCRIPTION", roff(STORY[verb]),
    ".PP", roff((words:gsub("\n", " "))),
  }
  for _, group in ipairs(grouped(options)) do
    lines[#lines + 1] = ".SH " .. group.name:upper()
    for _, option in ipairs(group.options) do
      local short = option.short and ("\\fB\\-%s\\fR, "):format(option.short) or ""
      lines[#lines + 1] = ".TP"
      lines[#lines + 1] = short .. "\\fB" .. roff("--" .. option.name) .. "\\fR"
        .. (option.arg and " \\fI" .. roff(option.arg) .. "\\fR" or "")
      lines[#lines + 1] = roff(option.help)
    end
  end
  lines[#lines + 1] = ".SH EXIT STATUS"
  lines[#lines + 1] = roff((exit:gsub("^Exit status: ", ""):gsub("\n", " ")))
  return table.concat(lines, "\n") .. "\n"
end

return M
