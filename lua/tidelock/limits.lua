--- `limits { memory = "512M", pids = 64, cpus = 2 }`: a partial spec of limits on the whole box.

---@alias tidelock.Size string|number|false|nil  "512M", or bytes; false takes the limit away
---@class tidelock.Limits
---@field memory tidelock.Size
---@field memory_high tidelock.Size
---@field memory_low tidelock.Size
---@field memory_min tidelock.Size
---@field swap tidelock.Size
---@field oom "group"|"process"|false|nil
---@field pids integer|false|nil
---@field cpus number|false|nil
---@field cpu_weight integer|false|nil    1 to 10000
---@field cpu_burst string|number|false|nil
---@field cpu_idle boolean?
---@field cpuset string|integer|false|nil  "0-3,5"
---@field cpuset_mems string|integer|false|nil
---@field io_weight integer|false|nil     1 to 10000
---@field io table<string, { rbps: tidelock.Size, wbps: tidelock.Size, riops: integer|false|nil,
---  wiops: integer|false|nil, weight: integer|false|nil }|false>|false|nil
---@field hugetlb table<string, tidelock.Size>|false|nil
---@field delegate boolean?
---@field unified table<string, string|number|false>|false|nil

---@param t tidelock.Limits
---@return tidelock.Spec
return function(t)
  local at = require("tidelock.origin").find()
  local result = require("tidelock.spec").of { { "limits", t, at } }
  return result
end
