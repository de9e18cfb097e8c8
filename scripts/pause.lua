--- tidelock pause: stops all of a sandbox, until resume.

local M = { summary = "stop all of a sandbox, until resume" }

---@param words string[]
---@return integer status
function M.main(words)
  local parsed = require("tidelock.options").words(words, "pause")
  if not parsed then return 0 end
  local act = require "tidelock.state.act"
  act.pause(act.one(parsed.words, "pause"))
  return 0
end

return M
