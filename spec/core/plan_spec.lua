-- core.plan: packing, checking and unpacking.
local core = require "tidelock.core"
local plans = require "spec.support.plan"

local plan = core.plan
local filter = "\6\0\0\0\0\0\255\127" -- return SECCOMP_RET_ALLOW

local function op(name, lane, fields)
  local record = { op = name, lane = lane, stage = "mounts" }
  for key, value in pairs(fields or {}) do record[key] = value end
  return record
end

local clone = op("clone", "host", { flags = 0x7e020000 })
local root = op("root_tmpfs", "child", { size = "1m" })
local pivot = op("pivot", "child")
local exec = op("exec", "child", { path = { "/bin/true" }, argv = { "true" }, envp = {} })

-- The smallest plan, with operations put in before its pivot.
local function around(...)
  local list = { clone, root }
  for _, extra in ipairs { ... } do list[#list + 1] = extra end
  list[#list + 1] = pivot
  list[#list + 1] = exec
  return list
end

local function refusal(ops, settings)
  local good, message = pcall(plan.pack, ops, settings)
  assert.is_false(good, "it was packed")
  return tostring(message)
end

-- By type: values that must come back as they went in.
local samples = {
  u32 = { 0, 1, 4294967295 }, i32 = { -2147483648, -1, 0, 2147483647 },
  u64 = { 0, 1, 9007199254740992, "0xffffffffffffffff" }, str = { "x", "two words\n\255" },
  ostr = { "x", false }, path = { "/", "/a/b c" }, blob = { filter, "12345678" .. filter },
  args = { { "one" }, { "one", "", "three" }, {} }, ids = { {}, { 0, 4294967294 }, { 1, 2, 3 } },
}

describe("core.plan.pack", function()
  it("gives back every operation as it was, field by field", function()
    local tried = 0
    -- Of these the fields have a meaning that is checked, or a place of their own.
    local special = { clone = true, barrier = true, reach = true, setns = true, unshare = true,
      write_map = true, open_path = true, dup = true, seccomp = true, exec = true, fork = true,
      root_tmpfs = true, root_tree = true, pivot = true, idmap_mount = true, bind = true,
      detach_old = true, chdir = true, sysctl = true, settle = true, open_pty = true,
      enter = true, open_file = true, hold = true, leave = true, console = true,
      mount_attr = true, mknod = true, setresuid = true, setresgid = true }
    for _, info in ipairs(plan.operations()) do
      local lane = info.lanes[#info.lanes]
      local slots = false
      for _, field in ipairs(info.fields) do slots = slots or field.type:find "slot" end
      if not special[info.name] and not slots and lane == "child" then
        for turn = 1, 4 do
          local fields = {}
          for _, field in ipairs(info.fields) do
            local list = samples[field.type]
            fields[field.name] = list[(turn - 1) % #list + 1] or nil
          end
          local ops = plan.unpack(plan.pack(around(op(info.name, lane, fields))))
          assert.same(op(info.name, lane, fields), ops[3])
          tried = tried + 1
        end
      end
    end
    assert(tried >= 60, "only " .. tried .. " were tried")
  end)

  it("takes every id but -1, which would leave the old one", function()
    for name, field in pairs { setresuid = "uid", setresgid = "gid" } do
      for id, good in pairs { [0] = true, [4294967294] = true, [4294967295] = false } do
        assert.equal(good, (pcall(plan.pack, around(op(name, "child", { [field] = id })))), id)
      end
    end
  end)

  it("takes devices and fifos with numbers that the kernel has, and no other file", function()
    local function node(mode, major, minor)
      return (pcall(plan.pack, around(op("mknod", "child", { target = "/dev/x", mode = mode,
        major = major, minor = minor, uid = 0, gid = 0 }))))
    end
    for _, good in ipairs { { 0x21b6, 1, 3 }, { 0x61ff, 4095, 1048575 }, { 0x1000, 0, 0 } } do
      assert.is_true(node(unpack(good)))
    end
    -- a file, a directory, a link, a socket, setuid, numbers too large, garbage above
    for _, bad in ipairs { { 0x81b6, 1, 3 }, { 0x4000, 0, 0 }, { 0xa000, 0, 0 }, { 0xc000, 0, 0 },
      { 0x29b6, 1, 3 }, { 0x21b6, 4096, 0 }, { 0x21b6, 0, 1048576 }, { 0x1000021b6, 1, 3 } } do
      assert.is_false(node(unpack(bad)))
    end
  end)

  it("takes known attributes and one propagation of a mount", function()
    local function attributes(set, clear, propagation, recursive)
      return (pcall(plan.pack, around(op("mount_attr", "child", { target = "/a", set = set,
        clear = clear, propagation = propagation, recursive = recursive }))))
    end
    assert.is_true(attributes(0x2000ff, 0x70, 0x40000, 1))
    assert.is_true(attributes(0, 0, 0, 0))
    for _, bad in ipairs { { 0x100000, 0, 0, 0 }, { 0, 0x100, 0, 0 }, { 0, 0, 0x60000, 0 },
      { 0, 0, 0x4000, 0 }, { 0, 0, 0, 2 } } do
      assert.is_false(attributes(unpack(bad)))
    end
  end)

  it("shows a console when there is a root to show it in", function()
    local list = around()
    table.insert(list, #list, op("console", "child", { target = "/dev/console", uid = 0 }))
    assert.is_true((pcall(plan.pack, list)))
    assert.matches("the old root is still in place",
      refusal(around(op("console", "child", { target = "/dev/console", uid = 0 }))))
  end)

  it("holds one namespace of a known kind at a time", function()
    local function hold(flags)
      local list = around()
      table.insert(list, 1, op("open_namespace", "host", { slot = 0, path = "/n", flags = flags }))
      return (pcall(plan.pack, list))
    end
    assert.is_true(hold(0x40000000))
    for _, bad in ipairs { 0, 0x60000000, 1, "0x100000000" } do assert.is_false(hold(bad)) end
  end)

  it("takes a terminal of 1 to 65535 rows and columns, after the pivot", function()
    local function pty(rows, columns, early)
      local list = around(op("open_pty", "child", { rows = rows, columns = columns }))
      if not early then list[#list - 1], list[#list - 2] = list[#list - 2], list[#list - 1] end
      return (pcall(plan.pack, list))
    end
    assert.is_true(pty(1, 65535))
    for _, bad in ipairs { { 0, 80 }, { 24, 0 }, { 65536, 80 }, { 24, 65536 }, { 24, 80, true } } do
      assert.is_false(pty(unpack(bad)))
    end
  end)

  it("gives back the default plan, and is the same each time", function()
    local bytes, ops, prepared = plans.default()
    local back, given = plan.unpack(bytes)
    assert.equal(#prepared.given, given)
    assert.equal(#ops, #back)
    for i, each in ipairs(back) do
      assert.same({ ops[i].op, ops[i].lane, ops[i].stage }, { each.op, each.lane, each.stage })
      for name, value in pairs(each) do
        if type(value) ~= "number" then assert.same(ops[i][name], value, each.op .. "." .. name) end
      end
    end
    for _ = 1, 100 do assert.equal(bytes, plan.pack(ops, { given = given })) end
  end)

  it("refuses a value of the wrong type and names operation and field", function()
    assert.matches("sethostname%.name is not a string", refusal(around(
      op("sethostname", "child", { name = 7 }))))
    assert.matches("sethostname%.name is not a string", refusal(around(op("sethostname", "child"))))
    assert.matches("umask%.mode is not a whole number", refusal(around(
      op("umask", "child", { mode = "x" }))))
    for _, bad in ipairs { -1, 1.5, 4294967296, 0 / 0, 1 / 0 } do
      assert.matches("umask%.mode", refusal(around(op("umask", "child", { mode = bad }))))
    end
    for _, bad in ipairs { -1, 1.5, 2 ^ 54, "12x", "", "-1", "0x1ffffffffffffffff" } do
      assert.has_error(function()
        plan.pack(around(op("rlimit", "child", { resource = 1, soft = bad, hard = 1 })))
      end)
    end
    assert.matches("exec%.argv is not a list", refusal { clone, root, pivot,
      op("exec", "child", { path = { "/x" }, argv = "true", envp = {} }) })
    assert.matches("NUL", refusal(around(op("sethostname", "child", { name = "a\0b" }))))
  end)

  it("refuses an operation, lane or stage that is none, and another's lane", function()
    assert.matches("fly", refusal(around(op("fly", "child"))))
    assert.matches("lane", refusal(around(op("setsid", "nowhere"))))
    assert.matches("stage", refusal(around { op = "setsid", lane = "child", stage = "late" }))
    assert.matches("does not belong in this lane", refusal(around(op("setsid", "parent"))))
  end)

  it("refuses orders that make no sense", function()
    local cases = {
      ["comes before the clone"] = { root, clone, pivot, exec },
      ["comes after the clone"] = { clone, op("open_tree", "host",
        { slot = 0, path = "/x", recursive = 0 }), root, pivot, exec },
      ["there is no new root"] = { clone, op("mkdir", "child", { target = "/x", mode = 0 }), root,
        pivot, exec },
      ["root is made twice"] = { clone, root, root, pivot, exec },
      ["exec would run in the old root"] = { clone, root, exec },
      ["comes to no end"] = { clone, root, pivot },
      ["comes after the end"] = { clone, root, pivot, exec, op("setsid", "child") },
      ["there is no box to enter"] = around(op("enter", "child")),
      ["no box has been entered"] = around(op("leave", "child")),
      ["only PID 1 holds a box open"] = { clone, root, pivot, op("fork", "child"),
        op("hold", "child") },
      ["between the filter and exec"] = { clone, root, pivot,
        op("seccomp", "child", { filter = filter, flags = 0 }), op("setsid", "child"), exec },
      ["a slot is used before it is opened"] = around(op("dup", "child", { slot = 0, fd = 3 })),
      ["no private procfs"] = around(op("sysctl", "child", { name = "a", value = "b" })),
      ["a string is empty"] = around(op("sethostname", "child", { name = "" })),
      ["does not start with a slash"] = around(op("mkdir", "child", { target = "x", mode = 0 })),
      ["longer than PATH_MAX"] = around(op("mkdir", "child",
        { target = "/" .. ("x/"):rep(3000), mode = 0 })),
      ["names no namespace"] = around(op("unshare", "child", { flags = 1 })),
      ["is out of range"] = around(
        op("open_path", "child", { slot = 0, path = "/x", expect = 0, rdev = 0 }),
        op("dup", "child", { slot = 0, fd = 1024 })),
    }
    for words, ops in pairs(cases) do
      assert.matches(words:gsub("%p", "%%%0"), refusal(ops))
    end
    assert.matches("operation 3", refusal(around(op("unshare", "child", { flags = 1 }))))
  end)

  it("refuses more operations than a plan may have, and more bytes", function()
    local many = {}
    for i = 1, 4200 do many[i] = op("setsid", "child") end
    assert.matches("more than 4096 operations", refusal(around(unpack(many))))
    assert.matches("larger than", refusal { clone, root, pivot,
      op("exec", "child", { path = { "/x" }, argv = { ("a"):rep(17 * 1024 * 1024) }, envp = {} }) })
  end)

  it("refuses slots that the caller did not hand in", function()
    assert.is_string(plan.pack(around(op("dup", "child", { slot = 0, fd = 3 })), { given = 1 }))
    assert.has_error(function()
      plan.pack(around(op("dup", "child", { slot = 1, fd = 3 })), { given = 1 })
    end)
    for _, given in ipairs { -1, 100000 } do
      assert.has_error(function() plan.pack(around(), { given = given }) end)
    end
  end)
end)

describe("core.plan.check", function()
  it("is true for what pack made, and tells index and reason otherwise", function()
    local bytes = plan.pack(around())
    assert.is_true(plan.check(bytes))
    local good, fault = plan.check(bytes:sub(1, -2))
    assert.is_nil(good)
    assert.same({ 0, "the plan's size is wrong" }, { fault.index, fault.why })
    local broken = bytes:sub(1, 64 + 32) .. "\255\255" .. bytes:sub(64 + 32 + 3)
    good, fault = plan.check(broken)
    assert.is_nil(good)
    assert.same({ 2, "the operation is unknown" }, { fault.index, fault.why })
  end)

  it("wants a string", function()
    assert.has_error(function() plan.check() end)
    assert.has_error(function() plan.check {} end)
    assert.has_error(function() plan.unpack "" end)
  end)
end)

describe("core.plan.operations", function()
  it("lists every operation with what a reader needs", function()
    local seen = {}
    for _, info in ipairs(plan.operations()) do
      assert.is_nil(seen[info.name])
      seen[info.name] = true
      assert(#info.story > 5 and #info.lanes >= 1, info.name)
      for name in info.story:gmatch("{([%w_]+)}") do
        local known = false
        for _, field in ipairs(info.fields) do known = known or field.name == name end
        assert(known, info.name .. " tells of " .. name)
      end
      local none = { hook = true, leave = true, clone_into = true }
      if not none[info.name] then assert(#info.calls >= 1, info.name) end
    end
    assert(seen.exec and seen.clone and seen.seccomp)
  end)
end)
