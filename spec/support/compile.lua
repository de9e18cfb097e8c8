-- Small C programs for specs, compiled when they are needed, also in an ordinary user's clone.
local run = require "spec.support.run"

local M = {}

---Compile a file into a program; raises with what the compiler says.
---@param source string   below the top folder
---@param program string  where it goes
---@param flags? string[]
---@return string program
function M.c(source, program, flags)
  local words = { "gcc", "-std=gnu11", "-O1", "-D_GNU_SOURCE", "-Wall", "-o", program }
  for _, flag in ipairs(flags or { "-static" }) do words[#words + 1] = flag end
  words[#words + 1] = run.top .. "/" .. source
  local result = run.run(words, { timeout = 60 })
  if result.status ~= 0 then error(result.stderr, 2) end
  return program
end

return M
