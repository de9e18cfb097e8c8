---@meta
--- tidelock.core.filter: compile, check, try and keep seccomp filters. A program is a string of
--- instructions of 8 bytes, as seccomp(2) takes it.

---@class tidelock.core.filter
---@field arch integer     AUDIT_ARCH_X86_64
---@field library integer  libseccomp's version
local filter = {}

---The program of a policy: tidelock.seccomp.default has its shape.
---@param policy tidelock.seccomp.Policy
---@return string? bytes
---@return string? message
function filter.compile(policy) end

---The program of the OCI runtime specification's linux.seccomp, from its JSON text, and the flags
---for seccomp(2) as a number. What is not accepted is named: "linux.seccomp.syscalls[3].args[0].op",
---lists from 0.
---@param text string
---@return string? bytes
---@return integer|string flags_or_message
---@return string? path
---@return string? accepted
---@return any value
function filter.compile_oci(text) end

---Would the kernel accept the program?
---@param bytes string
---@return true?
---@return string? message
---@return integer? index  of the instruction at fault, from 0
function filter.check(bytes) end

---Run the program on one call, with no kernel.
---@param bytes string
---@param call { nr: integer, arch: integer?, args: (integer|string)[]?, ip: (integer|string)? }
---@return integer? action  see filter.action
---@return string? message
function filter.evaluate(bytes, call) end

---A program that gives the same answers and that the kernel loads faster: for each architecture a
---balanced tree of ranges of call numbers. Raises for one that filter.check refuses. Errors: ENOTSUP
---(not what a policy compiles to), E2BIG, EBADMSG (it takes a call's number for an architecture).
---@param bytes string
---@return string? bytes
---@return string? code
---@return integer? errno
function filter.tree(bytes) end

---The value that a filter returns for "allow", "kill", "errno:EPERM" ...; nil if there is none
---such.
---@param text string
---@return integer?
function filter.action(text) end

---The number of a system call on this machine, nil if this libseccomp does not know it.
---@param name string
---@return integer?
function filter.syscall_number(name) end

---@param number integer
---@return string?
function filter.syscall_name(number) end

---SHA-256 in hexadecimal.
---@param bytes string
---@param portable boolean?  without the processor's own instructions
---@return string
function filter.sha256(bytes, portable) end

---A program that was kept, and its flags. Errors: ENOENT, EPERM (others may write it), EBADMSG
---(damaged).
---@param dir string
---@param name string
---@return string? bytes
---@return integer|string flags_or_code
---@return integer? errno
function filter.cache_load(dir, name) end

---Keep a program, atomically.
---@param dir string
---@param name string
---@param bytes string
---@param flags integer?  for seccomp(2), 0 if left out
---@return true?
---@return string? code
---@return integer? errno
function filter.cache_store(dir, name, bytes) end
