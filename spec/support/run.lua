-- Commands for specs: run one with a time limit, keep what it printed and how it ended.
local M = {}

local top = assert(os.getenv("PWD"), "PWD is not set")
M.top = top
-- How many times slower than a real one this machine is: an emulated one says so.
M.slow = tonumber(os.getenv("TIDELOCK_SLOW")) or 1
M.tidelock = os.getenv("TIDELOCK") or top .. "/build/tidelock"

---Quote a word for the shell.
---@param word string
---@return string
function M.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function slurp(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

---What a file holds, or nil.
---@param path string
---@return string?
function M.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

---Write a file.
---@param path string
---@param text string
function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

---@class RunResult
---@field status integer  exit status as the shell tells it: 128+n for signal n
---@field stdout string
---@field stderr string
---@field timed_out boolean

---Run a shell command, or a list of words taken literally. The time limit is in seconds of a real
---machine.
---@param command string|string[]
---@param options? { timeout?: number, stdin?: string, cwd?: string, env?: table<string,string> }
---@return RunResult
function M.run(command, options)
  options = options or {}
  if type(command) == "table" then
    local words = {}
    for i, word in ipairs(command) do words[i] = M.quote(word) end
    command = table.concat(words, " ")
  end
  local base = os.tmpname()
  if options.stdin then M.write(base .. ".in", options.stdin) end
  local settings = {}
  for name, value in pairs(options.env or {}) do
    settings[#settings + 1] = name .. "=" .. M.quote(value)
  end
  -- `timeout -v` says on its own standard error that the limit struck: no exit status can lie.
  os.execute(string.format(
    "cd %s && timeout -v -k 1 %s env %s sh -c %s 2>%s.late; echo $? >%s",
    M.quote(options.cwd or top), (options.timeout or 20) * M.slow, table.concat(settings, " "),
    M.quote(string.format("exec <%s >%s.out 2>%s.err\n%s",
      options.stdin and base .. ".in" or "/dev/null", base, base, command)), base, base))
  local result = {
    status = tonumber(slurp(base)),
    stdout = slurp(base .. ".out"),
    stderr = slurp(base .. ".err"),
    timed_out = slurp(base .. ".late"):find("sending signal", 1, true) ~= nil,
  }
  for _, suffix in ipairs { "", ".in", ".out", ".err", ".late" } do os.remove(base .. suffix) end
  return result
end

---Run build/tidelock with these words.
---@param words string[]
---@param options? table  as for run
---@return RunResult
function M.tl(words, options)
  local all = { M.tidelock }
  for i, word in ipairs(words) do all[i + 1] = word end
  return M.run(all, options)
end

local identity

---Who runs the specs: "root" or "user".
---@return "root"|"user"
function M.who()
  if not identity then
    local pipe = assert(io.popen("id -u"))
    identity = pipe:read("*l") == "0" and "root" or "user"
    pipe:close()
  end
  return identity
end

---Has the caller subordinate ids?
---@return boolean
function M.has_subids()
  local pipe = assert(io.popen("id -u; id -un 2>/dev/null"))
  local uid, name = pipe:read("*l"), pipe:read("*l")
  pipe:close()
  for line in (M.read("/etc/subuid") or ""):gmatch("[^\n]+") do
    local owner = line:match("^([^:]+):%d+:%d+")
    if owner == uid or (name and owner == name) then return true end
  end
  return false
end

---Is this program there?
---@param name string
---@return boolean
function M.has(name)
  return os.execute("command -v " .. M.quote(name) .. " >/dev/null 2>&1") == 0
end

local allowed

---Skip the running spec for a reason that spec/skips lists; any other reason is a failure.
---@param reason string
function M.skip(reason)
  if not allowed then
    allowed = {}
    for line in io.lines(top .. "/spec/skips") do allowed[line] = true end
  end
  if not allowed[reason] or reason:match("^#") then
    error("spec/skips does not list this reason: " .. tostring(reason), 2)
  end
  local path = os.getenv("TIDELOCK_SKIPS")
  if path then
    local file = assert(io.open(path, "a"))
    file:write(reason, "\n")
    file:close()
  end
  -- busted's pending() for use inside a test stands in the environment of the spec's own file.
  for level = 2, 20 do
    local found, environment = pcall(getfenv, level)
    if not found then break end
    if environment ~= _G then environment.pending(reason) end
  end
  error("skip() was not called from a spec", 2)
end

---A new empty folder, world-readable; the caller removes it with M.remove.
---@return string path
function M.folder()
  local pipe = assert(io.popen("d=$(mktemp -d /tmp/tl-spec.XXXXXX) && chmod 755 $d && echo $d"))
  local path = pipe:read("*l")
  pipe:close()
  return assert(path)
end

---Remove what M.folder made.
---@param path string
function M.remove(path)
  assert(path:match("^/tmp/tl%-spec%.%w+$"), path)
  os.execute("rm -rf " .. M.quote(path))
end

return M
