---@meta
--- tidelock.core.uts: what a UTS namespace holds: uts_namespaces(7).

---@class tidelock.core.uts
local uts = {}

---sethostname(2): up to 64 bytes. Errors: EPERM (CAP_SYS_ADMIN), EINVAL (too long).
---@param name string
---@return true?
---@return string? code
---@return integer? errno
function uts.sethostname(name) end

---setdomainname(2): the NIS domain, up to 64 bytes. Errors: EPERM (CAP_SYS_ADMIN), EINVAL.
---@param name string
---@return true?
---@return string? code
---@return integer? errno
function uts.setdomainname(name) end

---uname(2)
---@return { sysname: string, nodename: string, release: string, version: string, machine: string, domainname: string }
function uts.uname() end
