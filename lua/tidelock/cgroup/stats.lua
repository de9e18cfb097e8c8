--- What boxes use, by the cgroups on their records.

local M = {}

---The directories of a box's cgroup; none where it has no cgroup.
---@param record table  see tidelock.state.read
---@return string[]
function M.dirs(record)
  local dirs = {}
  for i, top in ipairs(record.cgroups or {}) do dirs[i] = top .. "/" .. record.cgroup end
  return dirs
end

---What the boxes of these records use, all in one call; false for one that has no cgroup, or is
---gone by now.
---@param core table
---@param records table[]
---@param detail boolean?  also what memory is used for
---@return (tidelock.CgroupStats|false)[]
function M.of(core, records, detail)
  local entries, index, list = {}, {}, {}
  for i, record in ipairs(records) do
    list[i] = false
    if record.cgroup then
      entries[#entries + 1] = M.dirs(record)
      index[#entries] = i
    end
  end
  for k, stats in ipairs(core.cgroup.stats_of(entries, detail or false)) do
    list[index[k]] = stats
  end
  return list
end

return M
