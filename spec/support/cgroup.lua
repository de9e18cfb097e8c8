-- The cgroups of the machine that a spec runs on: v1 as on a hybrid host, or the unified hierarchy
-- as scripts/dev/vm has it.
local run = require "spec.support.run"

local M = {}

---1, 2, or nil where no hierarchy has controllers.
function M.version()
  if run.read("/proc/self/mountinfo"):find(" /sys/fs/cgroup [^\n]* %- cgroup2 ") then return 2 end
  return run.read("/proc/self/cgroup"):find(":memory:", 1, true) and 1 or nil
end

-- Is a directory above the caller's own, on v2, the caller's to use?
local function delegated()
  local above = run.read("/proc/self/cgroup"):match "0::(/[^\n]*)/[^/\n]+\n"
  return above and run.run { "test", "-w", "/sys/fs/cgroup" .. above .. "/cgroup.procs" }
    .status == 0
end

---Skips, with the reason, what this user has no limits for.
---@param version 1|2|nil  of that hierarchy only
function M.needs(version)
  local there = M.version()
  if not there then run.skip "needs cgroup controllers" end
  if version and version ~= there then
    run.skip(("needs the controllers on cgroup v%d"):format(version))
  end
  if run.who() ~= "root" and (there == 1 or not delegated()) then
    run.skip "needs root, or a part of cgroup v2"
  end
end

---Words for `tidelock run`: "pids=5" is --limit pids=5.
---@param ... string
---@return string[]
function M.options(...)
  local words = {}
  for _, text in ipairs { ... } do words[#words + 1], words[#words + 2] = "--limit", text end
  return words
end

---The directories of boxes that are there, one a line.
---@return string
function M.left()
  return run.run("find /sys/fs/cgroup -path '*/tidelock/*' -type d 2>/dev/null").stdout
end

---What files of a box's cgroups hold while it runs, without their last newline: "file=value".
---@param options string[]  of tidelock run
---@param names string[]    of files
---@return string[]
function M.values(options, names)
  local box, folder = require "spec.support.box", run.folder()
  local cat = [[for f in NAMES; do
    for at in $(find /sys/fs/cgroup -path "*/tidelock/$p-*" -name $f); do
      echo "$f=$(cat $at | tr '\\n' ' ' | sed 's/ $//')"; done; done; touch go]]
  local result = box.during(folder, "touch ready; while [ ! -e go ]; do sleep 0.01; done",
    (cat:gsub("NAMES", table.concat(names, " "))), options)
  run.remove(folder)
  if result.stderr ~= "" then error(result.stderr, 2) end
  local list = {}
  for line in result.outside:gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

return M
