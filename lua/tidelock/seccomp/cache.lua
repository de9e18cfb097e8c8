--- Compiled filters: built into the program for a box without capabilities, else from the cache,
--- else compiled and put there. The cache may be deleted, damaged or missing at any time; that
--- costs the time of a compilation and nothing more. What may be trusted in it is decided in
--- core/host/filter_cache.c.

local M = {}

-- The compiler's output for the same policy changed: bump, and old entries are never asked for.
local COMPILER = "tidelock filter 1"

local loaded = {}

local function encode_args(args, out)
  for i = 1, #args do
    local arg = args[i]
    out[#out + 1] = ("%d%s%s/%s"):format(arg.arg, arg.op or "==", arg.value, arg.mask or "")
  end
end

-- The policy as text: equal texts compile to equal filters.
local function encode(policy, out)
  for i = 1, #policy.guards do
    local guard = policy.guards[i]
    out[#out + 1] = table.concat(guard.names, " ")
    out[#out + 1] = guard.unless and "unless" or "values"
    out[#out + 1] = table.concat(guard.unless or guard.values, " ")
    out[#out + 1] = guard.arg
    out[#out + 1] = guard.action
  end
  for i = 1, #policy.rules do
    local rule = policy.rules[i]
    out[#out + 1] = table.concat(rule.names, " ")
    out[#out + 1] = rule.optional and "optional" or "required"
    out[#out + 1] = rule.action
    if rule.args then encode_args(rule.args, out) end
  end
end

--- A hash of all that goes into the default policies, for the build to embed.
---@param source string the text of default.lua
---@param filter table tidelock.core.filter
---@return string version 64 hex digits
function M.version(source, filter)
  return filter.sha256(table.concat({ COMPILER, filter.library, filter.arch, source }, "\n"))
end

--- The name under which the filter of a policy is kept: a hash of all that decides its bytes.
---@param policy tidelock.seccomp.Policy
---@param filter table tidelock.core.filter
---@return string key 64 hex digits
function M.key(policy, filter)
  local out = {
    COMPILER, filter.library, filter.arch, policy.otherwise, policy.bad_arch, policy.unknown,
  }
  encode(policy, out)
  return filter.sha256(table.concat(out, "\n"))
end

-- The entry of this key, else what compile() returns, which is then kept.
local function fetch(key, dir, filter, compile)
  local name = dir and key() .. ".bpf"
  local bytes = name and filter.cache_load(dir, name)
  if bytes then return bytes, nil, "cache" end
  local message
  bytes, message = compile()
  if not bytes then return nil, message end
  if name then filter.cache_store(dir, name, bytes) end
  return bytes, nil, "compiled"
end

--- The filter of any policy, by way of the cache.
---@param policy tidelock.seccomp.Policy
---@param dir string? nil: no cache
---@param filter table tidelock.core.filter
---@return string? bytes
---@return string? message
---@return string? source "cache" or "compiled"
function M.load_policy(policy, dir, filter)
  local function key() return M.key(policy, filter) end
  local function compile() return filter.compile(policy) end
  return fetch(key, dir, filter, compile)
end

-- A build knows a hash of all that goes into the default policies: with it a list of capabilities
-- has a key, and the policy (60 us to load, 30 to hash) is needed only if there is no entry.
local function load_built(builtin, list, capabilities, dir, filter)
  local function key() return filter.sha256(builtin.version .. "\n" .. list) end
  local function compile()
    return filter.compile(require("tidelock.seccomp.default").policy(capabilities))
  end
  return fetch(key, dir, filter, compile)
end

--- The default filter for a box that keeps these capabilities.
---@param capabilities string[] sorted names without CAP_
---@param dir string? where filters are kept; nil: no cache
---@param core table tidelock.core
---@return string? bytes
---@return string? message
---@return string? source "memory", "builtin", "cache" or "compiled"
function M.load(capabilities, dir, core)
  local list = table.concat(capabilities, " ")
  if loaded[list] then return loaded[list], nil, "memory" end
  local found, builtin = pcall(require, "tidelock.seccomp.builtin")
  local bytes, message, source
  if found and list == "" then
    bytes, source = builtin.bytes, "builtin"
  elseif found then
    bytes, message, source = load_built(builtin, list, capabilities, dir, core.filter)
  else
    local policy = require("tidelock.seccomp.default").policy(capabilities)
    bytes, message, source = M.load_policy(policy, dir, core.filter)
  end
  loaded[list] = bytes
  return bytes, message, source
end

--- Forget what this process has loaded.
function M.forget()
  loaded = {}
end

return M
