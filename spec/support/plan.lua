-- Real plans for specs: the default one of `tidelock run`, as operations and as bytes.
local container = require "tidelock.container"
local core = require "tidelock.core"
local tidelock = require "tidelock"

local M = {}

---@param fields? table  of the spec; its command is `true` unless given
---@param options? tidelock.PlanOptions
---@return string bytes
---@return table[] ops
---@return table prepared  holds the box's range of ids while it is referenced
function M.default(fields, options)
  local own = { command = { "true" } }
  for name, value in pairs(fields or {}) do own[name] = value end
  local prepared = container.prepare(tidelock.spec(own), options)
  local bytes = core.plan.pack(prepared.ops, { given = #prepared.given })
  return bytes, prepared.ops, prepared
end

---The same with limits, and begun in a cgroup of the unified hierarchy, which needs no controllers:
---of the directories of v1 one is kept, and stands there.
---@param parent string  a directory of that hierarchy
---@param fields table
---@param extra fun(slot: integer): table[]  operations right after the directory is made
---@return table[] ops
---@return string name   of the directory
function M.elsewhere(parent, fields, extra)
  local own = { limits = { pids = 9 } }
  for name, value in pairs(fields) do own[name] = value end
  local _, all = M.default(own)
  local ops, name, slot, left_out = {}, nil, nil, -1
  for _, op in ipairs(all) do
    local mine = op.op:find("cgroup", 1, true)
    left_out = left_out + (op.op == "make_cgroup" and 1 or 0)
    if op.op == "make_cgroup" and not name then
      op.path, op.enable, name, slot = parent, nil, op.name, op.slot
      ops[1] = op
      for _, more in ipairs(extra(slot)) do ops[#ops + 1] = more end
      ops[#ops + 1] = { op = "clone_into", slot = slot }
      for i = 2, #ops do ops[i].lane, ops[i].stage = "host", "prepare" end
    elseif not mine and op.op ~= "clone_into" then
      ops[#ops + 1] = op
    end
  end
  for _, op in ipairs(ops) do
    for _, field in ipairs { "slot", "null" } do
      if op[field] and op[field] > slot then op[field] = op[field] - left_out end
    end
  end
  return ops, name
end

return M
