--- `limits { memory = "512M", pids = 64, cpus = 2 }`: a partial spec of limits on the whole box.

---@param t { memory: string|number|false|nil, pids: integer|false|nil, cpus: number|false|nil }
---@return tidelock.Spec
return function(t)
  local at = require("tidelock.origin").find()
  local result = require("tidelock.spec").of { { "limits", t, at } }
  return result
end
