--- Rendezvous before operations of the child: the child stops, the launcher has its say, the child
--- goes on. `step` and the specs that kill the supervisor half way are made of these.

local errors = require "tidelock.error"

local M = {}

--- Where a plan can stop for the last time: before the link is closed.
local function last_stop(ops)
  for i, op in ipairs(ops) do
    if op.op == "close_fds" then return i end
  end
  return #ops
end

local function cloned_before(ops, index)
  for i = 1, index - 1 do
    if ops[i].op == "clone" then return true end
  end
  return false
end

local function hook(ops, index)
  local lane = cloned_before(ops, index) and "parent" or "host"
  return { op = "hook", index = 0, name = "pause", lane = lane, stage = ops[index].stage,
    at = ops[index].at }
end

local function is_rendezvous(op)
  return op.op == "barrier" or op.op == "reach"
end

--- A copy of the plan that stops before every operation of the child (`step`), or before one, with
--- a hook of index 0 there (`pause_at`).
---@param ops table[]
---@param options { step: boolean?, pause_at: integer? }
---@return table[] ops
function M.insert(ops, options)
  local out, last, id = {}, last_stop(ops), 0
  local function meet(name, op)
    out[#out + 1] = { op = name, id = 0, lane = "child", stage = op.stage, at = op.at }
  end
  if options.pause_at and not (ops[options.pause_at] and options.pause_at <= last) then
    errors.refuse { field = "pause_at", value = options.pause_at, why = "is no place to stop",
      accepted = "1 to " .. last }
  end
  for i, op in ipairs(ops) do
    local here = options.pause_at == i
    local stops = op.lane == "child" and not is_rendezvous(op) and i <= last
    if stops and (options.step or here) then
      meet("reach", op)
      if here then out[#out + 1] = hook(ops, i) end
      meet("barrier", op)
    elseif here then
      -- Nothing of the child's own to wait for: the launcher stops, wherever the child is by then.
      out[#out + 1] = hook(ops, i)
    end
    local copy = {}
    for name, value in pairs(op) do copy[name] = value end
    out[#out + 1] = copy
  end
  for _, op in ipairs(out) do
    if is_rendezvous(op) then
      id = id + 1
      op.id = id
    end
  end
  return out
end

return M
