--- What `ps`, `stats` and `top` show of the boxes that run: rows, and the columns of their tables.

local choose = require "tidelock.state.choose"
local units = require "tidelock.units"

local M = {}

local DAY = 86400

---@class tidelock.Row
---@field record table                  see tidelock.state.read
---@field stats tidelock.CgroupStats?   nil: it has no cgroup
---@field cpu number?                   per cent of a processor

-- "12s", "5m03s", "2h07m", "3d04h": always as narrow.
local function duration(seconds)
  if seconds < 60 then return ("%ds"):format(seconds) end
  if seconds < 3600 then return ("%dm%02ds"):format(seconds / 60, seconds % 60) end
  if seconds < DAY then return ("%dh%02dm"):format(seconds / 3600, seconds % 3600 / 60) end
  return ("%dd%02dh"):format(seconds / DAY, seconds % DAY / 3600)
end

-- Below a minute the hundredths are of interest.
local function cpu_time(seconds)
  return seconds and (seconds < 60 and ("%.2fs"):format(seconds) or duration(seconds))
end

local function size(bytes)
  return bytes and (bytes < 1024 and ("%d"):format(bytes) or units.format_size(bytes))
end

local function count(number)
  return number and ("%.0f"):format(number)
end

local function of(row, group, name)
  local stats = row.stats
  return stats and stats[group] and stats[group][name]
end

local function pids(row)
  local current = of(row, "pids", "current")
  return current and count(current) .. "/" .. (count(of(row, "pids", "limit")) or "-")
end

-- Of the last ten seconds, those in which something waited: cpu, memory, io.
local function pressure(row)
  local found = row.stats and row.stats.pressure
  if not found then return nil end
  local texts = {}
  for i, name in ipairs { "cpu", "memory", "io" } do
    local some = found[name] and found[name].some
    texts[i] = some and ("%.0f"):format(some.avg10) or "-"
  end
  return table.concat(texts, "/")
end

local ID = { title = "ID", of = function(row) return row.record.id end }
local COMMAND = { title = "COMMAND", of = function(row)
  local text = choose.command(row.record)
  return text ~= "" and text or nil
end }

---@type tidelock.Column[]
M.PS = {
  ID,
  { title = "PID", right = true, of = function(row) return count(row.record.init.pid) end },
  { title = "AGE", right = true, of = function(row) return duration(row.record.age) end },
  { title = "STATE", of = function(row) return row.state end },
  { title = "LIMITS", of = function(row)
    local text = table.concat(row.record.limits or {}, ", ")
    return text ~= "" and text or nil
  end },
  COMMAND,
}

---@type tidelock.Column[]
M.STATS = {
  ID,
  { title = "CPU%", right = true, of = function(row)
    return row.cpu and ("%.1f"):format(row.cpu)
  end },
  { title = "CPU TIME", right = true,
    of = function(row) return cpu_time(of(row, "cpu", "usage")) end },
  { title = "MEMORY", right = true,
    of = function(row) return size(of(row, "memory", "current")) end },
  { title = "PEAK", right = true, of = function(row) return size(of(row, "memory", "peak")) end },
  { title = "LIMIT", right = true, of = function(row) return size(of(row, "memory", "limit")) end },
  { title = "READ", right = true, of = function(row) return size(of(row, "io", "rbytes")) end },
  { title = "WRITTEN", right = true, of = function(row) return size(of(row, "io", "wbytes")) end },
  { title = "PIDS", right = true, of = pids },
  { title = "PRESSURE", right = true, of = pressure },
  { title = "OOM", right = true, of = function(row) return count(of(row, "oom", "kills")) end },
}

M.TOP = { unpack(M.STATS) }
M.TOP[#M.TOP + 1] = COMMAND

local function is_frozen(core, record)
  for _, dir in ipairs(require("tidelock.cgroup.stats").dirs(record)) do
    local text = core.host.read(dir .. "/freezer.state", 16)
      or core.host.read(dir .. "/cgroup.freeze", 16)
    if text and (text:find("^FROZEN") or text:find("^1")) then return true end
  end
  return false
end

---The boxes of `ps`.
---@param core table
---@param records table[]
---@return tidelock.Row[]
function M.boxes(core, records)
  local rows = {}
  for i, record in ipairs(records) do
    rows[i] = { record = record, state = is_frozen(core, record) and "paused" or "running" }
  end
  return rows
end

---What the boxes use. Per cent of a processor since `before`, or since the box began.
---@param core table
---@param records table[]
---@param detail boolean?
---@param before { at: number, usage: table<string, number> }?  what this returned last time
---@return tidelock.Row[]
---@return { at: number, usage: table<string, number> } now
function M.usage(core, records, detail, before)
  local found = require("tidelock.cgroup.stats").of(core, records, detail)
  local now = { at = core.process.clock(), usage = {} }
  local rows = {}
  for i, record in ipairs(records) do
    local stats, row = found[i] or nil, nil
    -- Gone since its record was read.
    if stats or not record.cgroup then
      row = { record = record, stats = stats }
      rows[#rows + 1] = row
    end
    local used = row and of(row, "cpu", "usage")
    if used then
      local earlier = before and before.usage[record.name]
      local seconds = earlier and now.at - before.at or record.age
      row.cpu = seconds > 0 and math.max(0, used - (earlier or 0)) / seconds * 100 or nil
      now.usage[record.name] = used
    end
  end
  return rows, now
end

---The busiest first; what is unknown last.
---@param rows tidelock.Row[]
function M.sort(rows)
  table.sort(rows, function(a, b)
    local one, other = a.cpu or -1, b.cpu or -1
    if one ~= other then return one > other end
    return a.record.name < b.record.name
  end)
end

---Which rows show "-" because nothing counts there?
---@param rows tidelock.Row[]
---@return string? hint
function M.hint(rows)
  for _, row in ipairs(rows) do
    if not row.stats then
      return "nothing counts what a box without a cgroup uses: a limit (-m, --pids, --cpus) gives"
        .. " it one"
    end
  end
end

M.NONE = "no sandbox is running"

---A table for standard output, as wide as the terminal if that is one.
---@param core table
---@param columns tidelock.Column[]
---@param rows tidelock.Row[]
---@return string
function M.text(core, columns, rows)
  local width
  if core.process.isatty(1) then width = select(2, core.terminal.size(1)) end
  return table.concat(require("tidelock.columns").lines(columns, rows, width), "\n") .. "\n"
end

---A row for JSON.
---@param row tidelock.Row
---@return table
function M.data(row)
  local json, record = require "tidelock.json", row.record
  local data = {
    id = record.id, name = record.name, pid = record.init.pid, age = record.age,
    started = record.started, uid = record.uid, spec = record.spec, version = record.version,
    supervisor = record.supervisor and record.supervisor.pid, state = row.state,
    command = json.array { unpack(record.command or {}) },
    limits = json.array { unpack(record.limits or {}) },
    cgroups = json.array(require("tidelock.cgroup.stats").dirs(record)),
  }
  if not row.state then
    data.cpu_percent, data.stats = row.cpu or json.null, row.stats or json.null
  end
  return data
end

---@param rows tidelock.Row[]
---@return string
function M.json(rows)
  local json, list = require "tidelock.json", {}
  for i, row in ipairs(rows) do list[i] = M.data(row) end
  return json.encode(json.array(list), true) .. "\n"
end

return M
