--- tidelock top: what the sandboxes use that run, again and again.

local M = { summary = "watch what sandboxes use" }

---@param words string[]
---@return integer status
function M.main(words)
  local parsed = require("tidelock.options").words(words, "top")
  if not parsed then return 0 end
  return require("tidelock.top").run {
    ids = parsed.words, delay = parsed.settings.delay, rounds = parsed.settings.rounds,
  }
end

return M
