--- tidelock stats: what the sandboxes use that run.

local cli = require "tidelock.cli"

local M = { summary = "tell what sandboxes use: processor, memory, io, processes" }

---@param words string[]
---@return integer status
function M.main(words)
  local parsed = require("tidelock.options").words(words, "stats")
  if not parsed then return 0 end
  local core, records = require("tidelock.state.choose").running(parsed.words)
  local listing = require "tidelock.listing"
  local json = parsed.settings.json
  local rows = listing.usage(core, records, json and parsed.words[1] ~= nil)
  if json then
    io.stdout:write(listing.json(rows))
  elseif rows[1] then
    io.stdout:write(listing.text(core, listing.STATS, rows))
    io.stdout:flush()
    local hint = listing.hint(rows)
    if hint then cli.say("hint: " .. hint) end
  else
    cli.say(listing.NONE)
  end
  return 0
end

return M
