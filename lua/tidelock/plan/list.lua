--- The growing list of operations, and the slots that they share.

local M = {}

local List = {}
List.__index = List

-- MOUNT_ATTR_*.
local RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8

---@return table list
function M.new()
  return setmetatable({ ops = {}, slots = 0, held = {}, trees = {}, rendezvous = 0 }, List)
end

--- Appends an operation; lane and stage are those entered last unless it has its own.
---@param op table
function List:add(op)
  op.lane, op.stage, op.at = op.lane or self.lane, op.stage or self.stage, op.at or "default"
  self.ops[#self.ops + 1] = op
end

--- From here on operations belong to this lane and stage.
---@param lane "host"|"parent"|"child"
---@param stage string
function List:enter(lane, stage)
  self.lane, self.stage = lane, stage
end

---@return integer
function List:new_slot()
  self.slots = self.slots + 1
  return self.slots - 1
end

---@return integer
function List:next_rendezvous()
  self.rendezvous = self.rendezvous + 1
  return self.rendezvous
end

--- The mount attributes of a bind.
---@param entry table
---@return integer
function M.attributes(entry)
  if entry.attr then return entry.attr end
  -- Of the host's nodes mode and times are the host's, whoever owns them inside.
  return ((entry.readonly or entry.rdev) and RDONLY or 0) + NOSUID + (entry.device and 0 or NODEV)
    + ((entry.noexec or entry.rdev) and NOEXEC or 0)
end

return M
