--- tidelock doctor: what this host allows, and the command that mends what it does not.

local M = { summary = "tell what this host allows, and how to mend what it does not" }

local WORKS, DOES_NOT = 0, 1

---@param words string[]
---@return integer status
function M.main(words)
  local options = require "tidelock.options"
  local parsed = options.parse(words, options.doctor)
  if parsed.settings.help then
    io.stdout:write(options.help(options.doctor, "doctor"))
    return 0
  end
  local extra = parsed.script or parsed.command[1]
  if extra then
    require("tidelock.error").refuse { field = "doctor", value = extra,
      why = "is too much: there is nothing to name", hint = "tidelock doctor --help" }
  end
  local doctor = require "tidelock.doctor"
  local found = doctor.examine()
  io.stdout:write(parsed.settings.json and doctor.json(found) or doctor.text(found))
  return found.works and WORKS or DOES_NOT
end

return M
