--- The boxes that people mean: an ID or the beginning of one, or the whole name of a record.

local errors = require "tidelock.error"

local M = {}

local FEW = 8 -- IDs in one message
local LONGEST = 500 -- columns of a command

-- What a box runs, short enough to be one of several.
local function told(record, same)
  local command = M.command(record)
  return (same and record.name or record.id)
    .. (command ~= "" and " (" .. errors.printable(command, 24) .. ")" or "")
end

local function refuse_unknown(word, records)
  local ids = {}
  for i, record in ipairs(records) do ids[i] = record.id end
  errors.refuse { field = "ID", value = word, why = "is no sandbox that runs",
    hint = require("tidelock.suggest").hint(word, ids) or "tidelock ps lists those that run" }
end

local function refuse_ambiguous(word, found)
  local texts, same = {}, found[1].id == found[2].id
  for i = 1, math.min(#found, FEW) do texts[i] = told(found[i], same) end
  if #found > FEW then texts[FEW + 1] = ("%d more"):format(#found - FEW) end
  errors.refuse { field = "ID", value = word, why = "is the beginning of " .. #found .. " IDs",
    accepted = table.concat(texts, ", ") }
end

---The one box that is meant. Raises where there is none, or more than one.
---@param records table[]  those that run, see tidelock.state.read
---@param word string
---@return table record
function M.one(records, word)
  local found = {}
  for _, record in ipairs(records) do
    if record.name == word then return record end
    if word ~= "" and record.id:sub(1, #word) == word then found[#found + 1] = record end
  end
  if not found[1] then refuse_unknown(word, records) end
  if found[2] then refuse_ambiguous(word, found) end
  return found[1]
end

---Those that are meant, each once and in the order of the list; all where no word says which.
---@param records table[]
---@param words string[]
---@return table[]
function M.some(records, words)
  if not words[1] then return records end
  local wanted, list = {}, {}
  for _, word in ipairs(words) do wanted[M.one(records, word)] = true end
  for _, record in ipairs(records) do
    if wanted[record] then list[#list + 1] = record end
  end
  return list
end

---Those of the caller's boxes that run and are meant.
---@param words string[]
---@return table core
---@return table[] records
function M.running(words)
  local core = require "tidelock.core"
  local dir = require("tidelock.facts").new(core).state
  return core, M.some(require("tidelock.state").running(core, dir), words)
end

-- As a shell would take it, so that one sees where the words end.
local function quoted(word)
  if word:find("^[%w_./:=@%%+,-]+$") then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

---The command of a box in one line; empty for a box that is held open.
---@param record table
---@return string
function M.command(record)
  local words = {}
  for i, word in ipairs(record.command or {}) do
    words[i] = quoted(errors.printable(word, math.huge))
  end
  return errors.printable(table.concat(words, " "), LONGEST)
end

return M
