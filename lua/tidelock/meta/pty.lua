---@meta
--- tidelock.core.pty: pseudoterminals and the modes of terminals: pty(7), termios(3).

---@class tidelock.WindowSize
---@field rows integer?
---@field cols integer?
---@field xpixel integer?
---@field ypixel integer?

---@class tidelock.core.pty
local pty = {}

---openpty(3) by TIOCGPTPEER(2const), Linux 4.13: the supervisor's side and the program's, which is
---opened by its master and not by a name. Errors: ENOENT, EACCES, ENOSPC (kernel.pty.max).
---@param size tidelock.WindowSize?
---@param ptmx string?  of another devpts; "/dev/ptmx" if left out
---@return tidelock.fd? master
---@return (tidelock.fd|string)? slave_or_code
---@return integer? errno
function pty.openpty(size, ptmx) end

---ptsname(3): "/dev/pts/3", as the master's devpts numbers it. Errors: ENOTTY.
---@param master tidelock.Descriptor
---@return string?
---@return string? code
---@return integer? errno
function pty.ptsname(master) end

---TIOCGWINSZ(2const). Errors: ENOTTY.
---@param fd tidelock.Descriptor
---@return tidelock.WindowSize?
---@return string? code
---@return integer? errno
function pty.tcgetwinsize(fd) end

---TIOCSWINSZ(2const): the foreground processes get SIGWINCH if it changes. Errors: ENOTTY.
---@param fd tidelock.Descriptor
---@param size tidelock.WindowSize
---@return true?
---@return string? code
---@return integer? errno
function pty.tcsetwinsize(fd, size) end

---tcgetattr(3): the modes as a string to be kept for tcsetattr. Errors: ENOTTY.
---@param fd tidelock.Descriptor
---@return string? modes
---@return string? code
---@return integer? errno
function pty.tcgetattr(fd) end

---tcsetattr(3): "now", "drain" (the default: once the output is out) or "flush" (unread input too
---is thrown away). Errors: ENOTTY, EIO (an orphaned background process).
---@param fd tidelock.Descriptor
---@param modes string
---@param when ("now" | "drain" | "flush")?
---@return true?
---@return string? code
---@return integer? errno
function pty.tcsetattr(fd, modes, when) end

---cfmakeraw(3): the modes with every character passed on as it is. Changes no terminal.
---@param modes string
---@return string modes
function pty.cfmakeraw(modes) end

---Raw from now on; gives the modes before, for tcsetattr. Errors: ENOTTY, EIO.
---@param fd tidelock.Descriptor
---@return string? before
---@return string? code
---@return integer? errno
function pty.raw(fd) end

---TIOCSCTTY(2const): make it the controlling terminal of this session, which this process leads
---(process.setsid) and which has none. Errors: EPERM.
---@param fd tidelock.Descriptor
---@return true?
---@return string? code
---@return integer? errno
function pty.set_controlling(fd) end

---tcgetpgrp(3): the foreground process group. Errors: ENOTTY (not the controlling terminal).
---@param fd tidelock.Descriptor
---@return integer?
---@return string? code
---@return integer? errno
function pty.tcgetpgrp(fd) end

---tcsetpgrp(3). A background process gets SIGTTOU. Errors: ENOTTY, EPERM (not of this session).
---@param fd tidelock.Descriptor
---@param pgid integer
---@return true?
---@return string? code
---@return integer? errno
function pty.tcsetpgrp(fd, pgid) end
