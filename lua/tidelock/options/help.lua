--- What is generated from a table of options: the help text, bash completion, the man page.

local M = {}

local texts = require "tidelock.options.texts"

local WIDTH = 80

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
  local about = texts[verb]
  local function paragraph(text) return table.concat(wrapped(text, WIDTH), "\n") end
  local lines = { "usage: " .. about.usage, "", paragraph(about.story) }
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
  lines[#lines + 1] = "\n" .. paragraph(about.words) .. "\n\n" .. paragraph(about.exit) .. "\n"
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

local IDS = '$("${COMP_WORDS[0]}" ps -q 2>/dev/null)'

-- Behind an ID kill takes a signal.
local function add_ids(lines, verb)
  local function complete(words)
    return ('mapfile -t COMPREPLY < <(compgen -W "%s" -- "$word")'):format(words)
  end
  if verb == "kill" then
    lines[#lines + 1] = '    case $COMP_CWORD$before in 2*|*--all|*-a) ' .. complete(IDS) .. " ;;"
    local names = require("tidelock.signal").list()
    lines[#lines + 1] = "    *) " .. complete(table.concat(names, " ")) .. " ;; esac"
  else
    lines[#lines + 1] = "    " .. complete(IDS)
  end
  lines[#lines + 1] = "    return ;;"
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
    lines[#lines + 1] = texts[verb].ids and "    esac" or "    esac ;;"
    if texts[verb].ids then add_ids(lines, verb) end
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
  local about = texts[verb]
  local lines = {
    (".TH TIDELOCK-%s 1"):format(verb:upper()),
    ".SH NAME",
    ("tidelock\\-%s \\- %s"):format(verb, about.name),
    ".SH SYNOPSIS", roff(about.usage), ".SH DESCRIPTION", roff(about.story),
    ".PP", roff((about.words:gsub("\n", " "))),
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
  lines[#lines + 1] = roff((about.exit:gsub("^Exit status: ", ""):gsub("\n", " ")))
  return table.concat(lines, "\n") .. "\n"
end

return M
