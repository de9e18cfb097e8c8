--- tidelock explain: the plan of a run, one operation a line.

local M = { summary = "print what run would do, operation by operation" }

---@param spec tidelock.Spec
---@param settings table
---@return integer status
function M.show(spec, settings)
  local prepared = require("tidelock.container").prepare(spec)
  prepared.complete()
  local explain = require "tidelock.plan.explain"
  if settings.json then
    local data = explain.data(prepared.norm, prepared.ops)
    io.stdout:write(require("tidelock.json").encode(data, true), "\n")
  else
    io.stdout:write(explain.text(prepared.norm, prepared.ops))
  end
  return 0
end

local function show_schema(settings)
  local schema = require "tidelock.schema"
  if settings.json then
    io.stdout:write(require("tidelock.json").encode(schema.describe(), true), "\n")
  else
    io.stdout:write(schema.text())
  end
  return 0
end

---@param words string[]
---@return integer status
function M.main(words)
  local options = require "tidelock.options"
  local known = options.explain()
  local parsed = options.parse(words, known)
  local settings = parsed.settings
  if settings.help then
    io.stdout:write(options.help(known, "explain"))
    return 0
  end
  if settings.schema then return show_schema(settings) end
  return M.show(require("tidelock.scripts.run").spec(parsed), settings)
end

return M
