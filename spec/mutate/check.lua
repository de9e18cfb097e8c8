-- Mutations of the plan's validation, found in the source, so that no check is forgotten: each
-- refusal passes; each condition of a refusal that has more than one is left out; each case label
-- is left out, so that its operation or type falls to the default.
local source = require "spec.mutate.source"

local M = {}

local FILE = "core/plan/check.c"

-- The statement or label before a position: what stands between the last end of one and it.
local function statement_start(blank, at)
  local depth = 0
  for i = at - 1, 1, -1 do
    local c = blank:sub(i, i)
    if c == ")" then depth = depth + 1 elseif c == "(" then depth = depth - 1 end
    if depth == 0 and c:match "[;{}:]" then return i + 1 end
  end
  error "a refusal outside any statement"
end

-- Functions by where they begin: to name a place by.
local function function_at(blank, at)
  local name
  for start, found in blank:sub(1, at):gmatch "\n()[%a][%w_ %*]-([%w_]+)%([^\n;]*" do
    if start < at then name = found end
  end
  return name
end

local function squeeze(text)
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

-- `if (A || B) return fail(...)`: the refusal goes, or one of the conditions is never so.
local function of_if(text, blank, add, start, site, close)
  local before = blank:sub(start, site - 1):gsub("return%s*$", ""):gsub("%s+$", "")
  local shut = start + #before - 1
  local open
  for at = start, shut do
    if blank:sub(at, at) == "(" and source.closing(blank, at) == shut then open = at break end
  end
  if not open or not blank:sub(start, open - 1):match "if%s*$" then return false end
  local from = blank:find("return", shut, true)
  add("", from, close + 1, ";")
  local parts = source.operands(blank, open + 1, shut - 1, "||")
  for _, part in ipairs(#parts > 1 and parts or {}) do
    add(" without " .. squeeze(text:sub(part.from, part.to)), part.from, part.to, "0")
  end
  return true
end

-- `return A && B || fail(...)`: the refusal passes, or one of the conditions always holds.
local function of_return(text, blank, add, start, site, close)
  local head = blank:sub(start, site - 1)
  local from, to = head:find "return%s+"
  if not from or not head:match "||%s*$" then return false end
  add("", site, close, "true")
  local first, last = start + to, start + #head:gsub("%s*||%s*$", "") - 1
  if blank:sub(first, first) == "(" and source.closing(blank, first) == last then
    local parts = source.operands(blank, first + 1, last - 1, "&&")
    for _, part in ipairs(#parts > 1 and parts or {}) do
      add(" without " .. squeeze(text:sub(part.from, part.to)), part.from, part.to, "1")
    end
  end
  return true
end

-- `return A && B ? true : fail(...)`, and a lone `return fail(...)`.
local function of_choice(text, blank, add, start, site, close)
  if blank:sub(start, site - 1):match "^%s*return%s*$" then
    add("", site, close, "true")
    return true
  end
  local last = blank:sub(1, site - 1):match "()%?%s*true%s*:%s*$"
  local first = last and blank:sub(1, last):match ".*return%s+()"
  if not first then return false end
  add("", site, close, "true")
  local parts = source.operands(blank, first, last - 1, "&&")
  for _, part in ipairs(#parts > 1 and parts or {}) do
    add(" without " .. squeeze(text:sub(part.from, part.to)), part.from, part.to, "1 ")
  end
  return true
end

local function refusals(text, blank, note)
  local sites = 0
  for site in blank:gmatch "()fail%(c," do
    local close = source.closing(blank, site + 4)
    local start = statement_start(blank, site)
    local why = text:sub(site, close):match '"(.-)"' or error("a refusal without its reason", 0)
    local function add(suffix, from, to, with) note(why .. suffix, from, to, with) end
    if not of_if(text, blank, add, start, site, close)
      and not of_return(text, blank, add, start, site, close)
      and not of_choice(text, blank, add, start, site, close) then
      error(FILE .. ": a refusal of a shape that is not known: " .. why, 0)
    end
    sites = sites + 1
  end
  for why, from, to in text:gmatch 'c%.why = "(.-)";%s*()goto refuse;()' do
    note(why, from, to - 1, ";")
    sites = sites + 1
  end
  -- However a reason is given: every one that the source has was found.
  local reasons = select(2, text:gsub('fail%(c,%s*"', "")) + select(2, text:gsub('why = "', ""))
  assert(sites == reasons and sites > 40, ("%s: %d reasons, %d found"):format(FILE, reasons, sites))
end

local function labels(blank, note)
  for from, label, to in blank:gmatch "()case (TL_[%w_]+):()" do
    note("case " .. label, from, to - 1, "")
  end
end

---@return table[] mutations
function M.list()
  local text = source.read(FILE)
  local blank = source.blank(text, "//")
  local found, names = {}, {}
  local function note(name, from, to, with)
    name = ("check: %s: %s"):format(function_at(blank, from), name)
    names[name] = (names[name] or 0) + 1
    if names[name] > 1 then name = name .. " #" .. names[name] end
    found[#found + 1] = { name = name, group = "check",
      edits = { { file = FILE, from = from, to = to, with = with } } }
  end
  refusals(text, blank, note)
  labels(blank, note)
  return found
end

return M
