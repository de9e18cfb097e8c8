--- tidelock kill: a signal to a sandbox, or the end of all of it.

local errors = require "tidelock.error"

local M = { summary = "send a signal to a sandbox, or kill all of it" }

local function refuse_words(parsed)
  local id, signal, extra = unpack(parsed.words)
  if not id then
    errors.refuse { field = "kill", why = "there is nobody to kill", accepted = "an ID",
      hint = "tidelock ps lists the sandboxes that run" }
  elseif extra then
    errors.refuse { field = "kill", value = extra, why = "is too much", accepted = "ID [SIGNAL]" }
  elseif signal and parsed.settings.all then
    errors.refuse { field = "kill", value = signal, why = "has no place beside --all, which kills" }
  end
end

---@param words string[]
---@return integer status
function M.main(words)
  local parsed = require("tidelock.options").words(words, "kill")
  if not parsed then return 0 end
  refuse_words(parsed)
  local id, signal = unpack(parsed.words)
  local number = require("tidelock.signal").check(signal or "TERM")
  local core, records = require("tidelock.state.choose").running { id }
  local act = require "tidelock.state.act"
  if parsed.settings.all then
    act.kill_all(core, records[1])
  else
    act.signal(core, records[1], number)
  end
  return 0
end

return M
