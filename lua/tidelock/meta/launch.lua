---@meta
--- tidelock.core.launch: start a plan. Internal: spec:run() and its like are made of it.

---@class tidelock.core.launch
local launch = {}

---Begin the clone of an init into new namespaces while the plan is made; launch.start uses it up, and
---tells what went wrong.
---@param flags integer  CLONE_NEW*, clone(2)
---@param into tidelock.fd|integer|nil  directory of a cgroup v2 to begin in; stays open until it is used up
---@return tidelock.spawn
function launch.spawn(flags, into) end

---@param options { plan: string, slots: table?, spawn: tidelock.spawn?, hook: fun(index: integer, undo: boolean, pid: integer)? }
---@return tidelock.box?
---@return { index: integer, code: string, errno: integer, call: string?, reason: string?, cause: any }? fault
---@return tidelock.box? ended  with a fault: for its times and moments
function launch.start(options) end

---@class tidelock.spawn
local spawn = {}

---Kills an init that was not used.
function spawn:close() end

---What runs. Collected, or closed, it is killed.
---@class tidelock.box
local box = {}

---How it ended, when it has, at most so many seconds. Errors: ETIMEDOUT.
---@param seconds number?
---@return table?
---@return string? code
---@return integer? errno
function box:wait(seconds) end

---To PID 1, which forwards what it may. Errors: ESRCH.
---@param signal integer?  nil: KILL
---@return true?
---@return string? code
---@return integer? errno
function box:kill(signal) end

---@return integer
function box:pollfd() end

---@return integer
function box:pid() end

---pidfd_open(2) of PID 1, a descriptor of the caller's own, for setns(2).
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function box:pidfd() end

---What init opened inside and handed out, the caller's from now on; nil if there is nothing.
---@return tidelock.fd?
function box:file() end

---Seconds since the launch began, by operation: { start, end }; where the lanes meet, also the
---start and end of the launcher's half. 0 is an operation that was not carried out.
---@return number[][]
function box:times() end

---What happened between the operations: `began` in seconds of CLOCK_MONOTONIC, the others, as far
---as they happened, in seconds since then: `clone` (clone3 is called), `born` (the child runs, before
---its exec), `init` (init runs), `ready` (it has its plan), `reaped` (PID 1 has seen the end of the
---workload), `told` (whatever else there was is gone).
---@return table<string, number>
function box:moments() end

---Kills what still runs.
function box:close() end

---Waits for the end of the process without telling it, which is wait's to do.
---@return true?
---@return string? code
---@return integer? errno
function box:reap() end

---The master of the workload's terminal, the caller's from now on; nil if there is none.
---@return tidelock.fd?
function box:pty() end
