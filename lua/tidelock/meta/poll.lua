---@meta
--- tidelock.core.poll: waiting. What can be waited for is a descriptor, or anything with :pollfd();
--- it may also have :events() ("r", "w", "p" or several; "r" if not) and :timeout() (seconds after
--- which it is ready by itself, or nil).

---@class tidelock.core.poll
local poll = {}

---poll(2): the positions of those that are ready, hung up or whose own time is up; none when the
---time is up or a signal came. At most 64 things. Times are rounded up to milliseconds.
---@param things tidelock.Descriptor[]
---@param seconds number?  nil: as long as it takes
---@return integer[]?
---@return string? code
---@return integer? errno
function poll.wait(things, seconds) end

---signalfd(2), Linux 2.6.27: block the signals and deliver them by a descriptor. What is ignored
---stays so, as nohup(1) wants it. Closing gives the mask of before back.
---@param signals (string|integer)[]
---@return tidelock.signals?
---@return string? code
---@return integer? errno
function poll.signals(signals) end

---@class tidelock.signals
local signals = {}

---@return integer
function signals:pollfd() end

---@return string events "r"
function signals:events() end

---@return nil
function signals:timeout() end

---The number of the next signal; nothing if there is none.
---@return integer?
function signals:read() end

---The next signal in full, as siginfo_t has it; nothing if there is none.
---@return { signo: integer, signal: string|integer, code: integer, pid: integer, uid: integer, status: integer }?
function signals:siginfo() end

---The mask of before, as the kernel's 64 bits.
---@return integer|string
function signals:mask() end

---Close the descriptor and give the mask of before back.
function signals:close() end

---epoll_create(2), Linux 2.6.27: a set of things that costs nothing while they are idle; itself a
---thing. Errors: EMFILE, ENOMEM.
---@return tidelock.epoll?
---@return string? code
---@return integer? errno
function poll.epoll_create() end

---@class tidelock.epoll
local epoll = {}

---epoll_ctl(2): "add", "mod" or "del". Take a thing out before it is closed; :timeout() of a thing
---does not count here. Errors: EEXIST, ENOENT, EPERM (a regular file), EBADF.
---@param operation "add" | "mod" | "del"
---@param thing tidelock.Descriptor
---@param events string?  nil: what thing:events() says
---@return true?
---@return string? code
---@return integer? errno
function epoll:ctl(operation, thing, events) end

---epoll_wait(2): at most 64 things that are ready, and beside them what each is ready for: "r",
---"w", "p", "h" (hung up or failed). Both empty when the time is up or a signal came.
---@param seconds number?  nil: as long as it takes
---@return tidelock.Descriptor[]? things
---@return (string[]|string)? events_or_code
---@return integer? errno
function epoll:wait(seconds) end

---@return integer
function epoll:pollfd() end

---@return string events "r"
function epoll:events() end

---@return nil
function epoll:timeout() end

---Close it; the things stay open.
function epoll:close() end

---timerfd_create(2), Linux 2.6.25: a timer, not armed yet. "realtime" and "boottime" count the time
---of a suspended machine. Errors: EMFILE.
---@param clock ("monotonic" | "boottime" | "realtime")?
---@return tidelock.timerfd?
---@return string? code
---@return integer? errno
function poll.timerfd_create(clock) end

---@class tidelock.timerfd
local timerfd = {}

---timerfd_settime(2): expire in so many seconds, then every `interval`; 0 seconds disarms.
---@param seconds number
---@param interval number?
---@return true?
---@return string? code
---@return integer? errno
function timerfd:settime(seconds, interval) end

---timerfd_gettime(2): the seconds left (0: disarmed) and the interval.
---@return number? seconds
---@return (number|string)? interval_or_code
---@return integer? errno
function timerfd:gettime() end

---How often it expired since the last read. Errors: EAGAIN (not once).
---@return integer?
---@return string? code
---@return integer? errno
function timerfd:read() end

---@return integer
function timerfd:pollfd() end

---@return string events "r"
function timerfd:events() end

---@return nil
function timerfd:timeout() end

---Close it.
function timerfd:close() end
