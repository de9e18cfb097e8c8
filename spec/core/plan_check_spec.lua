-- core.plan.check, refusal by refusal: for each text of core/plan/check.c the smallest plan that is
-- refused with it, beside one that is good. `make mutate` takes each check away and looks here.
local core = require "tidelock.core"

local plan = core.plan
local filter = "\6\0\0\0\0\0\255\127" -- return SECCOMP_RET_ALLOW
local BIG = 0x7ffffff8

local function op(name, lane, fields)
  local record = { op = name, lane = lane, stage = "mounts" }
  for key, value in pairs(fields or {}) do record[key] = value end
  return record
end

local function child(name, fields) return op(name, "child", fields) end

local clone = op("clone", "host", { flags = 0x7e020000 })
local root, pivot, fork = child("root_tmpfs", { size = "1m" }), child "pivot", child "fork"
local exec = child("exec", { path = { "/bin/true" }, argv = { "true" }, envp = {} })
local setns = child("setns", { slot = 0, flags = 0x7e020000 })
local enter, leave = child "enter", child "leave"
local up = op("link_up", "beside", { name = "lo" })
local seccomp = child("seccomp", { filter = filter, flags = 0 })
local proc = child "private_proc"
local function held(lane)
  return function(slot)
    return op("open_path", lane, { slot = slot, path = "/x", expect = 0, rdev = 0 })
  end
end
local hold, host = held "child", held "host"

-- The smallest plan with operations before or after its pivot.
local function early(...)
  local list = { clone, root, ... }
  list[#list + 1], list[#list + 2] = pivot, exec
  return list
end
local function late(...)
  local list = { clone, root, pivot, ... }
  list[#list + 1] = exec
  return list
end
-- What joins a box.
local function joining(...) return { op("clone", "host", { flags = 0 }), setns, ... } end

local function u32(value)
  return string.char(bit.band(value, 255), bit.band(bit.rshift(value, 8), 255),
    bit.band(bit.rshift(value, 16), 255), bit.band(bit.rshift(value, 24), 255))
end

local function put(bytes, at, text) return bytes:sub(1, at) .. text .. bytes:sub(at + #text + 1) end

local HEADER = { version = 8, size = 12, count = 16, arena = 20, given = 24, inherited = 28,
  slots = 32, reserved = 36 }

local function word_of(bytes, at)
  local a, b, c, d = bytes:byte(at + 1, at + 4)
  return a + b * 256 + c * 65536 + d * 16777216
end

-- Where word `n` (from 0) of operation `index` (from 1) stands.
local function place(index, n) return 64 + 32 * (index - 1) + 8 + 4 * n end

local function pack(ops, given) return plan.pack(ops, { given = given or 0 }) end

-- A plan that is good until a word is changed: of operation `index`, or of the header by its name.
local function changed(ops, index, n, value, given)
  local bytes = pack(ops, given)
  assert(plan.check(bytes))
  local at = type(index) == "string" and HEADER[index] + 4 * n or place(index, n)
  if type(value) == "function" then
    value = value(word_of(bytes, at), #bytes - word_of(bytes, HEADER.arena))
  end
  return put(bytes, at, u32(value))
end

local function pty(rows, columns) return child("open_pty", { rows = rows, columns = columns }) end

local function node(mode, major, minor)
  return child("mknod", { target = "/x", mode = mode, major = major, minor = minor, uid = 0,
    gid = 0 })
end
local function namespace(flags)
  return op("open_namespace", "host", { slot = 0, path = "/x", flags = flags })
end

-- By the refusal: plans as bytes, or as lists of operations, where a number says how many slots are
-- given.
local cases = {
  ["a string is missing"] = function()
    return changed(early(child("sethostname", { name = "x" })), 3, 0, 0)
  end,
  ["a string lies outside the arena"] = function()
    local named = early(child("sethostname", { name = "x" }))
    return changed(named, 3, 0, BIG), changed(named, 3, 0, function(_, arena) return arena end),
      changed(early(child("mount", { target = "/x", fstype = "tmpfs", flags = 0, data = "x" })), 3,
        3, BIG),
      changed(early(child("mkdir", { target = "/x", mode = 0 })), 3, 0, BIG)
  end,
  ["a string is empty"] = function()
    return changed(early(child("sethostname", { name = "x" })), 3, 0,
      function(_, arena) return arena - 1 end)
  end,
  ["a path does not start with a slash"] = function()
    return early(child("mkdir", { target = "x", mode = 0 }))
  end,
  ["a path is longer than PATH_MAX"] = function()
    return early(child("mkdir", { target = "/" .. ("x"):rep(4095), mode = 0 }))
  end,
  ["a block lies outside the arena"] = function()
    local function beyond(_, arena) return arena + 8 end
    return changed(late(), 4, 4, beyond), changed(late(), 4, 3, BIG),
      changed(late(seccomp), 4, 0, beyond), changed(late(seccomp), 4, 1, BIG),
      changed(late(child("setgroups", { gids = { 1 } })), 4, 1, BIG)
  end,
  ["a list of strings does not end in NUL"] = function()
    return changed(late(), 4, 3, function(size) return size - 1 end)
  end,
  ["a block is not aligned"] = function()
    return changed(late(seccomp), 4, 0, function(offset) return offset + 4 end),
      changed(late(child("setgroups", { gids = { 1, 2 } })), 4, 1, 6)
  end,
  ["a slot is out of range"] = function()
    return changed(early(hold(0), child("dup", { slot = 0, fd = 3 })), 4, 0, 950)
  end,
  ["a slot is used before it is opened"] = function()
    return early(child("dup", { slot = 0, fd = 3 }), hold(0))
  end,
  ["the parent has no such slot"] = function()
    return early(hold(0), op("idmap_mount", "parent",
      { slot = 0, recursive = 0, attr = 0, path = "/x" }))
  end,
  ["a slot is opened twice"] = function() return early(hold(0), hold(0)) end,
  ["a slot is opened in the wrong lane"] = function()
    return changed(early(hold(0)), "inherited", 0, 1),
      changed({ host(0), unpack(early()) }, "inherited", 0, 0)
  end,
  ["a word that has no field is set"] = function()
    return changed(late(), 3, 0, 1), changed(late(), 3, 5, 1)
  end,
  ["a host operation comes after the clone"] = function() return early(host(0)) end,
  ["an operation comes before the clone"] = function() return { root, clone, pivot, exec } end,
  ["an operation comes after the end"] = function()
    return late(exec), { clone, root, pivot, child "hold", child "setsid" },
      joining(enter, leave, child "setsid", 1)
  end,
  ["an operation stands between the filter and exec"] = function()
    return late(seccomp, child "setsid")
  end,
  ["PID 1 has no lane of its own before the fork"] = function() return late(up, fork) end,
  ["init forks twice"] = function() return late(fork, fork) end,
  ["there is no PID 1 to wait for"] = function() return late(child "settle") end,
  ["only PID 1 holds a box open"] = function() return late(fork, child "hold") end,
  ["the workload does not wait for PID 1"] = function()
    return late(fork, up), late(fork, up, seccomp)
  end,
  ["the root is made twice"] = function()
    return early(root), early(hold(0), child("root_tree",
      { slot = 0, attr = 0, tree = 0, path = "/x" }))
  end,
  ["there is no new root yet"] = function()
    local list = {}
    for name, fields in pairs {
      mkdir = { target = "/x", mode = 0 }, symlink = { target = "/x", to = "y" },
      mount = { target = "/x", fstype = "tmpfs", flags = 0 },
      bind = { slot = 0, target = "/x", attr = 0, tree = 0, recursive = 0, path = "/x" },
      overlay = { target = "/x" }, mask = { target = "/x", null = 0 },
      readonly = { target = "/x" }, seal_root = {},
      mount_attr = { target = "/x", set = 1, clear = 0, propagation = 0, recursive = 0 },
      mknod = { target = "/x", mode = 8630, major = 1, minor = 3, uid = 0, gid = 0 },
    } do
      list[#list + 1] = { clone, child(name, fields), root, pivot, exec, 1 }
    end
    return unpack(list)
  end,
  ["there is no new root to pivot into"] = function()
    return { clone, pivot, root, exec }, late(pivot)
  end,
  ["the old root is still in place"] = function()
    return early(child "detach_old"), early(child "hold"), early(pty(1, 1)),
      early(child("chdir", { path = "/" })), early(child("console", { target = "/x", uid = 0 }))
  end,
  ["there is no box to enter"] = function()
    return { clone, enter, exec }, joining(enter, enter, exec, 1), joining(fork, enter, exec, 1)
  end,
  ["no box has been entered"] = function()
    return late(leave), late(child("open_file", { path = "/x", flags = 0, mode = 0 }))
  end,
  ["there is no private procfs yet"] = function()
    return early(child("sysctl", { name = "a", value = "b" }))
  end,
  ["exec would run in the old root"] = function() return { clone, root, exec } end,
  ["a flag names no namespace"] = function()
    local list = {}
    for _, flags in ipairs { 1, 0x100000000, "0x10000000000000" } do
      list[#list + 1] = { op("clone", "host", { flags = flags }), root, pivot, exec }
      list[#list + 1] = early(child("unshare", { flags = flags }))
    end
    for _, flags in ipairs { 0, 1, 0x120000000 } do
      list[#list + 1] = joining(child("setns", { slot = 0, flags = flags }), enter, exec, 1)
    end
    for _, flags in ipairs { 0, 1, 0x60000000, 0x140000000 } do
      list[#list + 1] = { namespace(flags), unpack(early()) }
    end
    return unpack(list)
  end,
  ["the node is no device"] = function()
    return early(node(33188, 1, 3)), early(node(438, 1, 3)) -- a file; none
  end,
  ["a device number or mode is out of range"] = function()
    return early(node(8192 + 512, 1, 3)), early(node(8630, 4096, 3)),
      early(node(8630, 1, 1048576))
  end,
  ["the expected type is unknown"] = function()
    local function beneath(expect, tree)
      return early(child("open_beneath", { slot = 1, base = 0, path = "x", expect = expect,
        tree = tree }), 1)
    end
    return early(child("open_path", { slot = 0, path = "/x", expect = 4, rdev = 0 })),
      beneath(4, 0), beneath(0, 2)
  end,
  ["the kind of map is unknown"] = function()
    local function map(kind, helper)
      return early(op("write_map", "parent", { kind = kind, map = "0 0 1", helper = helper }))
    end
    return map(2, 0), map(0, 2)
  end,
  ["a mount attribute is unknown"] = function()
    local function tree(attr, is_tree)
      return { clone, child("root_tree", { slot = 0, attr = attr, tree = is_tree, path = "/x" }),
        pivot, exec, 1 }
    end
    local function bind(attr, is_tree, recursive)
      return early(child("bind", { slot = 0, target = "/x", attr = attr, tree = is_tree,
        recursive = recursive, path = "/x" }), 1)
    end
    local function attr(set, clear, propagation, recursive)
      return early(child("mount_attr", { target = "/x", set = set, clear = clear,
        propagation = propagation, recursive = recursive }))
    end
    return attr(0x100000, 0, 0, 0), attr(0, 0x100000, 0, 0), attr(0, 0, 1, 0),
      attr(0, 0, 0x60000, 0), attr(0, 0, 0, 2), tree(0x100000, 0), tree(0, 2),
      bind(0x100000, 0, 0), bind(0, 2, 0), bind(0, 0, 2),
      early(op("idmap_mount", "parent",
        { slot = 0, recursive = 0, attr = 0x100000, path = "/x" }), 1)
  end,
  ["devices are allowed, 1, or not, 0"] = function()
    return { op("make_cgroup", "host", { slot = 0, path = "/x", name = "x" }),
      op("limit_devices", "host", { slot = 0, allow = 2, rules = {} }), unpack(early()) }
  end,
  ["an id of -1 would leave the old one"] = function()
    local function give(uid, gid)
      return { host(0), op("give_cgroup", "host", { slot = 0, uid = uid, gid = gid, files = {} }),
        unpack(early()) }
    end
    return early(child("setresuid", { uid = 4294967295 })),
      early(child("setresgid", { gid = 4294967295 })), give(4294967295, 0), give(0, 4294967295)
  end,
  ["whether the file must be there is unknown"] = function()
    return { host(0), op("limit_cgroup", "host", { slot = 0, file = "x", value = "1",
      optional = 3 }), unpack(early()) }
  end,
  ["a descriptor is out of range"] = function()
    return early(child("dup", { slot = 0, fd = 1024 }), 1)
  end,
  ["the rendezvous are not in order"] = function()
    local function meet(name, id, lane) return op(name, lane or "child", { id = id }) end
    return early(meet("barrier", 0)), early(meet("barrier", 2), meet("barrier", 2)),
      early(meet("reach", 0)), early(meet("reach", 2), meet("barrier", 1)),
      early(meet("barrier", 1, "parent")), early(meet("reach", 1, "parent"))
  end,
  ["the operation is the child's"] = function()
    return joining(op("enter", "parent"), exec, 1),
      joining(enter, op("open_file", "parent", { path = "/x", flags = 0, mode = 0 }), leave, 1)
  end,
  ["a terminal has 1 to 65535 rows and columns"] = function()
    return late(pty(0, 1)), late(pty(65536, 1)), late(pty(1, 0)), late(pty(1, 65536))
  end,
  ["a filter has 1 to 4096 instructions of 8 bytes"] = function()
    return changed(late(seccomp), 4, 1, 0), changed(late(seccomp), 4, 1, 4),
      late(child("seccomp", { filter = filter:rep(4097), flags = 0 }))
  end,
  ["there is nothing to execute"] = function()
    return changed(late(), 4, 1, 0), changed(late(), 4, 3, 0)
  end,
  ["the plan is shorter than its header"] = function()
    return "", ("\0"):rep(63), pack(early()):sub(1, 64)
  end,
  ["this is not a plan of this version"] = function()
    return put(pack(early()), 0, "X"), changed(early(), "version", 0, 99)
  end,
  ["the plan's size is wrong"] = function()
    local bytes = pack(early())
    local large = bytes .. ("\0"):rep(16 * 1024 * 1024 + 1 - #bytes)
    return bytes .. "\0", bytes:sub(1, -2), put(large, HEADER.size, u32(#large))
  end,
  ["the number of operations is out of range"] = function()
    return changed(early(), "count", 0, 0), changed(early(), "count", 0, 4097)
  end,
  ["the arena is in the wrong place"] = function()
    -- So many operations that the arena, where it then belongs, would lie behind the end.
    local many = put(pack(early()), HEADER.count, u32(100))
    return changed(early(), "arena", 0, 96), put(many, HEADER.arena, u32(64 + 32 * 100))
  end,
  ["the arena does not end in NUL"] = function() return pack(early()):sub(1, -2) .. "x" end,
  ["the number of slots is out of range"] = function()
    return changed(early(), "given", 0, 1), changed(early(), "inherited", 0, 1),
      changed(early(), "slots", 0, 961)
  end,
  ["a reserved word is set"] = function()
    local list = {}
    for n = 0, 6 do list[#list + 1] = changed(early(), "reserved", n, 1) end
    return unpack(list)
  end,
  ["the operation is unknown"] = function() return put(pack(early()), place(2, -2), "\255\255") end,
  ["the lane is unknown"] = function()
    local list = {}
    for i, lane in ipairs { 0, 3, 5, 6, 7, 12, 16, 255 } do
      list[i] = put(pack(early()), place(2, -2) + 2, string.char(lane))
    end
    return unpack(list)
  end,
  ["the operation does not belong in this lane"] = function()
    return early(op("setsid", "parent")), early(op("setsid", "beside"))
  end,
  ["the stage is unknown"] = function() return put(pack(early()), place(2, -2) + 3, "\7") end,
  ["an inherited slot is never opened"] = function()
    local two = put(pack(early()), HEADER.inherited, u32(1))
    return put(two, HEADER.slots, u32(1))
  end,
  ["the plan comes to no end"] = function() return { clone, root, pivot } end,
}

-- As pack, which refuses on its own what it cannot pack, tells it: the words of the check.
local function refusal(one)
  if type(one) == "string" then
    local good, fault = plan.check(one)
    return good and "it is good" or fault.why
  end
  local ops, given = {}, 0
  for _, each in ipairs(one) do
    if type(each) == "number" then given = each else ops[#ops + 1] = each end
  end
  local good, message = pcall(pack, ops, given)
  return good and "it is good" or tostring(message)
end

describe("core.plan.check", function()
  it("has a case here for each reason that it gives, and none but those", function()
    local file = assert(io.open "core/plan/check.c")
    local text = file:read "*a"
    file:close()
    local reasons, count = {}, 0
    for _, pattern in ipairs { 'fail%(c,%s*"(.-)"', 'c%.why = "(.-)"' } do
      for why in text:gmatch(pattern) do
        reasons[why] = true
        count = count + 1
        assert(cases[why], "no case for: " .. why)
      end
    end
    assert(count > 50, "only " .. count .. " reasons were found")
    for why in pairs(cases) do assert(reasons[why], "no longer a reason: " .. why) end
  end)

  for why, make in pairs(cases) do
    it("refuses where " .. why, function()
      local made = { make() }
      assert(#made > 0)
      for i, one in ipairs(made) do
        assert.matches(why:gsub("%p", "%%%0"), refusal(one), "case " .. i)
      end
    end)
  end

  it("takes what is good, also at the bounds", function()
    local bind = child("bind", { slot = 0, target = "/x", attr = 15, tree = 1, recursive = 1,
      path = "/x" })
    local file = child("open_file", { path = "/x", flags = 0, mode = 0 })
    for i, one in ipairs {
      early(), late(seccomp), late(fork, up, child "settle", seccomp), late(pty(65535, 65535)),
      { clone, root, pivot, child "hold" }, joining(enter, exec, 1), joining(enter, file, leave, 1),
      joining(enter, child("chdir", { path = "/" }), exec, 1),
      early(bind, child("dup", { slot = 0, fd = 1023 }), 1), early(hold(0)),
      { host(0), unpack(early()) }, late(child "detach_old", child("chdir", { path = "/" })),
      early(proc, child("sysctl", { name = "a", value = "b" })),
      { clone, child("root_tree", { slot = 0, attr = 1, tree = 1, path = "/x" }), pivot, exec, 1 },
      early(op("barrier", "child", { id = 1 }), op("reach", "child", { id = 2 })),
      early(child("mkdir", { target = "/" .. ("x"):rep(4094), mode = 0 })),
      late(child("seccomp", { filter = filter:rep(4096), flags = 0 })),
      early(node(8630, 4095, 1048575)), early(node(25008, 8, 0)), early(node(4534, 0, 0)),
      { namespace(0x40000000), unpack(early()) },
      { op("make_cgroup", "host", { slot = 0, path = "/x", name = "x" }),
        op("limit_devices", "host", { slot = 0, allow = 1, rules = {} }), unpack(early()) },
      early(child("mount_attr", { target = "/x", set = 15, clear = 0, propagation = 0x40000,
        recursive = 1 })), late(child("console", { target = "/x", uid = 0 })),
      { host(0), op("limit_cgroup", "host", { slot = 0, file = "x", value = "1", optional = 2 }),
        op("give_cgroup", "host", { slot = 0, uid = 0, gid = 0, files = {} }), unpack(early()) },
      late(child("setgroups", { gids = {} })), early(child("unshare", { flags = 0 })),
    } do
      assert.equal("it is good", refusal(one), "plan " .. i)
    end
  end)
end)
