-- Small plans, made by hand, that init or the launcher refuses to carry out where it comes to it:
-- what is held is of another type, a path leads elsewhere, a name is longer than its room.
local core = require "tidelock.core"
local run = require "spec.support.run"

local DIR, FILE, CHAR = 1, 2, 3
local NULL = 259 -- the device number of /dev/null: major << 8 | minor

local function op(name, lane, fields)
  local record = { op = name, lane = lane, stage = "mounts" }
  for key, value in pairs(fields or {}) do record[key] = value end
  return record
end

local function held(lane, slot, path, expect, rdev)
  return op("open_path", lane, { slot = slot, path = path, expect = expect or 0, rdev = rdev or 0 })
end

local function beneath(lane, slot, path, expect, tree)
  return op("open_beneath", lane, { slot = slot, base = 0, path = path, expect = expect,
    tree = tree or 0 })
end

-- How it ends: "operation CODE". Operations of the host lane, then of the child, then an exec that
-- finds nothing.
local function ends(ops)
  local list, late = {}, {}
  for _, each in ipairs(ops) do
    if each.lane == "host" then list[#list + 1] = each else late[#late + 1] = each end
  end
  list[#list + 1] = op("clone", "host", { flags = 0x7e020000 })
  list[#list + 1] = op("root_tmpfs", "child", { size = "1m" })
  for _, each in ipairs(late) do list[#list + 1] = each end
  local last
  if list[#list].op == "seccomp" then last = table.remove(list) end
  list[#list + 1] = op("pivot", "child")
  list[#list + 1] = last
  list[#list + 1] = op("exec", "child", { path = { "/nowhere" }, argv = { "x" }, envp = {} })
  local box, fault = core.launch.start { plan = core.plan.pack(list), slots = {} }
  if box then
    local finish, code = box:wait(5)
    fault = finish and finish.fault or { code = code or "no fault" }
    box:close()
  end
  return (fault.index and list[fault.index].op or "launch") .. " " .. fault.code
end

local good = "exec ENOENT"

describe("a plan that is carried out", function()
  local folder
  setup(function()
    folder = run.folder()
    os.execute(("cd %s && mkdir d && ln -s d link && ln -s /etc out"):format(folder))
  end)
  teardown(function() run.remove(folder) end)

  it("comes to its exec", function() assert.equal(good, ends {}) end)

  -- The launcher takes anything but a directory for a file, as what is bound may be a socket.
  for lane, code in pairs { host = { dir = "ENOTDIR", file = "EISDIR", char = "ENODEV" },
    child = { dir = "ENOTDIR", file = "EINVAL", char = "EINVAL" } } do
    it("holds what is of the type that the plan says, " .. lane .. " lane", function()
      assert.equal(good, ends { held(lane, 0, "/etc", DIR), held(lane, 1, "/etc/passwd", FILE),
        held(lane, 2, "/dev/null", CHAR, NULL) })
      assert.equal("open_path " .. code.dir, ends { held(lane, 0, "/etc/passwd", DIR) })
      assert.equal("open_path " .. code.file, ends { held(lane, 0, "/etc", FILE) })
      assert.equal("open_path " .. code.char, ends { held(lane, 0, "/dev/zero", CHAR, NULL) })
      assert.equal("open_path " .. code.char, ends { held(lane, 0, "/etc/passwd", CHAR, 0) })
    end)

    it("opens what lies beneath a directory, nothing else, " .. lane .. " lane", function()
      local base = held(lane, 0, folder)
      assert.equal(good, ends { base, beneath(lane, 1, "d", DIR) })
      for _, above in ipairs { "..", "d/../../../etc" } do
        local how
        -- A rename anywhere makes the kernel unsure about "..".
        repeat how = ends { base, beneath(lane, 1, above, DIR) } until not how:find "EAGAIN"
        assert.equal("open_beneath EXDEV", how)
      end
      assert.equal("open_beneath ELOOP", ends { base, beneath(lane, 1, "link", DIR) })
      assert.equal("open_beneath ELOOP", ends { base, beneath(lane, 1, "out", DIR) })
      assert.equal("open_beneath " .. code.dir, ends { held(lane, 0, "/etc"),
        beneath(lane, 1, "passwd", DIR) })
    end)
  end

  it("holds a namespace of the kind that the plan says, and waits for nothing else", function()
    local function namespace(path, flags)
      return ends { op("open_namespace", "host", { slot = 0, path = path, flags = flags }) }
    end
    assert.equal(good, namespace("/proc/self/ns/uts", 0x04000000))
    assert.equal("open_namespace EINVAL", namespace("/proc/self/ns/uts", 0x08000000))
    assert(os.execute("mkfifo " .. folder .. "/fifo") == 0)
    -- Somebody opens it for writing in the end, so that a wait for that is none for ever.
    os.execute(("(sleep 3; timeout 1 sh -c 'echo >%s/fifo') 2>/dev/null &"):format(folder))
    local before = core.process.clock()
    assert.equal("open_namespace ENOTTY", namespace(folder .. "/fifo", 0x04000000))
    assert(core.process.clock() - before < 2, "it was waited for")
  end)

  it("has room for a path of as many parents as fit", function()
    assert.equal("mkdir ENAMETOOLONG", ends { op("mkdir", "child",
      { target = "/" .. ("a/"):rep(2000), mode = 493 }) })
  end)

  it("has room for the name of a sysctl, or refuses it", function()
    assert.equal("sysctl ENOENT", ends { op("private_proc", "child"),
      op("sysctl", "child", { name = ("a"):rep(4000), value = "1" }) })
  end)

  it("reaches by the name of a sysctl what it says and nothing else", function()
    local function sysctl(name)
      return ends { op("private_proc", "child"),
        op("sysctl", "child", { name = name, value = "x" }) }
    end
    assert.equal(good, sysctl "kernel.hostname")
    for _, name in ipairs { "net.//.kernel.hostname", "//.sys.kernel.hostname", "/.kernel.hostname",
      "kernel./.hostname" } do
      assert.equal("sysctl ENOENT", sysctl(name), name)
    end
  end)

  it("does not begin the workload before PID 1 has done its part", function()
    -- Both fail; only one can if the other waits for it.
    for _ = 1, 60 do
      assert.equal("link_up ENODEV", ends { op("fork", "child"),
        op("link_up", "beside", { name = "nosuch0" }), op("settle", "child") })
    end
  end)

  it("that fails under a filter ends without another system call", function()
    -- Everything but execve fails: a call to leave would fail, too, for ever.
    local filter = "\32\0\0\0\0\0\0\0" .. "\21\0\1\0\59\0\0\0" .. "\6\0\0\0\1\0\5\0"
      .. "\6\0\0\0\0\0\255\127"
    assert.equal(good, ends { op("no_new_privs", "child"),
      op("seccomp", "child", { filter = filter, flags = 0 }) })
  end)
end)
