--- A plan for people: one operation a line, and what it comes to. The same as data for --json.

local M = {}

-- Of the mount flags of mount(2) and of the attributes of mount_setattr(2), those that plans use.
local MS = {
  { 1, "read-only" }, { 2, "nosuid" }, { 4, "nodev" }, { 8, "noexec" }, { 0x4000, "recursive" },
  { 16, "sync" }, { 32, "remount" }, { 64, "mand" }, { 128, "dirsync" }, { 256, "nosymfollow" },
  { 1024, "noatime" }, { 2048, "nodiratime" }, { 4096, "bind" }, { 0x8000, "silent" },
  { 0x20000, "unbindable" }, { 0x40000, "private" }, { 0x80000, "slave" }, { 0x100000, "shared" },
  { 0x200000, "relatime" }, { 0x800000, "iversion" }, { 0x1000000, "strictatime" },
  { 0x2000000, "lazytime" },
}
local ATTR = {
  { 1, "read-only" }, { 2, "nosuid" }, { 4, "nodev" }, { 8, "noexec" }, { 16, "noatime" },
  { 32, "strictatime" }, { 0x80, "nodiratime" }, { 0x200000, "nosymfollow" },
}

local function bits(value, names, none)
  local words, rest = {}, tonumber(value)
  for _, pair in ipairs(names) do
    if math.floor(rest / pair[1]) % 2 == 1 then
      words[#words + 1] = pair[2]
      rest = rest - pair[1]
    end
  end
  if rest > 0 then words[#words + 1] = ("0x%x"):format(rest) end
  return words[1] and table.concat(words, " ") or none
end

local function printable(text)
  return require("tidelock.error").printable(text)
end

local function namespaces(value)
  local known, pairs_of = require("tidelock.normalise.names").namespaces, {}
  for name, flag in pairs(known) do pairs_of[#pairs_of + 1] = { flag, name } end
  table.sort(pairs_of, function(a, b) return a[2] < b[2] end)
  return bits(value, pairs_of, "no")
end

local function capabilities(value)
  local names, words = require("tidelock.capability").names, {}
  local mask = tonumber(value)
  local all = 0
  for number = 0, #names do
    if math.floor(mask / 2 ^ number) % 2 == 1 then words[#words + 1] = names[number] end
    if mask == 2 ^ (number + 1) - 1 then all = number end
  end
  if all >= 30 then return "all" end
  return words[1] and table.concat(words, " ") or "none"
end

local function amount(value)
  if value == require("tidelock.normalise.names").unlimited then return "unlimited" end
  return ("%.0f"):format(value)
end

local function attributes(value, op)
  return bits(value, ATTR, op.tree == 1 and "with the box's ids" or "as it is")
end

local function flags(value) return bits(value, MS, "none") end
local function octal(value) return ("%04o"):format(value) end

local function words(value)
  local list = {}
  for i, word in ipairs(value) do list[i] = printable(word) end
  return table.concat(list, " ")
end

local function candidates(value)
  if #value == 1 then return printable(value[1]) end
  local dirs, name = {}, nil
  for i, path in ipairs(value) do
    dirs[i], name = path:match("^(.*)/([^/]*)$")
  end
  return printable(name) .. " from " .. printable(table.concat(dirs, ":"))
end

local function resource(value) return require("tidelock.normalise.names").rlimits[value] end

local function numbers(value) return table.concat(value, " ") end

-- MOUNT_ATTR__ATIME is a field, not a bit.
local function cleared(value)
  local atime = math.floor(value / 16) % 8
  local rest = bits(value - atime * 16, ATTR, atime == 0 and "anything else" or "")
  return atime == 0 and rest or (rest .. " any atime"):gsub("^ ", "")
end

local function device_mode(value)
  local kind = { [1] = "fifo", [2] = "char", [6] = "block" }
  return ("%s %04o"):format(kind[math.floor(value / 4096)] or "?", value % 4096)
end

local function rules(value) return value[1] and table.concat(value, ", ") or "none" end

-- How a field is printed: by operation and name, else by its type.
local FIELDS = {
  ["mount_attr.set"] = function(value) return bits(value, ATTR, "as it is") end,
  ["mount_attr.clear"] = cleared,
  ["mount_attr.propagation"] = function(value) return bits(value, MS, "as linked as it is") end,
  ["mknod.mode"] = device_mode, ["open_namespace.flags"] = namespaces,
  ["clone.flags"] = namespaces, ["unshare.flags"] = namespaces, ["setns.flags"] = namespaces,
  ["propagation.flags"] = flags, ["mount.flags"] = flags,
  ["bind.attr"] = attributes, ["root_tree.attr"] = attributes, ["idmap_mount.attr"] = attributes,
  ["write_map.kind"] = function(value) return value == 0 and "uid" or "gid" end,
  ["write_map.map"] = function(value) return printable((value:gsub("\n", ", "))) end,
  ["mkdir.mode"] = octal, ["umask.mode"] = octal,
  ["drop_bounding.keep"] = capabilities, ["capset.permitted"] = capabilities,
  ["ambient.raise"] = capabilities,
  ["rlimit.resource"] = resource,
  ["rlimit.soft"] = amount, ["rlimit.hard"] = amount,
  ["overlay.size"] = function(value) return (value:gsub("^size=", "")) end,
  ["limit_devices.allow"] = function(value) return value == 1 and "all" or "no" end,
  ["limit_devices.rules"] = rules,
  ["exec.path"] = candidates, ["exec.argv"] = words,
}
local TYPES = {
  str = printable, ostr = printable, path = printable, args = words, ids = numbers, u64 = amount,
}

-- What people want to know besides the story.
local EXTRA = {
  mount = { "source", "flags", "data" }, mkdir = { "mode" }, overlay = { "size" },
    exec = { "argv" },
}

local function operations()
  if not M.known then
    local known = {}
    for _, info in ipairs(require("tidelock.core").plan.operations()) do
      known[info.name] = { story = info.story, types = {} }
      for _, field in ipairs(info.fields) do known[info.name].types[field.name] = field.type end
    end
    M.known = known
  end
  return M.known
end

local function print_field(op, info, name)
  local value = op[name]
  if value == nil then return nil end
  local print = FIELDS[op.op .. "." .. name] or TYPES[info.types[name]] or tostring
  return print(value, op)
end

--- What an operation does, in one line: "bind /usr on /usr, read-only nosuid nodev".
---@param op table
---@return string
function M.story(op)
  local info = operations()[op.op]
  if not info then return tostring(op.op) end
  local text = info.story:gsub("{([%w_]+)}", function(name)
    return print_field(op, info, name) or "?"
  end)
  local more = {}
  for _, name in ipairs(EXTRA[op.op] or {}) do
    local value = print_field(op, info, name)
    if value then more[#more + 1] = name == "argv" and value or name .. " " .. value end
  end
  if more[1] then text = ("%s (%s)"):format(text, table.concat(more, ", ")) end
  return text
end

local function kinds(norm)
  local by_target = {}
  for _, entry in ipairs(norm.mounts) do by_target[entry.target] = entry.kind end
  return by_target
end

--- "/src (the host's) /tmp"
local function writable(norm)
  local list, by_target = {}, kinds(norm)
  for i, target in ipairs(norm.writable) do
    local kind = by_target[target]
    if target == "/" then kind = norm.root.overlay and "overlay" or "bind" end
    local note = kind == "bind" and " (the host's)" or kind == "overlay" and " (thrown away)" or ""
    list[i] = printable(target) .. note
  end
  return list[1] and table.concat(list, ", ") or "nothing"
end

local NETWORK = {
  none = "none, only lo inside", joined = "that of the namespace which was joined",
  host = "the host's: its interfaces and its abstract sockets",
}

local function listed(list)
  local out = {}
  for i, path in ipairs(list) do out[i] = printable(path) end
  return out[1] and table.concat(out, ", ") or "none"
end

--- The last lines of `explain`, also those of a report.
---@param norm table
---@return string[] lines
function M.summary(norm)
  local lines = {
    "writable: " .. writable(norm),
    "network: " .. NETWORK[norm.net],
    "host sockets reachable: " .. listed(norm.sockets),
  }
  if norm.limits then lines[#lines + 1] = "limits: " .. table.concat(norm.limits, ", ") end
  if norm.protected[1] then lines[#lines + 1] = "kept read-only: " .. listed(norm.protected) end
  if norm.not_enforced[1] then lines[#lines + 1] = "not enforced: " .. listed(norm.not_enforced) end
  for _, note in ipairs(norm.notes) do
    local at = note.at ~= "default" and note.at and " (" .. note.at .. ")" or ""
    lines[#lines + 1] = "note: " .. note.text .. at
  end
  return lines
end

--- One operation a line, then what it comes to.
---@param norm table
---@param ops table[]
---@return string
function M.text(norm, ops)
  local lines = {}
  for i, op in ipairs(ops) do
    local at = op.at ~= "default" and op.at and "  (" .. printable(op.at) .. ")" or ""
    lines[i] = ("%3d  %-6s  %-7s  %s%s"):format(i, op.lane, op.stage, M.story(op), at)
  end
  -- Those of the other stages are operations of the plan.
  for index, hook in ipairs(norm.hooks) do
    if hook.at == "started" or hook.at == "stopped" then
      lines[#lines + 1] = ("     host    %-7s  call the Lua function %s  (%s)"):format(hook.at,
        printable(hook.name or "hook " .. index), printable(hook.origin))
    end
  end
  lines[#lines + 1] = ""
  for _, line in ipairs(M.summary(norm)) do lines[#lines + 1] = line end
  return require("tidelock.error").plain(table.concat(lines, "\n") .. "\n")
end

local function hash(bytes)
  local bit = require "bit"
  local sum = 5381
  for i = 1, #bytes do sum = bit.bxor(bit.tobit(sum * 33), bytes:byte(i)) end
  return bit.tohex(sum)
end

local function filter(bytes)
  return { instructions = #bytes / 8, hash = hash(bytes) }
end

local function plain(value)
  if type(value) == "function" then return "function" end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = plain(item) end
  return copy
end

--- The same as data: the operations with their stories, and the normalised spec.
---@param norm table
---@param ops table[]
---@return table
function M.data(norm, ops)
  local list, spec = {}, plain(norm)
  for i, op in ipairs(ops) do
    list[i] = plain(op)
    list[i].story = M.story(op)
    if op.op == "seccomp" then list[i].filter = filter(op.filter) end
  end
  if norm.seccomp.filter then spec.seccomp.filter = filter(norm.seccomp.filter) end
  return { operations = list, spec = spec }
end

return M
