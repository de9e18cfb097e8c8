--- linux.seccomp of a config.json: compiled once, then found in the cache by its text.
---
--- An entry vouches for what was found when it was made: that the profile is valid, and that its
--- filter lets the command start. So the words below must change with whatever decides that.

local M = {}

-- The compiler's output or the checks changed: bump, and old entries are never asked for.
local COMPILER = "tidelock linux.seccomp 2"

-- An engine's containers share a profile, so a supervisor of many has few.
local KEPT = 16
local loaded, count = {}, 0

local function remember(text, result)
  if count == KEPT then loaded, count = {}, 0 end
  loaded[text], count = result, count + 1
  return result
end

local function key(text, filter)
  return filter.sha256(table.concat({ COMPILER, filter.library, filter.arch, text }, "\n"))
end

local function compile(text, filter)
  local bytes, flags, path, accepted, value = filter.compile_oci(text)
  if not bytes then
    require("tidelock.error").refuse { field = path, why = flags, accepted = accepted,
      value = value }
  end
  local ok, message = require("tidelock.seccomp.required").check(bytes, filter)
  if not ok then
    require("tidelock.error").refuse { field = "linux.seccomp", why = message }
  end
  return { filter = bytes, flags = flags }
end

--- The name of a profile's entry in the cache.
---@param text string
---@param filter tidelock.core.filter
---@return string
function M.entry(text, filter)
  return key(text, filter) .. ".oci.bpf"
end

--- The filter of a profile. Raises a tidelock.Error that names the field at fault.
---@param text string the JSON text of linux.seccomp
---@param dir string? where filters are kept; nil: no cache
---@param core table tidelock.core
---@return { filter: string, flags: integer } result flags are those of seccomp(2)
---@return string source "memory", "cache" or "compiled"
function M.load(text, dir, core)
  if loaded[text] then return loaded[text], "memory" end
  local filter = core.filter
  local name = dir and M.entry(text, filter)
  if name then
    local bytes, flags = filter.cache_load(dir, name)
    if bytes then return remember(text, { filter = bytes, flags = flags }), "cache" end
  end
  local result = compile(text, filter)
  if name then filter.cache_store(dir, name, result.filter, result.flags) end
  return remember(text, result), "compiled"
end

--- Forget what this process has loaded.
function M.forget()
  loaded, count = {}, 0
end

return M
