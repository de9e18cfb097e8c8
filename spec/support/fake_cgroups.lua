-- Hosts with cgroups that are made up: facts for the unit specs of limits.
local fake = require "spec.golden.fake_host"

local M = {}

M.ROOT = "/sys/fs/cgroup"
M.SESSION = M.ROOT .. "/user.slice/session"
local ROOT, SESSION = M.ROOT, M.SESSION

-- What is written, as "file=value", a "?" before what need not be there, "|" before what must be
-- there where the one before is not.
function M.written(cgroup)
  local lines = {}
  for _, dir in ipairs(cgroup and cgroup.dirs or {}) do
    for _, item in ipairs(dir.settings) do
      lines[#lines + 1] = ("%s%s=%s"):format(({ "?", "|" })[item.optional] or "", item.file,
        item.value)
    end
  end
  return lines
end

-- A host that has processors 0 to 3, a disk, and pages of 2M; files by their paths.
function M.machine(cgroups, more)
  local files = { ["/sys/devices/system/cpu/online"] = "0-3\n",
    ["/sys/devices/system/node/online"] = "0\n", ["/sys/dev/block"] = "", ["/dev/disk"] = "",
    ["/sys/dev/block/8:0"] = "", ["/sys/kernel/mm/hugepages/hugepages-2048kB"] = "" }
  for path, text in pairs(more or {}) do files[path] = text or nil end
  local facts = fake.root { cgroups = cgroups }
  local stat = facts.stat
  function facts.read(path) return files[path] end
  function facts.stat(path) return files[path] and { type = "file" } or stat(path) end
  return facts, files
end

function M.v1_with(...)
  local all = {}
  for _, name in ipairs { "freezer", "cpuacct", "memory", "pids", "cpu", ... } do
    all[name] = { mount = "/cg/" .. name, dir = "/cg/" .. name }
  end
  return { version = 1, v1 = all }
end

-- A unified hierarchy of three: what each hands down, who is in it, and what it has.
function M.tree(slice, has)
  has = has or "cpuset cpu io memory hugetlb pids"
  local files = { ["/proc/self/stat"] = "7 (a) b) S 1 7" }
  for dir, given in pairs { [""] = has, ["/user.slice"] = slice, ["/user.slice/session"] = "" } do
    files[ROOT .. dir .. "/cgroup.controllers"] = has .. "\n"
    files[ROOT .. dir .. "/cgroup.subtree_control"] = given
    files[ROOT .. dir .. "/cgroup.procs"] = "1\n"
    if dir ~= "" then files[ROOT .. dir .. "/cgroup.events"] = "" end
  end
  return files
end

function M.v2(files, closed)
  local facts = M.machine({ version = 2, v1 = {}, v2 = { mount = ROOT, dir = SESSION } }, files)
  function facts.writable(path)
    for _, pattern in ipairs(closed or {}) do
      if path:find(pattern) then return false end
    end
    return true
  end
  return facts
end

return M
