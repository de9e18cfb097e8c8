--- tidelock man: the manual page of a command, for man(1).

local M = { summary = "print the manual page of a command: tidelock man run | man -l -" }

---@param words string[]
---@return integer status
function M.main(words)
  local tables = require("tidelock.options").tables()
  if not tables[words[1]] or words[2] then
    require("tidelock.error").refuse { field = "man", value = words[1], why = "has no page",
      accepted = "run, explain, doctor" }
  end
  io.stdout:write(require("tidelock.options.help").man(tables[words[1]], words[1]))
  return 0
end

return M
