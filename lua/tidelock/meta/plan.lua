---@meta
--- tidelock.core.plan: plans as bytes, and the table of operations (core/plan/ops.def). Internal.

---@class tidelock.core.plan
local plan = {}

---The plan of the operations. Raises on a field of the wrong type or a plan that is refused.
---@param ops table[]
---@param options { given: integer }?
---@return string bytes
function plan.pack(ops, options) end

---The check that init does.
---@param bytes string
---@return true?
---@return { index: integer, why: string }?
function plan.check(bytes) end

---@param bytes string
---@return table[] ops
---@return integer given
function plan.unpack(bytes) end

---All operations, in the order of their codes.
---@return { name: string, fields: { name: string, type: string }[] }[]
function plan.operations() end
