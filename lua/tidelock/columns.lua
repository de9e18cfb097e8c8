--- Tables of text: every column as wide as what is in it.

local errors = require "tidelock.error"

local M = {}

---@class tidelock.Column
---@field title string
---@field right boolean?        numbers end below each other
---@field of fun(row: any): string?  nil is shown as "-"

-- Columns on a terminal, as errors.printable counts them: a byte of UTF-8 beyond the first is none.
local function width_of(text)
  local _, beyond = text:gsub("[\128-\191]", "")
  return #text - beyond
end

local function cut(text, width)
  if width_of(text) <= width then return text end
  return width > 3 and errors.printable(text, width) or ("."):rep(width)
end

local function cells(columns, rows)
  local list, widths = {}, {}
  for k, column in ipairs(columns) do widths[k] = width_of(column.title) end
  for i, row in ipairs(rows) do
    list[i] = {}
    for k, column in ipairs(columns) do
      local text = errors.printable(column.of(row) or "-", math.huge)
      list[i][k] = text
      widths[k] = math.max(widths[k], width_of(text))
    end
  end
  return list, widths
end

local function line(columns, texts, widths)
  local out, last = {}, #columns
  for k, column in ipairs(columns) do
    local space = (" "):rep(widths[k] - width_of(texts[k]))
    out[k] = column.right and space .. texts[k] or k < last and texts[k] .. space or texts[k]
  end
  return table.concat(out, "  ")
end

---The lines of a table, the titles first. What does not fit is cut at the end of the last column.
---@param columns tidelock.Column[]
---@param rows any[]
---@param width integer?  of the terminal; nil: as wide as it comes
---@return string[]
function M.lines(columns, rows, width)
  local list, widths = cells(columns, rows)
  local titles = {}
  for k, column in ipairs(columns) do titles[k] = column.title end
  local lines = { line(columns, titles, widths) }
  for i, texts in ipairs(list) do lines[i + 1] = line(columns, texts, widths) end
  if width then
    for i, text in ipairs(lines) do lines[i] = cut(text, width) end
  end
  return lines
end

return M
