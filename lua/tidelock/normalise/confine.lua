--- What the command may do: namespaces, capabilities, limits, and the descriptors it gets.

local errors = require "tidelock.error"

local M = {}

local KEPT = { mount = true, pid = true, user = true }

--- Sets norm.namespaces, norm.net and ctx.new (the new namespaces as a set).
---@param ctx table
function M.namespaces(ctx)
  local raw, norm = ctx.raw, ctx.norm
  local namespaces = require("tidelock.normalise.names").namespaces
  norm.net = raw.net or "none"
  ctx.new = {}
  for name in pairs(namespaces) do ctx.new[name] = true end
  for _, name in ipairs(raw.share or {}) do
    if not namespaces[name] or KEPT[name] then
      errors.refuse { field = "share", value = name, at = ctx.where("share"),
        why = KEPT[name] and "cannot be shared: the box would be none without its own"
          or "is not a namespace", accepted = "cgroup, ipc, network, uts" }
    end
    ctx.new[name] = nil
    if name == "network" then norm.net = "host" end
  end
  if norm.net == "host" then ctx.new.network = nil end
  norm.namespaces = {}
  for name in pairs(ctx.new) do norm.namespaces[#norm.namespaces + 1] = name end
  table.sort(norm.namespaces)

  if ctx.new.uts then
    norm.hostname = raw.hostname or "tidelock"
  elseif raw.hostname then
    errors.refuse { field = "hostname", value = raw.hostname, at = ctx.where("hostname"),
      why = "cannot be set while the uts namespace is shared: it would rename the host" }
  end
end

local function capability(ctx, text)
  local capabilities = require "tidelock.capability"
  local name = capabilities.parse(text)
  if not name then
    errors.refuse { field = "capabilities", value = text, why = "is not a capability",
      at = ctx.where("capabilities"), accepted = "ALL or names as in capabilities(7)",
      hint = require("tidelock.suggest").hint(text:upper():gsub("^CAP_", ""), capabilities.list()) }
  elseif capabilities.number[name] > ctx.facts.last_cap then
    errors.refuse { field = "capabilities", value = text, why = "is not known to this kernel",
      at = ctx.where("capabilities") }
  end
  return name
end

local function kept(ctx, wanted)
  local set, names = {}, require("tidelock.capability").names
  for _, text in ipairs(wanted.add or {}) do
    if text == "ALL" then
      for number = 0, math.min(ctx.facts.last_cap, #names) do set[names[number]] = true end
    else
      set[capability(ctx, text)] = true
    end
  end
  for _, text in ipairs(wanted.drop or {}) do
    -- The box begins with none, so that dropping all says nothing about those that were added.
    if text ~= "ALL" then set[capability(ctx, text)] = nil end
  end
  return set
end

-- What a capability takes back of the box's own walls.
local POWER = {
  SYS_ADMIN = "lets the command make read-only mounts writable and uncover what is hidden",
  SYS_PTRACE = "lets the command take over PID 1, which runs without the filter of system calls",
}

local function allow_power(ctx, name)
  local at = ctx.where("capabilities")
  if not ctx.raw.force then
    errors.refuse { field = "capabilities", value = name, at = at, why = POWER[name],
      hint = "drop " .. name .. ", or add --force (force = true)" }
  end
  ctx.note(name .. " " .. POWER[name], at)
end

--- Sets norm.capabilities.
---@param ctx table
function M.capabilities(ctx)
  local norm, wanted = ctx.norm, ctx.raw.capabilities
  norm.capabilities, norm.no_new_privs = {}, true
  if not wanted then return end
  local set = kept(ctx, wanted)
  for name in pairs(set) do norm.capabilities[#norm.capabilities + 1] = name end
  table.sort(norm.capabilities)
  for _, name in ipairs { "SYS_ADMIN", "SYS_PTRACE" } do
    if set[name] then allow_power(ctx, name) end
  end
end

local function resource_number(ctx, name)
  local list = require("tidelock.normalise.names").rlimits
  for number = 0, #list do
    if list[number] == name then return number end
  end
  errors.refuse { field = "rlimits", value = name, why = "is not a resource limit",
    at = ctx.where("rlimits." .. name), accepted = table.concat(list, ", ", 0),
    hint = require("tidelock.suggest").hint(name, list) }
end

local function amount(value)
  return value == "unlimited" and math.huge or value
end

local function limit(ctx, name, value)
  local field = "rlimits." .. name
  local soft, hard
  if type(value) == "table" then
    soft, hard = amount(value[1]), amount(value[2])
  else
    soft, hard = amount(value), amount(value)
  end
  local shown = tostring(type(value) == "table" and value[1] or value)
  if soft ~= hard then shown = ("%s:%s"):format(value[1], value[2]) end
  if soft > hard then
    errors.refuse { field = field, value = shown, at = ctx.where(field),
      why = "has a soft limit above the hard one" }
  end
  local number = resource_number(ctx, name)
  local _, most = ctx.facts.rlimit(name, number)
  if most and hard > most then
    errors.refuse { field = field, value = shown, at = ctx.where(field),
      why = ("is above the caller's own hard limit %.0f"):format(most),
      accepted = ("at most %.0f"):format(most),
      hint = "nothing in a user namespace can raise a hard limit: raise it for the caller first" }
  end
  local function field_value(v)
    return v == math.huge and require("tidelock.normalise.names").unlimited or v
  end
  return { name = name, resource = number, soft = field_value(soft), hard = field_value(hard),
    origin = ctx.where(field) }
end

--- Sets norm.rlimits, sorted by name.
---@param ctx table
function M.rlimits(ctx)
  local list = {}
  for name, value in pairs(ctx.raw.rlimits or {}) do
    list[#list + 1] = limit(ctx, name, value)
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  ctx.norm.rlimits = list
end

--- Sets norm.seccomp: after the capabilities, because the default filter depends on them.
---@param ctx table
function M.seccomp(ctx)
  local norm = ctx.norm
  local name = ctx.raw.seccomp or "default"
  norm.seccomp = { name = name }
  if name == "none" then return end
  local bytes, message = ctx.facts.filter(name, norm.capabilities)
  if not bytes then
    errors.refuse { field = "seccomp", value = name, why = "cannot be used: " .. tostring(message),
      at = ctx.where("seccomp") }
  end
  norm.seccomp.filter = bytes
end

--- A directory among the descriptors is a way out: openat(fd, "..").
---@param ctx { facts: table, where: function }
---@param field string
---@param fd integer
---@param must_be_open boolean
function M.check_descriptor(ctx, field, fd, must_be_open)
  local stat = ctx.facts.descriptor(fd)
  if not stat and must_be_open then
    errors.refuse { field = field, value = fd, why = "is not an open descriptor",
      at = ctx.where(field) }
  elseif stat and stat.type == "dir" then
    errors.refuse { field = field, value = fd, at = ctx.where(field),
      why = "is a directory, by which the command could leave the box",
      hint = "give the directory with --bind or --ro instead" }
  end
end

-- What a terminal measures where the caller's says nothing.
local ROWS, COLUMNS = 24, 80

--- Sets norm.tty: a terminal of the box's own takes the place of all three streams.
local function terminal(ctx)
  if not ctx.raw.tty then return end
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    local stream = ctx.raw[name]
    if stream ~= nil and stream ~= "inherit" then
      errors.refuse { field = name, value = stream, at = ctx.where(name),
        why = "cannot be had with tty, which is all three standard streams",
        accepted = '"inherit"' }
    end
  end
  ctx.norm.tty = { rows = ROWS, columns = COLUMNS }
end

--- Sets norm.streams, norm.pass_fds and norm.tty.
---@param ctx table
function M.descriptors(ctx)
  local raw, norm = ctx.raw, ctx.norm
  terminal(ctx)
  norm.streams = {}
  for fd, name in pairs { [0] = "stdin", "stdout", "stderr" } do
    local stream = raw[name] or "inherit"
    norm.streams[name] = type(stream) == "function" and "function" or stream
    if stream == "inherit" then M.check_descriptor(ctx, name, fd, false) end
    if type(stream) == "number" then M.check_descriptor(ctx, name, stream, true) end
  end
  norm.pass_fds = {}
  local taken = {}
  for i, pass in ipairs(raw.pass_fds or {}) do
    local target = pass.target or pass.fd
    M.check_descriptor(ctx, "pass_fds", pass.fd, true)
    if target < 3 or target > 1023 then
      errors.refuse { field = "pass_fds", value = target, at = ctx.where("pass_fds"),
        why = target < 3 and "is a standard stream" or "is too large", accepted = "3 to 1023" }
    elseif taken[target] then
      errors.refuse { field = "pass_fds", value = target, at = ctx.where("pass_fds"),
        why = "is given to two descriptors" }
    end
    taken[target] = true
    norm.pass_fds[i] = { fd = pass.fd, target = target }
  end
  table.sort(norm.pass_fds, function(a, b) return a.target < b.target end)
end

return M
