--- Which of two values of one field is the wider: for `within` and for the warnings.

local M = {}

local RANK = {
  net = { none = 0, host = 1 },
  view = { none = 0, system = 1, host = 2 },
  env_keep = { none = 0, minimal = 1, all = 2 },
}

-- What counts where nobody said anything.
M.DEFAULTS = {
  net = "none", view = "system", env_keep = "minimal", seccomp = "default", init = true,
  force = false, best_effort = false, tty = false, stdin = "inherit", stdout = "inherit",
  stderr = "inherit",
}

local compare = {}

function compare.seccomp(a, b)
  -- What a file's filter lets through is not known here.
  return a ~= b and b ~= "none"
end

function compare.init(a, b) return b and not a end
function compare.force(a, b) return a and not b end
compare.best_effort = compare.force
compare.tty = compare.force
function compare.timeout(a, b) return a > b end

function compare.stdin(a, b)
  return a ~= b and a ~= "null" and a ~= "capture"
end
compare.stdout, compare.stderr = compare.stdin, compare.stdin

local function above(a, b)
  if b == "unlimited" then return false end
  return a == "unlimited" or a > b
end

---@param a table  { soft, hard }
---@param b table
---@return boolean
function M.higher_limit(a, b)
  return above(a[1], b[1]) or above(a[2], b[2])
end

---Is the one limit of a key of "rlimits" or "limits" above the other? Nil: it is taken away.
---@param field string
---@param name string
---@return boolean
function M.above(field, name, a, b)
  if field == "limits" then return require("tidelock.schema.limits_order").wider(name, a, b) end
  return a == nil or M.higher_limit(a, b)
end

---One value of a field that merges by key, as messages show it.
---@param field string
---@param name string
---@return string
function M.show_key(field, name, value)
  if field == "limits" then return require("tidelock.schema.limits").text(name, value) end
  return M.show(field, value)
end

---Is `a` wider than `b`? Nil for a field whose values cannot be put in order.
---@param name string
---@param a any
---@param b any
---@return boolean?
function M.wider(name, a, b)
  local rank = RANK[name]
  if rank then return rank[a] > rank[b] end
  if compare[name] then return compare[name](a, b) end
end

-- How much of its source a mount gives away: 0 nothing, 1 to read, 2 to write but for the protected
-- files, 3 to write.
---@param entry table
---@return integer
function M.access(entry)
  if entry.kind == "bind" then return entry.readonly and 1 or 3 end
  if entry.kind == "rw" then return entry.all and 3 or 2 end
  if entry.kind == "ro" or entry.kind == "overlay" then return 1 end
  return 0
end

---A value of the field as messages show it.
---@param name string
---@param value any
---@return string
function M.show(name, value)
  if name == "timeout" and value ~= nil then
    return require("tidelock.units").format_duration(value)
  end
  if type(value) ~= "table" then return require("tidelock.error").show(value) end
  if name == "rlimits" then
    local soft, hard = tostring(value[1]), tostring(value[2])
    return soft == hard and soft or soft .. ":" .. hard
  end
  if type(value[1]) == "table" then return #value .. " " .. name end
  local words = {}
  for i, word in ipairs(value) do words[i] = tostring(word) end
  return require("tidelock.error").show(table.concat(words, " "))
end

---Every capability that resolved `add` and `drop` lists allow.
---@param capabilities {add: string[], drop: string[]}?
---@return table<string, boolean>
function M.capability_set(capabilities)
  local set = {}
  if not capabilities then return set end
  local names = capabilities.add
  if names[1] == "ALL" then names = require("tidelock.capability").list() end
  for _, name in ipairs(names) do set[name] = true end
  for _, name in ipairs(capabilities.drop) do set[name] = nil end
  return set
end

return M
