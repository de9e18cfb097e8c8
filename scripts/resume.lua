--- tidelock resume: lets a sandbox go on that pause stopped.

local M = { summary = "let a paused sandbox go on" }

---@param words string[]
---@return integer status
function M.main(words)
  local parsed = require("tidelock.options").words(words, "resume")
  if not parsed then return 0 end
  local act = require "tidelock.state.act"
  act.resume(act.one(parsed.words, "resume"))
  return 0
end

return M
