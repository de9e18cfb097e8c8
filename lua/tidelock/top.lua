--- tidelock top: a table that is drawn again and again, on a screen of its own where standard
--- output is a terminal, and one below the other where it is not.

local choose = require "tidelock.state.choose"
local errors = require "tidelock.error"
local listing = require "tidelock.listing"
local units = require "tidelock.units"

local M = {}

-- Seconds: between two looks, and before a job in the background asks again whose the terminal is.
local DELAY, LOOK_EVERY = 2, 0.2

local INT, HUP, QUIT, TERM, TSTP, WINCH, CONT = 2, 1, 3, 15, 20, 28, 18
local ENDING = { [INT] = true, [HUP] = true, [QUIT] = true, [TERM] = true }

-- xterm's: another screen without a cursor, whose long lines are cut; and back.
local ENTER, LEAVE = "\27[?1049h\27[?25l\27[?7l", "\27[?7h\27[?25h\27[?1049l"
-- What was there is overwritten, never cleared first: nothing flickers.
local HOME, END_OF_LINE, BELOW = "\27[H", "\27[K", "\27[J"

---@class tidelock.Top
---@field is_screen boolean   standard output is a terminal
---@field is_entered boolean  and shows the table
---@field modes table?        of the terminal that keys are read from
---@field input table?        the same, as a descriptor
---@field status integer?     it is over
local Top = {}
Top.__index = Top

local function write(core, text)
  return core.process.write(1, text)
end

-- The screen and the keys, for as long as the terminal is ours: a job in the background has
-- neither.
function Top:enter()
  if not self.is_screen or self.is_entered or not self.core.terminal.foreground(1) then return end
  if self.modes then self.modes:enter() end
  write(self.core, ENTER)
  self.is_entered = true
end

function Top:leave()
  if not self.is_entered then return end
  self.is_entered = false
  write(self.core, LEAVE)
  if self.modes then self.modes:leave() end
end

function Top:open()
  local core = self.core
  self.signals = core.poll.signals { INT, HUP, QUIT, TERM, TSTP, WINCH, CONT }
  self.is_screen = core.process.isatty(1)
  if self.is_screen and core.process.isatty(0) then
    self.modes = core.terminal.modes(0) or nil
    self.input = self.modes and core.file.dup(0)
    if self.modes then self.modes:watch() end
  end
  self:enter()
end

function Top:close()
  self:leave()
  if self.modes then self.modes:close() end
  if self.input then self.input:close() end
  if self.signals then self.signals:close() end
end

function Top:suspend()
  self:leave()
  self.core.terminal.suspend()
  self:enter()
end

local function summary(rows)
  local cpu, memory = 0, 0
  for _, row in ipairs(rows) do
    local stats = row.stats
    cpu = cpu + (row.cpu or 0)
    memory = memory + (stats and stats.memory and stats.memory.current or 0)
  end
  return ("tidelock top: %d sandbox%s, %.1f%% of a processor, %s of memory"):format(#rows,
    #rows == 1 and "" or "es", cpu, units.format_size(memory))
end

-- The lines of one look.
function Top:look(width)
  local records = require("tidelock.state").running(self.core, self.dir)
  if self.names then
    local kept = {}
    for _, record in ipairs(records) do
      if self.names[record.name] then kept[#kept + 1] = record end
    end
    records = kept
  end
  local rows
  rows, self.before = listing.usage(self.core, records, false, self.before)
  listing.sort(rows)
  local lines = require("tidelock.columns").lines(listing.TOP, rows, width)
  table.insert(lines, 1, summary(rows))
  table.insert(lines, 2, "")
  local hint = listing.hint(rows)
  if hint then
    lines[#lines + 1] = ""
    lines[#lines + 1] = "hint: " .. hint
  end
  if self.names and not rows[1] then self.status = self.status or 0 end
  return lines
end

function Top:draw()
  local height, width = self.core.terminal.size(1)
  local lines = self:look(width)
  local shown = { HOME }
  for i = 1, math.min(#lines, height or #lines) do
    shown[i + 1] = (i > 1 and "\r\n" or "") .. errors.printable(lines[i], width or math.huge)
      .. END_OF_LINE
  end
  shown[#shown + 1] = BELOW
  if not write(self.core, table.concat(shown)) then self.status = 0 end
end

function Top:print()
  local text = table.concat(self:look(), "\n") .. "\n"
  if self.looks > 0 then text = "\n" .. text end
  if not write(self.core, errors.plain(text)) then self.status = 0 end
end

-- A key may be several bytes, the first of which is an escape then.
function Top:press()
  local keys = self.input:read(64)
  if not keys or keys == "" then
    self.input:close()
    self.input = nil
  elseif keys:find("^[^\27]*[qQ\3\4]") then
    self.status = 0
  elseif keys:find("^[^\27]*\26") then
    self:suspend()
  end
end

function Top:handle(number)
  if ENDING[number] then
    self.status = 128 + number
  elseif number == TSTP then
    self:suspend()
  end
end

-- Until it is time for the next look, or something asks for one.
function Top:wait(deadline)
  local things = { self.signals, self.is_entered and self.input or nil }
  local left = math.max(0, deadline - self.core.process.clock())
  if self.is_screen and not self.is_entered then left = math.min(left, LOOK_EVERY) end
  local ready = self.core.poll.wait(things, left) or {}
  for _, index in ipairs(ready) do
    if index == 2 then self:press() end
  end
  local number = self.signals:read()
  while number do
    self:handle(number)
    number = self.signals:read()
  end
  local was_entered = self.is_entered
  self:enter()
  return #ready > 0 or self.is_entered ~= was_entered
end

function Top:loop(options)
  local clock, delay = self.core.process.clock, options.delay or DELAY
  self.looks = 0
  while not self.status do
    if self.is_entered then
      self:draw()
    elseif not self.is_screen then
      self:print()
    end
    self.looks = self.looks + 1
    if self.looks == options.rounds then self.status = self.status or 0 end
    local deadline = clock() + delay
    -- One below the other they come at their time, whatever signals do.
    while not self.status and clock() < deadline do
      if self:wait(deadline) and self.is_screen then break end
    end
  end
  return self.status
end

---Shows what the caller's boxes use until it is told to end.
---@param options { ids: string[], delay: number?, rounds: integer? }
---@return integer status
function M.run(options)
  local core, records = choose.running(options.ids)
  local self = setmetatable({ core = core, is_entered = false,
    dir = require("tidelock.facts").new(core).state }, Top)
  if options.ids[1] then
    self.names = {}
    for _, record in ipairs(records) do self.names[record.name] = true end
  end
  local good, result = pcall(function()
    self:open()
    return self:loop(options)
  end)
  self:close()
  if not good then error(result, 0) end
  return result
end

return M
