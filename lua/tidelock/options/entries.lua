--- What the arguments of options make: settings { field, value, origin } of a spec.

local M = {}

local function refuse(origin, value, why, accepted, hint)
  require("tidelock.error").refuse {
    field = origin, value = value, why = why, accepted = accepted, hint = hint,
  }
end

M.refuse = refuse

---Splits at colons; "\:" is a colon and "\\" a backslash inside a part.
---@param text string
---@return string[]
function M.split(text)
  if not text:find("\\", 1, true) then
    local parts = {}
    for part in (text .. ":"):gmatch("([^:]*):") do parts[#parts + 1] = part end
    return parts
  end
  local parts, part, i = {}, {}, 1
  while i <= #text do
    local c = text:sub(i, i)
    local following = text:sub(i + 1, i + 1)
    if c == "\\" and (following == ":" or following == "\\") then
      part[#part + 1] = following
      i = i + 1
    elseif c == ":" then
      parts[#parts + 1], part = table.concat(part), {}
    else
      part[#part + 1] = c
    end
    i = i + 1
  end
  parts[#parts + 1] = table.concat(part)
  return parts
end

local function mount(origin, entry)
  return "fs", { entry }, origin
end

function M.ro(text, origin) return mount(origin, { kind = "ro", source = text }) end
function M.rw(text, origin) return mount(origin, { kind = "rw", source = text }) end
function M.rw_all(text, origin) return mount(origin, { kind = "rw", source = text, all = true }) end
function M.hide(text, origin) return mount(origin, { kind = "hide", target = text }) end

function M.bind(text, origin)
  local parts = M.split(text)
  local mode = parts[3]
  if #parts < 2 or #parts > 3 or parts[1] == "" or parts[2] == "" then
    refuse(origin, text, "is not SOURCE:TARGET", "SRC:DST[:ro|:rw]",
      #parts == 1 and "--ro DIR and --rw DIR show a directory at its own path" or nil)
  elseif mode and mode ~= "ro" and mode ~= "rw" then
    refuse(origin, text, "ends in an unknown mode", "SRC:DST[:ro|:rw]",
      "a colon in a path is written \\:")
  end
  local source, target = parts[1], parts[2]
  return mount(origin, { kind = "bind", source = source, target = target, readonly = mode == "ro" })
end

local function one_or_two(text, origin, accepted)
  local parts = M.split(text)
  if #parts > 2 or parts[1] == "" or parts[2] == "" then
    refuse(origin, text, nil, accepted, "a colon in a path is written \\:")
  end
  return parts[1], parts[2]
end

function M.tmpfs(text, origin)
  local target, size = one_or_two(text, origin, "DST[:SIZE]")
  return mount(origin, { kind = "tmpfs", target = target, size = size })
end

function M.overlay(text, origin)
  local source, target = one_or_two(text, origin, "DIR[:DST]")
  return mount(origin, { kind = "overlay", source = source, target = target })
end

function M.env(text, origin, context)
  local name, value = text:match("^([^=]*)=(.*)$")
  if not name then
    name, value = text, (context.getenv or os.getenv)(text)
    if name ~= "" and value == nil then return nil end
  end
  if name == "" then refuse(origin, text, "has no name", "NAME=VALUE, NAME") end
  return "env", { [name] = value }, origin
end

local LARGEST = 1048576

---The settings of a file of NAME=VALUE lines.
---@return table[]
function M.env_file(path, origin, context)
  local file, message = (context.open or io.open)(path, "rb")
  local text
  if file then
    -- An empty file has nothing to read and no message; a directory opens, and has one.
    text, message = file:read(LARGEST + 1)
    file:close()
    text = text or (not message and "")
  end
  if not text then
    refuse(origin, path, "cannot be read: " .. tostring(message):gsub("^.*: ", ""), "a file")
  end
  if #text > LARGEST then refuse(origin, path, "is too large", "at most 1M") end
  local settings, number = {}, 0
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    line = line:gsub("\r$", "")
    if line:find("%S") and not line:find("^%s*#") then
      local at = require("tidelock.error").printable(path) .. ":" .. number
      local field, value = M.env(line, at, context)
      if field then settings[#settings + 1] = { field, value, at } end
    end
  end
  return settings
end

local function capabilities(kind)
  return function(text, origin)
    local names = {}
    for name in (text .. ","):gmatch("([^,]*),") do names[#names + 1] = name end
    return "capabilities", { [kind] = names }, origin
  end
end

M.cap_add, M.cap_drop = capabilities "add", capabilities "drop"

function M.share(text, origin) return "share", { text }, origin end
function M.require(text, origin) return "require", { text }, origin end

local function descriptor(text)
  return text and text:find("^%d+$") and #text < 10 and tonumber(text) or nil
end

function M.pass_fd(text, origin)
  local from, to = text:match("^(%d+):?(%d*)$")
  local fd = descriptor(from)
  local target = to ~= "" and descriptor(to) or nil
  if not fd or (text:find(":", 1, true) and not target) then
    refuse(origin, text, "is not a descriptor", "N[:M]")
  end
  return "pass_fds", { { fd = fd, target = target } }, origin
end

local function number_or_text(text)
  return text:find("^%d+$") and #text < 16 and tonumber(text) or text
end

function M.memory(text, origin) return "limits", { memory = text }, origin end
function M.pids(text, origin) return "limits", { pids = text }, origin end
function M.cpus(text, origin) return "limits", { cpus = text }, origin end

function M.limit(text, origin)
  return "limits", require("tidelock.options.limit").parse(text, origin), origin
end

function M.rlimit(text, origin)
  local name, soft, hard = text:match("^([^=]+)=([^:]+):?([^:]*)$")
  if not name or (text:find(":", 1, true) and hard == "") then
    refuse(origin, text, "is not a limit", "NAME=SOFT[:HARD], such as nofile=1024")
  end
  local value = number_or_text(soft)
  if hard ~= "" then value = { value, number_or_text(hard) } end
  return "rlimits", { [name] = value }, origin
end

---@return string
function M.bundle(text, origin)
  if text == "" then refuse(origin, text, "is empty", "DIR") end
  return text
end

local SHORTEST = 0.1 -- s: to look at everything takes some milliseconds

---@return number seconds
function M.delay(text, origin)
  local seconds, why, accepted = require("tidelock.units").duration(text)
  if not seconds then refuse(origin, text, why, accepted) end
  if seconds < SHORTEST then refuse(origin, text, "is too short", "at least 100ms") end
  return seconds
end

---@return integer
function M.rounds(text, origin)
  local count = text:find("^%d+$") and #text < 10 and tonumber(text) or 0
  if count < 1 then refuse(origin, text, "is not a number of looks", "a whole number from 1") end
  return count
end

---A setting of the command, not of the box.
---@return {path: string}|{fd: integer}
function M.report(text, origin)
  if text == "" then refuse(origin, text, "is empty", "FILE|fd:N") end
  local digits = text:match("^fd:(.*)$")
  if not digits then return { path = text } end
  local fd = descriptor(digits)
  if not fd then refuse(origin, text, "is not a descriptor", "FILE|fd:N") end
  return { fd = fd }
end

return M
