---@meta
--- tidelock.core.capability: the five sets of capabilities(7), by name: "NET_ADMIN".
--- "CAP_NET_ADMIN" and lower case are accepted. lua/tidelock/capability.lua has the list of names.

---@class tidelock.Capabilities
---@field effective string[]?
---@field permitted string[]?
---@field inheritable string[]?
---@field bounding string[]?
---@field ambient string[]?

---@class tidelock.core.capability
local capability = {}

---capget(2), and for the bounding and ambient set prctl(2): all five sets of this process.
---@return tidelock.Capabilities?
---@return string? code
---@return integer? errno
function capability.capget() end

---capset(2), PR_CAPBSET_DROP(2const), PR_CAP_AMBIENT(2const) (Linux 4.3): make the sets that are
---given exactly these; the others stay. First the bounding set is cut (needs SETPCAP), then the
---three of capset, then ambient, which must be in permitted and inheritable. What was done before
---an error stays done. Errors: EPERM.
---@param sets tidelock.Capabilities
---@return true?
---@return string? code
---@return integer? errno
function capability.capset(sets) end
