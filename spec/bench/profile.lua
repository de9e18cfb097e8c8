-- The engines' default seccomp profile, resolved (spec/support/oci/engine-config.json), and as the
-- filter that the floor and bwrap load: the very one that tidelock makes of it, so that a ratio
-- tells how a container is started and not how a filter is shaped.
local harness = require "bench.harness"
local json = require "tidelock.json"

local M = {}

local SOURCE = "spec/support/oci/engine-config.json"

--- The `linux.seccomp` of an engine's config.json.
---@return table profile
function M.engine()
  local file = assert(io.open(SOURCE))
  local config = assert(json.decode(file:read "*a"))
  file:close()
  return config.linux.seccomp
end

--- Writes the program for a profile (struct sock_filter) to a file.
---@param profile table
---@param path string
function M.compile(profile, path)
  local bytes, flags = require("tidelock.core").filter.compile_oci(json.encode(profile))
  assert(bytes, flags)
  assert(flags == 0, "the floor loads a filter without flags")
  harness.write(path, bytes)
end

return M
