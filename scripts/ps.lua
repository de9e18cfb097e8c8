--- tidelock ps: the sandboxes that run.

local cli = require "tidelock.cli"

local M = { summary = "list the sandboxes that run" }

local function ids(records)
  for _, record in ipairs(records) do io.stdout:write(record.id, "\n") end
end

---@param words string[]
---@return integer status
function M.main(words)
  local parsed = require("tidelock.options").words(words, "ps")
  if not parsed then return 0 end
  local settings = parsed.settings
  if settings.quiet and settings.json then
    require("tidelock.error").refuse { field = "--json", why = "cannot be combined with -q" }
  end
  local core, records = require("tidelock.state.choose").running(parsed.words)
  if settings.quiet then
    ids(records)
    return 0
  end
  local listing = require "tidelock.listing"
  local rows = listing.boxes(core, records)
  if settings.json then
    io.stdout:write(listing.json(rows))
  elseif rows[1] then
    io.stdout:write(listing.text(core, listing.PS, rows))
  else
    cli.say(listing.NONE)
  end
  return 0
end

return M
