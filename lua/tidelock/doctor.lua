--- What this kernel, this user and this host allow: every probe, and in the end a box that runs.

local errors = require "tidelock.error"

local M = {}

---@class tidelock.Check
---@field group string
---@field name string
---@field status "ok"|"info"|"warn"|"fail"
---@field value string
---@field cause string?
---@field remedy string?

local GROUPS = {
  { "kernel", "kernel" }, { "user", "kernel" }, { "namespaces", "namespaces" },
  { "ids", "namespaces" }, { "mounts", "mounts" }, { "filters", "filters" },
  { "landlock", "filters" }, { "cgroups", "limits" }, { "limits", "limits" },
  { "leftovers", "limits" },
}

-- The proof: a box of the defaults, as `tidelock run -- true` makes it.
---@param named boolean  a check has told why it will not
local function run(tell, named)
  local spec = require("tidelock.spec").of {
    { "command", { "true" }, "doctor" }, { "stdin", "null", "doctor" },
    { "stdout", "null", "doctor" }, { "stderr", "null", "doctor" },
  }
  local report = require("tidelock.container").run(spec)
  if report.ok then
    tell("run -- true", "ok", ("exited with 0 after %.1f ms"):format(report.usage.wall * 1000))
  else
    local err = report.error
    tell("run -- true", "fail", "does not work", {
      cause = (tostring(err and err.message or report:why()):gsub("\n.*", "")),
      remedy = not named and err and err.hint or nil })
  end
  return report.ok
end

-- What a probe itself stumbles over is a line too, not the end of the others.
local function probe(group, ctx)
  local good, err = pcall(require("tidelock.probe." .. group[2])[group[1]], ctx)
  if not good then
    ctx.tell(group[1], "info", "unknown", { cause = errors.printable(tostring(err), 200) })
  end
end

---@class tidelock.Examination
---@field works boolean
---@field cause string?  why it does not
---@field checks tidelock.Check[]

---Looks at everything. What is tried is tried in namespaces that end with it.
---@return tidelock.Examination
function M.examine()
  local core = require "tidelock.core"
  local checks, group = {}, nil
  local function tell(name, status, value, why)
    checks[#checks + 1] = { group = group, name = name, status = status, value = value,
      cause = why and why.cause, remedy = why and why.remedy }
  end
  local ctx = { core = core, facts = require("tidelock.facts").new(core), tell = tell, can = {} }
  for _, row in ipairs(GROUPS) do
    group = row[1]
    probe(row, ctx)
  end
  local named = false
  for _, check in ipairs(checks) do named = named or check.status == "fail" end
  group = "run"
  local works, cause = run(tell, named), nil
  for _, check in ipairs(checks) do
    -- What a box did without stops none.
    if works and check.status == "fail" then check.status = "warn" end
    if check.status == "fail" then cause = cause or check.cause end
  end
  return { works = works, cause = cause, checks = checks }
end

---Removes what killed supervisors left, and nothing else.
---@return tidelock.Removed[] removed
---@return boolean clean  nothing of it is still there
function M.repair()
  local core = require "tidelock.core"
  local list = require("tidelock.state.left").repair(core,
    require("tidelock.facts").new(core).state)
  local clean = true
  for _, item in ipairs(list) do clean = clean and (item.gone or item.kind == "file") end
  return list, clean
end

---A line for each thing.
---@param removed tidelock.Removed[]
---@return string
function M.repair_text(removed)
  local lines = {}
  for i, item in ipairs(removed) do
    local verb = item.gone and "removed" or item.kind == "file" and "left" or "could not remove"
    lines[i] = ("%s %s %s"):format(verb, item.kind, errors.printable(item.what, 200))
      .. (item.why and ": " .. item.why or "")
  end
  if not lines[1] then lines[1] = "nothing is left of a sandbox whose tidelock was killed" end
  return errors.plain(table.concat(lines, "\n") .. "\n")
end

---@param removed tidelock.Removed[]
---@param clean boolean
---@return string
function M.repair_json(removed, clean)
  local json = require "tidelock.json"
  return json.encode({ clean = clean, removed = json.array(removed) }, true) .. "\n"
end

local NAME_WIDTH, GROUP_WIDTH = 20, 10

---One check a line, below it what is wrong and what mends it, and a verdict as the last line.
---@param found tidelock.Examination
---@return string
function M.text(found)
  local lines = {}
  for _, check in ipairs(found.checks) do
    lines[#lines + 1] = ("%-4s  %-" .. GROUP_WIDTH .. "s  %-" .. NAME_WIDTH .. "s  %s"):format(
      check.status, check.group, check.name, check.value)
    if check.cause then lines[#lines + 1] = "      cause: " .. check.cause end
    if check.remedy then lines[#lines + 1] = "      remedy: " .. check.remedy end
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = found.works and "tidelock run works here"
    or "tidelock run does not work here: " .. tostring(found.cause)
  return errors.plain(table.concat(lines, "\n") .. "\n")
end

---The same for machines.
---@param found tidelock.Examination
---@return string
function M.json(found)
  local json = require "tidelock.json"
  local data = { works = found.works, cause = found.cause, checks = json.array(found.checks) }
  return json.encode(data, true) .. "\n"
end

return M
