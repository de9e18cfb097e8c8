---@meta
--- tidelock.core.devices: rules for the devices of a cgroup (v2), as an eBPF program: bpf(2), Linux
--- 4.15. Whoever attaches one has CAP_NET_ADMIN and CAP_BPF (before 5.8 CAP_SYS_ADMIN) in the host's
--- own user namespace. A program goes with its cgroup.
---
---     local devices = require("tidelock.core").devices
---     devices.attach("/sys/fs/cgroup/box", { allow = false, "c 1:3 rwm", "c 136:* rw" })
---
--- tidelock.devices makes such a list of rules of which the later override the earlier ones.

---What is allowed, and the exceptions from that: "c 1:3 rwm" as in devices.list of cgroup v1, with
---"*" for any number. Where nothing is allowed, one of them must cover all of the access that is
---asked for; where everything is, none may cover any of it. At most devices.most of them.
---@class tidelock.DeviceRules
---@field allow boolean?
---@field [integer] string

---@class tidelock.core.devices
---@field most integer  rules of one program: 450
local devices = {}

---The program, in instructions of 8 bytes. Asks the kernel nothing.
---@param rules tidelock.DeviceRules
---@return string
function devices.compile(rules) end

---Load a program (BPF_PROG_LOAD). Errors: EPERM (no capabilities), EINVAL (the verifier refuses it,
---and says why; without a reason: CONFIG_CGROUP_BPF is missing), ENOSYS (no bpf(2)).
---@param instructions string
---@return tidelock.fd?
---@return string? code
---@return integer? errno
---@return string? reason  the last line of what the verifier says
function devices.load(instructions) end

---Hold the processes of a cgroup, and of those below it, to the rules, besides what else they are
---held to (BPF_PROG_ATTACH, BPF_F_ALLOW_MULTI). Errors: as load(); EPERM (a cgroup above lets nothing
---below it have a program), EBADF (no cgroup v2), E2BIG (64 are there).
---@param cgroup string  its directory
---@param rules tidelock.DeviceRules
---@return true?
---@return string? code
---@return integer? errno
---@return string? reason
function devices.attach(cgroup, rules) end

---The same in the place of what was attached there by tidelock, with no moment without either
---(BPF_F_REPLACE, Linux 5.6; before, both are in force in between). Takes CAP_SYS_ADMIN.
---@param cgroup string
---@param rules tidelock.DeviceRules
---@return true?
---@return string? code
---@return integer? errno
---@return string? reason
function devices.replace(cgroup, rules) end

---Take away what was attached there by tidelock. Takes CAP_SYS_ADMIN.
---@param cgroup string
---@return integer? count  of programs
---@return string? code
---@return integer? errno
function devices.detach(cgroup) end
