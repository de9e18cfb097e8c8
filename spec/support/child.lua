-- A function in a child of its own, for what cannot be taken back: its values come back, and its
-- errors are raised here.
local cjson = require "cjson"
local core = require "tidelock.core"

local M = {}

local process, namespace, identity = core.process, core.namespace, core.identity

local function pack(...) return { n = select("#", ...), ... } end

-- One id each, as any user may: the caller is 0 inside.
local function map(pid)
  local uid, gid = identity.getresuid(), identity.getresgid()
  assert(namespace.deny_setgroups(pid))
  assert(namespace.uid_map(pid, { { 0, uid, 1 } }))
  assert(namespace.gid_map(pid, { { 0, gid, 1 } }))
end

---Call the function in a child, in new namespaces if they are named (with "user" its caller is 0
---there), and return what it returned.
---@param f function
---@param namespaces string[]?
---@return any ...
function M.call(f, namespaces)
  local result, into = process.pipe()
  local wait, go = process.pipe()
  local child = assert(process.child(function()
    result:close()
    go:close()
    wait:read(1)
    local values, list = pack(pcall(f)), {}
    for i = 1, values.n do
      list[i] = values[i] == nil and cjson.null or values[i]
    end
    if not values[1] then list[2] = tostring(values[2]) end
    process.write(into:pollfd(), cjson.encode(list))
  end, namespaces))
  into:close()
  wait:close()
  for _, name in ipairs(namespaces or {}) do
    if name == "user" then map(child:pid()) end
  end
  go:close()
  local parts = {}
  repeat
    local chunk = assert(result:read())
    parts[#parts + 1] = chunk
  until chunk == ""
  result:close()
  local ended = assert(child:wait(20))
  child:close()
  local text = table.concat(parts)
  if text == "" then
    error(("the child %s: %s"):format(ended.code, ended.signal or ended.status), 2)
  end
  local values = cjson.decode(text)
  local count = #values
  for i = 1, count do
    if values[i] == cjson.null then values[i] = nil end
  end
  if not values[1] then error(values[2], 2) end
  return unpack(values, 2, count)
end

return M
