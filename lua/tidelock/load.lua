--- Spec files: Lua that returns a spec. It is code, and has its caller's rights.

local errors = require "tidelock.error"

local M = {}

---The spec that a file returns. Raises, naming the file, for one that cannot be read, does not
---compile, or returns something else.
---@param path string
---@return tidelock.Spec
function M.file(path)
  local chunk, message = loadfile(path)
  if not chunk then
    error(errors.new { op = "load", path = path, message = errors.printable(message, 400) }, 0)
  end
  local good, result = pcall(require("tidelock.origin").call, path, chunk)
  if not good then
    if errors.is(result) then error(result, 0) end
    local text = type(result) == "string" and result or path .. ": raised a " .. type(result)
    error(errors.new { op = "load", path = path, message = errors.printable(text, 400) }, 0)
  end
  local spec = require "tidelock.spec"
  if spec.is(result) then return result end
  errors.refuse {
    field = path, why = "returns no spec but " .. errors.show(result), at = path,
    accepted = "a file that ends in: return tidelock.spec { ... }",
  }
end

return M
