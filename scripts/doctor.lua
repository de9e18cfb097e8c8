--- tidelock doctor: what this host allows, and the command that mends what it does not.

local M = { summary = "tell what this host allows, and how to mend what it does not" }

local WORKS, DOES_NOT = 0, 1

local function repair(doctor, json)
  local removed, clean = doctor.repair()
  io.stdout:write(json and doctor.repair_json(removed, clean) or doctor.repair_text(removed))
  return clean and WORKS or DOES_NOT
end

---@param words string[]
---@return integer status
function M.main(words)
  local parsed = require("tidelock.options").words(words, "doctor")
  if not parsed then return 0 end
  if parsed.words[1] then
    require("tidelock.error").refuse { field = "doctor", value = parsed.words[1],
      why = "is too much: there is nothing to name", hint = "tidelock doctor --help" }
  end
  local doctor, json = require "tidelock.doctor", parsed.settings.json
  if parsed.settings.repair then return repair(doctor, json) end
  local found = doctor.examine()
  io.stdout:write(json and doctor.json(found) or doctor.text(found))
  return found.works and WORKS or DOES_NOT
end

return M
