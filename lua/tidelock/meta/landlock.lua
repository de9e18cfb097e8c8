---@meta
--- tidelock.core.landlock: landlock(7), Linux 5.13: a process takes rights from itself, for good.
---
---     local all = landlock.access()
---     local ruleset = landlock.create_ruleset { fs = all.fs }
---     landlock.add_rule(ruleset, "path_beneath", usr, { "execute", "read_file", "read_dir" })
---     prctl.set_no_new_privs()
---     landlock.restrict_self(ruleset)

---@class tidelock.LandlockAccess
---@field fs string[]?  execute write_file read_file read_dir remove_dir remove_file make_char make_dir make_reg make_sock make_fifo make_block make_sym (ABI 1), refer (2), truncate (3), ioctl_dev (5)
---@field net string[]?  bind_tcp connect_tcp (ABI 4)
---@field scoped string[]?  abstract_unix_socket signal (ABI 6)

---@class tidelock.core.landlock
local landlock = {}

---The ABI of this kernel: 1 (Linux 5.13), 2 (5.19), 3 (6.2), 4 (6.7), 5 (6.10), 6 (6.12), 7 (6.15).
---Errors: ENOSYS (not built in), EOPNOTSUPP (disabled at boot).
---@return integer?
---@return string? code
---@return integer? errno
function landlock.abi() end

---The rights that an ABI knows. Errors: as abi().
---@param abi integer?  nil: of this kernel
---@return tidelock.LandlockAccess?
---@return string? code
---@return integer? errno
function landlock.access(abi) end

---landlock_create_ruleset(2): these rights will be denied where no rule gives them. Errors: EINVAL
---(a right that this ABI lacks), E2BIG (a kind that it lacks), ENOMSG (no rights).
---@param handled tidelock.LandlockAccess
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function landlock.create_ruleset(handled) end

---landlock_add_rule(2): give rights back, "path_beneath" a file or directory (an O_PATH
---descriptor), or on a TCP "net_port". Errors: EINVAL (rights not handled, or of directories on a
---file), ENOMSG (no rights), EBADFD.
---@param ruleset tidelock.Descriptor
---@param kind "path_beneath" | "net_port"
---@param what tidelock.Descriptor | integer
---@param access string | string[]
---@return true?
---@return string? code
---@return integer? errno
function landlock.add_rule(ruleset, kind, what, access) end

---landlock_restrict_self(2): enforce it on this process and its children. No mount can be changed
---from then on. Flags (ABI 7): log_same_exec_off log_new_exec_on log_subdomains_off. Errors: EPERM
---(without no_new_privs or CAP_SYS_ADMIN), E2BIG (16 layers).
---@param ruleset tidelock.Descriptor
---@param flags (string | string[])?
---@return true?
---@return string? code
---@return integer? errno
function landlock.restrict_self(ruleset, flags) end
