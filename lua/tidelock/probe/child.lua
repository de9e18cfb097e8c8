--- Something tried in a child, in namespaces that end with it.

local M = {}

local DEADLINE = 10

-- One id each, as any user may: the caller is 0 inside.
local function map(core, pid)
  local namespace, ids = core.namespace, core.host.ids()
  local good, code = namespace.deny_setgroups(pid)
  if good then good, code = namespace.gid_map(pid, { { 0, ids.egid, 1 } }) end
  if good then good, code = namespace.uid_map(pid, { { 0, ids.euid, 1 } }) end
  return good, code
end

local function work(core, f, wait, into)
  wait:read(1) -- the maps are written, or the parent is gone
  local good, result = pcall(f)
  local json = require "tidelock.json"
  if not good then result = { failed = tostring(result) } end
  core.process.write(into:pollfd(), json.encode(json.object(result or {})))
end

local function reap(child)
  local ended = child:wait(DEADLINE)
  if not ended then
    child:kill()
    ended = child:wait()
  end
  child:close()
  return ended
end

---Call the function in a child, in new namespaces, with all rights there if a user namespace is
---among them; what it returns (a table with string keys, of strings, numbers and booleans) comes
---back. Nil and the errno's name where there is no such child, or where it was killed "SIG...".
---`before` is called with the child's pid while it waits, once it has ids.
---@param core table
---@param namespaces string[]
---@param f fun(): table?
---@param before fun(pid: integer)?
---@return table?
---@return string? code
function M.call(core, namespaces, f, before)
  local from, into = core.process.pipe()
  if not from then return nil, into end
  local wait, go = core.process.pipe()
  if not wait then
    from:close()
    into:close()
    return nil, go
  end
  local child, code = core.process.child(function()
    go:close()
    work(core, f, wait, into)
  end, namespaces)
  into:close()
  wait:close()
  local good = child ~= nil
  if child and namespaces[1] == "user" then good, code = map(core, child:pid()) end
  if good and before then before(child:pid()) end
  if not good and child then child:kill() end
  go:close()
  local ended = child and reap(child)
  local text = from:read() or ""
  from:close()
  if not good then return nil, code end
  if text == "" then return nil, "SIG" .. tostring(ended and ended.signal) end
  return require("tidelock.json").decode(text)
end

---Can there be such a namespace, in a user namespace of one's own?
---@param core table
---@param name string
---@return true?
---@return string? code
function M.try(core, name)
  local names = { "user", name ~= "user" and name or nil }
  local result, code = M.call(core, names, function() return {} end)
  if result then return true end
  return nil, code
end

return M
