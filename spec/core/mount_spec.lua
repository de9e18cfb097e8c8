-- core.mount: the mount API of descriptors and the older calls, in mount namespaces of their own.
local box = require "spec.support.box"
local child = require "spec.support.child"
local core = require "tidelock.core"
local run = require "spec.support.run"

local mount, file, process = core.mount, core.file, core.process

local own = { "user", "mount" }

-- A new tmpfs as a detached mount.
local function tmpfs(attributes, options)
  local fs = assert(mount.fsopen "tmpfs")
  for name, value in pairs(options or {}) do
    assert(mount.fsconfig(fs, "set_string", name, value))
  end
  assert(mount.fsconfig(fs, "cmd_create"))
  local tree = assert(mount.fsmount(fs, attributes))
  fs:close()
  return tree
end

-- The options of the topmost mount there: of the mount, of the file system.
local function options_at(path)
  local found, super
  for line in io.lines "/proc/self/mountinfo" do
    local point, options, rest = line:match("^%d+ %d+ %S+ %S+ (%S+) (%S+)(.*)$")
    if point == path then found, super = options, rest:match("%S+$") end
  end
  return found, super
end

local function touch(path)
  local fd, code = process.open(path, "w")
  if fd then fd:close() end
  return fd and "written" or code
end

describe("core.mount", function()
  local folder
  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  it("makes a file system step by step, and mounts it", function()
    local attached, options, super, wrote = child.call(function()
      local tree = tmpfs({ "nosuid", "nodev", "noexec", "noatime" }, { size = "1M", mode = "0700" })
      local before = options_at(folder)
      assert(mount.move_mount(tree, nil, nil, folder))
      local after, of_super = options_at(folder)
      return before == nil, after, of_super, touch(folder .. "/x")
    end, own)
    assert.is_true(attached)
    assert.equal("rw,nosuid,nodev,noexec,noatime", options)
    assert.matches("size=1024k,mode=700", super, 1, true)
    assert.equal("written", wrote)
    assert.is_nil(run.read(folder .. "/x"))
  end)

  it("fsopen tells the kernel's own words about an error", function()
    local code, message = child.call(function()
      local fs = assert(mount.fsopen "tmpfs")
      local _, name = mount.fsconfig(fs, "set_string", "size", "many")
      return name, fs:read()
    end, own)
    assert.equal("EINVAL", code)
    assert.matches("^e tmpfs: ", message)
  end)

  it("fsconfig takes flags, paths and descriptors, and fspick reconfigures", function()
    local lower, picked = child.call(function()
      assert(mount.move_mount(tmpfs(), nil, nil, folder))
      for _, name in ipairs { "lower", "upper", "work", "merged" } do
        assert(file.mkdirat(nil, folder .. "/" .. name))
      end
      touch(folder .. "/lower/below")
      local fs = assert(mount.fsopen "overlay")
      for key, name in pairs { lowerdir = "lower", upperdir = "upper", workdir = "work" } do
        assert(mount.fsconfig(fs, "set_string", key, folder .. "/" .. name))
      end
      assert(mount.fsconfig(fs, "set_flag", "userxattr"))
      assert(mount.fsconfig(fs, "cmd_create"))
      assert(mount.move_mount(assert(mount.fsmount(fs)), nil, nil, folder .. "/merged"))
      local seen = run.read(folder .. "/merged/below")
      local again = assert(mount.fspick(nil, folder))
      assert(mount.fsconfig(again, "set_flag", "ro"))
      assert(mount.fsconfig(again, "cmd_reconfigure"))
      return seen, touch(folder .. "/y")
    end, own)
    assert.same({ "", "EROFS" }, { lower, picked })
  end)

  it("open_tree copies a tree, and mount_setattr changes it all at once", function()
    local outer, inner, atime, relatime, propagation = child.call(function()
      assert(mount.move_mount(tmpfs(), nil, nil, folder))
      assert(file.mkdirat(nil, folder .. "/a"))
      assert(file.mkdirat(nil, folder .. "/b"))
      assert(mount.mount("none", folder .. "/a", "tmpfs"))
      assert(file.mkdirat(nil, folder .. "/a/sub"))
      assert(mount.mount("none", folder .. "/a/sub", "tmpfs"))
      local tree = assert(mount.open_tree(nil, folder .. "/a", { "clone", "recursive" }))
      assert(mount.mount_setattr(tree, nil, "recursive", {
        set = { "rdonly", "nosuid" }, propagation = "private",
      }))
      assert(mount.move_mount(tree, nil, nil, folder .. "/b"))
      local one, two = touch(folder .. "/b/x"), touch(folder .. "/b/sub/x")
      assert(touch(folder .. "/a/x") == "written")
      assert(mount.mount_setattr(nil, folder .. "/b", nil, { set = { "noatime" } }))
      local noatime = options_at(folder .. "/b")
      assert(mount.mount_setattr(nil, folder .. "/b", nil, {
        set = { "relatime" }, clear = { "rdonly" }, propagation = "shared",
      }))
      return one, two, noatime, options_at(folder .. "/b"),
        mount.statmount(assert(mount.mnt_id(nil, folder .. "/b"))).mnt_propagation[1]
    end, own)
    assert.same({ "EROFS", "EROFS" }, { outer, inner })
    assert.equal("ro,nosuid,noatime", atime)
    assert.equal("rw,nosuid,relatime", relatime)
    assert.equal("shared", propagation)
  end)

  it("idmaps a tree by a user namespace", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local r, w = process.pipe()
    local other = assert(process.child(function()
      w:close()
      r:read(1)
    end, "user"))
    assert(core.namespace.uid_map(other:pid(), { { 0, 5000, 1000 } }))
    assert(core.namespace.gid_map(other:pid(), { { 0, 5000, 1000 } }))
    local userns = assert(core.namespace.open(other:pid(), "user"))
    local uid, code = child.call(function()
      assert(mount.mount(nil, "/", nil, { "rec", "private" }))
      assert(mount.move_mount(tmpfs(), nil, nil, folder))
      touch(folder .. "/owned")
      local tree = assert(mount.open_tree(nil, folder, "clone"))
      local done, why = mount.mount_setattr(tree, nil, nil, { userns = userns })
      if not done then return nil, why end
      return file.fstat(assert(file.openat2(tree, "owned"))).uid
    end, { "mount" })
    w:close()
    other:wait(5)
    userns:close()
    if code == "EINVAL" then run.skip "needs a kernel with idmapped mounts on this file system" end
    assert.equal(5000, uid, code)
  end)

  it("binds, remounts, moves and unmounts with the older calls", function()
    local bound, rdonly, moved, gone = child.call(function()
      assert(mount.move_mount(tmpfs(), nil, nil, folder))
      for _, name in ipairs { "/a", "/b", "/c" } do assert(file.mkdirat(nil, folder .. name)) end
      touch(folder .. "/a/seen")
      assert(mount.mount(folder .. "/a", folder .. "/b", nil, "bind"))
      local seen = run.read(folder .. "/b/seen")
      assert(mount.mount(nil, folder .. "/b", nil, { "bind", "remount", "rdonly" }))
      local refused = touch(folder .. "/b/x")
      assert(mount.mount(nil, folder, nil, "private"))
      assert(mount.mount(folder .. "/b", folder .. "/c", nil, "move"))
      local there = run.read(folder .. "/c/seen")
      assert(mount.umount2(folder .. "/c", { "detach", "nofollow" }))
      return seen, refused, there, run.read(folder .. "/c/seen")
    end, own)
    assert.same({ "", "EROFS", "" }, { bound, rdonly, moved })
    assert.is_nil(gone)
  end)

  it("pivot_root makes a tree the root", function()
    local names = child.call(function()
      assert(mount.mount(nil, "/", nil, { "rec", "private" }))
      assert(mount.move_mount(tmpfs(), nil, nil, folder))
      assert(file.mkdirat(nil, folder .. "/inside"))
      assert(file.chdir(folder))
      assert(mount.pivot_root(".", "."))
      assert(mount.umount2(".", "detach"))
      assert(file.chdir "/")
      return { core.host.getcwd(), core.host.stat("/inside").type, (core.host.stat "/usr") }
    end, own)
    assert.same({ "/", "dir" }, names)
  end)

  it("gives errors as values", function()
    local answers = child.call(function()
      local list = {}
      local function add(_, code) list[#list + 1] = code end
      add(mount.fsopen "nosuchfs")
      add(mount.mount("none", folder, "nosuchfs"))
      add(mount.umount2(folder))
      add(mount.umount2(folder .. "/absent"))
      add(mount.pivot_root(folder, folder))
      add(mount.open_tree(nil, folder .. "/absent"))
      add(mount.fspick(nil, folder))
      return list
    end, own)
    assert.same({ "ENODEV", "ENODEV", "EINVAL", "ENOENT", "EINVAL", "ENOENT", "EINVAL" }, answers)
    if run.who() ~= "root" then assert.same({ nil, "EPERM", 1 }, { mount.fsopen "tmpfs" }) end
  end)

  it("refuses names that are none", function()
    local _, message = pcall(mount.mount, nil, "/", nil, { "ro" })
    assert.matches('mount: "ro" is not accepted (accepted: rdonly, nosuid,', message, 1, true)
    assert.has_error(function() mount.umount2("/", "lazy") end)
    assert.has_error(function() mount.mount_setattr(nil, "/", nil, { sett = {} }) end)
    assert.has_error(function() mount.mount_setattr(nil, "/", nil, { propagation = "slav" }) end)
    assert.has_error(function() mount.fsconfig(0, "create") end)
    assert.has_error(function() mount.mount() end)
  end)

  it("passes NULL to mount(2) for data and a type that are empty", function()
    if not run.has "strace" then run.skip "needs strace" end
    run.write(folder .. "/s.lua", ([[
      local mount = require("tidelock.core").mount
      mount.mount("none", %q, "tmpfs")
      mount.mount("none", %q, "tmpfs", nil, "")
      mount.mount("none", %q, "", "bind", "")]]):format(folder, folder, folder .. "/no"))
    local result = run.run("unshare -Urm strace -e trace=mount luajit " .. folder .. "/s.lua",
      { env = box.library() })
    local count = 0
    for line in result.stderr:gmatch("mount%(([^\n]*)%) += ") do
      assert.matches(", NULL$", line)
      count = count + 1
    end
    assert.equal(3, count, result.stderr)
    assert.matches('"none", "[^"]*/no", NULL, MS_BIND', result.stderr)
  end)
end)

describe("core.mount.statmount and listmount", function()
  local ids, code = mount.listmount()

  it("say ENOSYS where the kernel has them not", function()
    if not ids then assert.equal("ENOSYS", code) end
  end)

  it("tell what mountinfo tells", function()
    if not ids then return end
    local known, count = {}, 0
    for _, id in ipairs(ids) do
      local info = mount.statmount(id)
      if info then known[info.mnt_id_old] = info end
    end
    for line in io.lines "/proc/self/mountinfo" do
      local id, parent, major, minor, root, point, kind = line:match(
        "^(%d+) (%d+) (%d+):(%d+) (%S+) (%S+) .* %- (%S+)")
      local info = known[tonumber(id)]
      if info then
        count = count + 1
        assert.same({ tonumber(parent), tonumber(major), tonumber(minor), root, point },
          { info.mnt_parent_id_old, info.sb_dev_major, info.sb_dev_minor, info.mnt_root,
            info.mnt_point })
        assert.equal(kind:match("^[^.]*"), info.fs_type)
      end
    end
    assert(count > 3, count)
  end)

  it("mnt_id goes from a path or a descriptor to the mount", function()
    if not ids then return end
    local fd = assert(file.openat2(nil, "/proc"))
    local id = assert(mount.mnt_id(nil, "/proc"))
    assert.equal(id, mount.mnt_id(fd))
    assert.equal("/proc", mount.statmount(id).mnt_point)
    fd:close()
    assert.same({ nil, "ENOENT", 2 }, { mount.statmount(2 ^ 40) })
    assert.same({ nil, "ENOENT", 2 }, { mount.mnt_id(nil, "/absent") })
  end)
end)
