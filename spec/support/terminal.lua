-- A terminal from outside: a pty, a program as the leader of a session on it, keys, the screen,
-- the window's size, and the modes as the shell that started the program would find them.
local ffi = require "ffi"
local run = require "spec.support.run"

local C, new = ffi.C, ffi.new

ffi.cdef [[
struct tl_winsize { unsigned short rows, columns, x, y; };
struct tl_termios { unsigned iflag, oflag, cflag, lflag; unsigned char line, cc[19], rest[64]; };
struct tl_pollfd { int fd; short events, revents; };
int posix_openpt(int), grantpt(int), unlockpt(int), close(int), dup2(int, int), setsid(void);
int ioctl(int, unsigned long, ...), fcntl(int, int, ...);
int poll(struct tl_pollfd *, unsigned long, int);
int fork(void), execvp(const char *, char *const *), kill(int, int), waitpid(int, int *, int);
int chdir(const char *), setenv(const char *, const char *, int), usleep(unsigned);
int close_range(unsigned, unsigned, int), setpgid(int, int), sigemptyset(void *);
int sigprocmask(int, const void *, void *);
long read(int, void *, size_t), write(int, const void *, size_t);
void _exit(int);
]]

local O_RDWR, O_NOCTTY, O_NONBLOCK, F_SETFL, F_SETFD = 2, 0x100, 0x800, 4, 2
local TIOCGPTPEER, TIOCSCTTY, TIOCSWINSZ, TCGETS = 0x5441, 0x540E, 0x5414, 0x5401
local POLLIN, POLLOUT, WNOHANG = 1, 4, 1

local M = {}

---@class TerminalDriver
---@field pid integer
---@field screen string   all that was printed
---@field seen integer    how much of it was expected already
local Driver = {}
Driver.__index = Driver

local function ints(value) return new("int", value) end

local function strings(words)
  local list = new("char *[?]", #words + 1)
  for i, word in ipairs(words) do list[i - 1] = ffi.cast("char *", word) end
  return list
end

-- Only calls of the C library from here: this is a fork of a Lua.
local function become(slave, words, options)
  local mask = new("char[128]")
  C.setsid()
  C.ioctl(slave, TIOCSCTTY, ints(0))
  for fd = 0, 2 do C.dup2(slave, fd) end
  C.close_range(3, 0xffffffff, 0)
  C.sigemptyset(mask)
  C.sigprocmask(2, mask, nil)
  if options.cwd then C.chdir(options.cwd) end
  for name, value in pairs(options.env or {}) do C.setenv(name, value, 1) end
  C.execvp(words[1], strings(words))
  C._exit(126)
end

---@param words string[]
---@param options? { cwd?: string, env?: table, rows?: integer, columns?: integer }
---@return TerminalDriver
function M.start(words, options)
  options = options or {}
  local master = C.posix_openpt(O_RDWR + O_NOCTTY)
  assert(master >= 0 and C.grantpt(master) == 0 and C.unlockpt(master) == 0)
  local slave = C.ioctl(master, TIOCGPTPEER, ints(O_RDWR + O_NOCTTY))
  assert(slave >= 0, "TIOCGPTPEER")
  C.fcntl(master, F_SETFL, ints(O_NONBLOCK))
  C.fcntl(master, F_SETFD, ints(1))
  C.fcntl(slave, F_SETFD, ints(1))
  local self = setmetatable({ master = master, slave = slave, screen = "", seen = 0 }, Driver)
  self:resize(options.rows or 30, options.columns or 100)
  self.before = self:modes()
  self.pid = C.fork()
  if self.pid == 0 then become(slave, words, options) end
  assert(self.pid > 0, "fork")
  return self
end

---build/tidelock run on a terminal.
---@param words string[]
---@param options? table
---@return TerminalDriver
function M.tidelock(words, options)
  local all = { run.tidelock, "run" }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return M.start(all, options)
end

local function clock()
  local file = assert(io.open("/proc/uptime"))
  local now = tonumber(file:read("*l"):match("^[%d.]+"))
  file:close()
  return now
end

function Driver:resize(rows, columns)
  local size = new("struct tl_winsize", rows, columns, 0, 0)
  assert(C.ioctl(self.master, TIOCSWINSZ, size) == 0)
end

---The terminal's modes, as text to compare.
---@return string
function Driver:modes()
  local modes = new("struct tl_termios")
  assert(C.ioctl(self.slave, TCGETS, modes) == 0)
  return ("%x %x %x %x"):format(modes.iflag, modes.oflag, modes.cflag, modes.lflag)
end

---Are keys passed on as they are: neither echoed nor acted on?
function Driver:is_raw()
  local modes = new("struct tl_termios")
  assert(C.ioctl(self.slave, TCGETS, modes) == 0)
  return bit.band(modes.lflag, 0xb) == 0 -- ISIG ICANON ECHO
end

-- What is there to read, waiting at most so many milliseconds for it.
function Driver:pump(wait, events)
  local poll = new("struct tl_pollfd", self.master, events or POLLIN, 0)
  C.poll(poll, 1, wait)
  local buffer = new("char[65536]")
  local n = tonumber(C.read(self.master, buffer, 65536))
  if n > 0 then self.screen = self.screen .. ffi.string(buffer, n) end
  return n > 0
end

---Types. What comes meanwhile is read, so that neither side waits for the other.
function Driver:send(text)
  local deadline = clock() + 10
  while text ~= "" do
    local n = tonumber(C.write(self.master, text, #text))
    if n > 0 then
      text = text:sub(n + 1)
    else
      self:pump(20, POLLIN + POLLOUT)
    end
    if clock() > deadline then error("the terminal takes no more keys", 2) end
  end
end

local function shown(text)
  return (text:gsub("[^\n\32-\126]", function(c) return ("\\x%02x"):format(c:byte()) end))
end

---Waits until the pattern is on the screen, behind what was expected before.
---@param pattern string
---@param seconds? number
---@return string match  or the first capture
function Driver:expect(pattern, seconds)
  local deadline = clock() + (seconds or 5)
  while true do
    local from, to, capture = self.screen:find(pattern, self.seen + 1)
    if from then
      self.seen = to
      return capture or self.screen:sub(from, to)
    end
    if clock() > deadline then
      error(("%s is not on the screen, only\n%s"):format(pattern,
        shown(self.screen:sub(self.seen + 1)) .. "\n---" .. shown(self.screen)), 2)
    end
    self:pump(50)
  end
end

---Waits until a condition holds, reading the screen meanwhile.
---@param condition function
---@param what string
---@param seconds? number
function Driver:eventually(condition, what, seconds)
  local deadline = clock() + (seconds or 5)
  while not condition() do
    if clock() > deadline then
      error(("not %s; on the screen\n%s"):format(what, shown(self.screen)), 2)
    end
    self:pump(5)
  end
end

---The end of the program.
---@param seconds? number
---@return integer status  128+n for signal n
function Driver:wait(seconds)
  local status = new("int[1]")
  self:eventually(function()
    return C.waitpid(self.pid, status, WNOHANG) == self.pid
  end, "ended", seconds)
  while self:pump(0) do end
  self.pid = nil
  local low = bit.band(status[0], 0x7f)
  return low ~= 0 and 128 + low or bit.band(bit.rshift(status[0], 8), 0xff)
end

function Driver:kill(number, pid)
  return C.kill(pid or self.pid, number)
end

---Hangs up.
function Driver:hang_up()
  C.close(self.master)
  self.master = -1
end

function Driver:close()
  if self.pid then
    C.kill(self.pid, 9)
    C.waitpid(self.pid, nil, 0)
    self.pid = nil
  end
  if self.master >= 0 then C.close(self.master) end
  C.close(self.slave)
end

return M
