-- Every mutation: those that are found in the source, and those of the tables, whose texts must
-- stand in it exactly once.
local source = require "spec.mutate.source"

local M = {}

-- name, file, find, replace; or name and a list of such edits, where two layers hide each other.
local function of_table(group)
  local found, texts = {}, {}
  for _, entry in ipairs(require("spec.mutate." .. group)) do
    local edits = {}
    local list = entry.edits or { { entry[2], entry[3], entry[4] } }
    for i, edit in ipairs(list) do
      local file = edit[1]
      texts[file] = texts[file] or source.read(file)
      local from, to = source.once(texts[file], edit[2], entry[1] .. ": " .. file)
      edits[i] = { file = file, from = from, to = to, with = edit[3] or "" }
    end
    found[#found + 1] = { name = group .. ": " .. entry[1], group = group, edits = edits }
  end
  return found
end

---@return { name: string, edits: table[], outcome: string?, reason: string?, hint: string? }[]
function M.list()
  local all, by_name = {}, {}
  for _, list in ipairs { require("spec.mutate.check").list(), require("spec.mutate.ops").list(),
    of_table "init", of_table "host" } do
    for _, mutation in ipairs(list) do
      assert(not by_name[mutation.name], "two mutations are named " .. mutation.name)
      by_name[mutation.name] = mutation
      all[#all + 1] = mutation
    end
  end
  for outcome, file in pairs { equivalent = "equivalent", open = "open" } do
    for name, reason in pairs(require("spec.mutate." .. file)) do
      local mutation = by_name[name] or error(("spec/mutate/%s.lua: there is no %s"):format(file,
        name), 0)
      mutation.outcome, mutation.reason = outcome, reason
    end
  end
  for spec, names in pairs(require "spec.mutate.hints") do
    for _, name in ipairs(names) do
      -- A hint is where to look first, no more: one that is old does no harm.
      if by_name[name] then by_name[name].hint = spec end
    end
  end
  return all
end

---The files that a mutation changes, as they are to be.
---@param mutation table
---@return table<string, string> texts by path
function M.apply(mutation)
  local texts, by_file = {}, {}
  for _, edit in ipairs(mutation.edits) do
    by_file[edit.file] = by_file[edit.file] or {}
    table.insert(by_file[edit.file], edit)
  end
  for file, edits in pairs(by_file) do
    local text = source.read(file)
    table.sort(edits, function(a, b) return a.from > b.from end)
    for _, edit in ipairs(edits) do
      text = text:sub(1, edit.from - 1) .. edit.with .. text:sub(edit.to + 1)
    end
    texts[file] = text
  end
  return texts
end

return M
