-- Writes the seeds of the fuzz target: `luajit spec/fuzz/seeds.lua` in the top folder, after make.
-- A plan with nothing but what must be there, and one for each operation around it, with values of
-- every shape. Small, so that a mutation hits something that matters.
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = "build/lib/?.so;" .. package.cpath
local plan = require("tidelock.core").plan

local filter = "\6\0\0\0\0\0\255\127" -- return SECCOMP_RET_ALLOW

local function op(name, lane, fields)
  local record = { op = name, lane = lane, stage = "mounts", at = "seed" }
  for key, value in pairs(fields or {}) do record[key] = value end
  return record
end

local clone = op("clone", "host", { flags = 0x7e020000 })
local barrier = op("barrier", "child", { id = 1 })
local root = op("root_tmpfs", "child", { size = "1m" })
local pivot = op("pivot", "child")
local exec = op("exec", "child",
  { path = { "/usr/bin/true", "/bin/true" }, argv = { "true", "-x" }, envp = { "A=1" } })

-- Where in the minimal plan a new operation may stand.
local function around(extra)
  local late = {
    detach_old = true, chdir = true, fork = true, settle = true, seccomp = true, dup = true,
    open_pty = true, console = true,
  }
  local list = {}
  if extra and extra.lane == "host" then list[#list + 1] = extra end
  list[#list + 1] = clone
  if extra and extra.lane == "parent" then list[#list + 1] = extra end
  list[#list + 1] = barrier
  local early = extra and extra.lane == "child"
    and (extra.op == "open_path" or extra.op == "setns")
  if early then list[#list + 1] = extra end
  if not extra or extra.op ~= "root_tree" then list[#list + 1] = root end
  if extra and extra.op == "sysctl" then list[#list + 1] = op("private_proc", "child") end
  if extra and extra.lane == "child" and not late[extra.op] and not early then
    list[#list + 1] = extra
  end
  list[#list + 1] = pivot
  if extra and extra.op == "settle" then list[#list + 1] = op("fork", "child") end
  if extra and late[extra.op] then list[#list + 1] = extra end
  if extra and extra.lane == "beside" then
    -- PID 1's own lane: between the fork and the workload's wait for it.
    list[#list + 1] = op("fork", "child")
    list[#list + 1] = extra
    list[#list + 1] = op("settle", "child")
  end
  list[#list + 1] = exec
  return list
end

local sample = {
  u32 = 1, i32 = -1, u64 = 1, str = "text", ostr = "text", path = "/a/path", blob = filter,
  args = { "one", "two" }, ids = { 1, 2, 3 }, slot = 0, newslot = 1,
}
-- In every plan, or in those of what joins a box.
local once = { clone = true, root_tmpfs = true, pivot = true, exec = true, enter = true,
  open_file = true, hold = true, leave = true }
local special = {
  barrier = { id = 2 }, reach = { id = 2 },
  setns = { flags = 0x40000000 }, unshare = { flags = 0x02000000 },
  open_namespace = { flags = 0x40000000 }, mknod = { mode = 8630 },
  mount_attr = { clear = 0, propagation = 0x40000 },
  limit_devices = { rules = { "c 1:3 rwm", "b *:* m" } },
}

local written = 0
local function write(name, ops)
  local bytes = assert(plan.pack(ops, { sigmask = 0, given = 1 }))
  local file = assert(io.open("spec/fuzz/corpus/" .. name, "wb"))
  file:write(bytes)
  file:close()
  written = written + 1
end

-- Of the other kinds of plan: a box held open, a process that joins it, a file handed out.
local function joining(...)
  local enter = { op("clone", "host", { flags = 0 }),
    op("setns", "child", { slot = 0, flags = 0x7e020000 }), op("enter", "child") }
  for _, last in ipairs { ... } do enter[#enter + 1] = last end
  return enter
end

write("minimal", around(nil))
write("hold", { clone, barrier, root, pivot, op("reach", "child", { id = 2 }),
  op("hold", "child") })
write("enter-exec", joining(exec))
write("enter-file", joining(op("open_file", "child", { path = "/a", flags = 0, mode = 0 }),
  op("leave", "child")))
for _, operation in ipairs(plan.operations()) do
  -- A rendezvous stands in the child's lane; the parent's side follows from it.
  local met = operation.name == "barrier" or operation.name == "reach"
  for _, lane in ipairs(once[operation.name] and {} or met and { "child" } or operation.lanes) do
    local fields = {}
    for _, field in ipairs(operation.fields) do fields[field.name] = sample[field.type] end
    for key, value in pairs(special[operation.name] or {}) do fields[key] = value end
    local extra = op(operation.name, lane, fields)
    write(operation.name .. "-" .. lane, around(extra))
  end
end
print(written .. " seeds written")
