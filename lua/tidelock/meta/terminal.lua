---@meta
--- tidelock.core.terminal: the caller's terminal, and the copying between it and a box's. Internal:
--- `tidelock run -t` is made of it; core.pty is for terminals of one's own.

---@class tidelock.core.terminal
local terminal = {}

---TIOCGWINSZ, ioctl_tty(2).
---@param fd integer
---@return integer? rows     nil: it is no terminal, or has no size
---@return integer? columns
function terminal.size(fd) end

---May this process read the terminal? True where it is not its own terminal. tcgetpgrp(3).
---@param fd integer
---@return boolean
function terminal.foreground(fd) end

---Stops as SIGTSTP does; returns after SIGCONT.
function terminal.suspend() end

---The modes of a terminal, to be left and come back to: tcgetattr(3).
---@param fd integer
---@return tidelock.modes?
---@return string? code
---@return integer? errno
function terminal.modes(fd) end

---Keeps duplicates of the three.
---@param master tidelock.fd
---@param input integer
---@param output integer
---@return tidelock.relay?
---@return string? code
---@return integer? errno
function terminal.relay(master, input, output) end

---@class tidelock.modes
local modes = {}

---Raw mode.
---@return true?
---@return string? code
---@return integer? errno
function modes:enter() end

---As they were, unless somebody else has changed them.
function modes:leave() end

---Forks a child that leaves when this process is killed.
---@return true?
---@return string? code
---@return integer? errno
function modes:watch() end

---Leaves, and waits for the end of the child.
function modes:close() end

---@class tidelock.relay
local relay = {}

---Readable when step() has something to do.
---@return integer
function relay:pollfd() end

---Copies what can be copied now.
---@return boolean over  the caller's terminal is gone, or nobody reads the output any more
function relay:step() end

---Copies what the box left.
---@return boolean done
function relay:drain() end

---Whether the input is left alone.
---@param paused boolean
function relay:pause(paused) end

---TIOCSWINSZ on the master.
---@param rows integer
---@param columns integer
---@return true?
---@return string? code
---@return integer? errno
function relay:resize(rows, columns) end

---Closes its duplicates, and what it made of the terminal.
function relay:close() end
