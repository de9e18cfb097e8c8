--- tidelock completion: what a shell's completion needs, on standard output.

local M = { summary = "print the completion for a shell (bash)" }

---@param words string[]
---@param verbs string[]
---@return integer status
function M.main(words, verbs)
  if words[1] ~= "bash" or words[2] then
    require("tidelock.error").refuse { field = "completion", value = words[1], why = "is not known",
      accepted = "bash",
      hint = "tidelock completion bash > /usr/share/bash-completion/completions/tidelock" }
  end
  local tables = require("tidelock.options").tables()
  io.stdout:write(require("tidelock.options.help").bash(tables, verbs))
  return 0
end

return M
