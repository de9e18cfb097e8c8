--- The kernel's capabilities, by number and by name.

local M = {}

---@type table<integer, string>  from 0
M.names = {
  [0] = "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
  "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
  "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
  "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
  "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
  "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
}

---@type table<string, integer>
M.number = {}
for number = 0, #M.names do M.number[M.names[number]] = number end

---The name without CAP_, in upper case: "cap_net_admin" is "NET_ADMIN". Nil if there is none such.
---@param text any
---@return string?
function M.parse(text)
  if type(text) ~= "string" then return nil end
  local name = text:upper():gsub("^CAP_", "")
  return M.number[name] and name or nil
end

---All names, sorted.
---@return string[]
function M.list()
  local list = {}
  for number = 0, #M.names do list[number + 1] = M.names[number] end
  table.sort(list)
  return list
end

return M
