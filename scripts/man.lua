--- tidelock man: the manual page of a command, for man(1).

local M = { summary = "print the manual page of a command: tidelock man run | man -l -" }

---@param words string[]
---@return integer status
function M.main(words)
  local tables, names = require("tidelock.options").tables(), {}
  for name in pairs(tables) do names[#names + 1] = name end
  table.sort(names)
  if not tables[words[1]] or words[2] then
    require("tidelock.error").refuse { field = "man", value = words[1], why = "has no page",
      accepted = table.concat(names, ", "),
      hint = require("tidelock.suggest").hint(words[1], names) }
  end
  io.stdout:write(require("tidelock.options.help").man(tables[words[1]], words[1]))
  return 0
end

return M
