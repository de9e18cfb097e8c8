-- A root that somebody else has made may have links where something is to be mounted: each leads
-- where it would lead inside, and nothing is made or covered on the host.
local box = require "spec.support.box"
local core = require "tidelock.core"
local run = require "spec.support.run"

describe("a target that is a link in the root", function()
  local folder, root

  before_each(function()
    folder = run.folder()
    root = folder .. "/root"
    assert(os.execute(([[cd %s && mkdir -p root/bin root/in/dir root/proc root/dev root/sys root/tmp
      cp /bin/busybox root/bin/sh
      mkdir out && echo host > out/file && echo mine > mine && : > root/in/file
      cd root && ln -s /in/dir absolute && ln -s in/dir relative && ln -s ../../../../in/dir above
      ln -s /in/file to-file && ln -s ../in/file in/to-file && ln -s loop loop
      ln -s %s/out host-dir && ln -s %s/out/file host-file && ln -s %s/out/new host-new
      mkdir etc; : > etc/passwd]]):format(folder, folder, folder, folder)) == 0)
  end)
  after_each(function() run.remove(folder) end)

  local function inside(script, options)
    local all = { "--rootfs", root }
    for _, word in ipairs(options) do all[#all + 1] = word end
    return box.sh(script, all, { cwd = folder })
  end

  -- Where mounts of the box lie, of those that are in what the rootfs brought.
  local function mounts(options)
    local result = inside("while read -r a b c d target rest; do echo $target; done"
      .. " < /proc/self/mountinfo", options)
    assert.equal(0, result.status, result.stderr)
    local found = {}
    for line in result.stdout:gmatch "[^\n]+" do found[line] = true end
    return found
  end

  local function host_is_whole()
    assert.equal("host\n", run.read(folder .. "/out/file"))
    assert.equal("file\n", run.run("ls " .. folder .. "/out").stdout)
  end

  for _, name in ipairs { "absolute", "relative", "above" } do
    it("to a directory is followed inside: " .. name, function()
      assert(mounts { "--tmpfs", "/" .. name }["/in/dir"])
    end)
  end

  for _, name in ipairs { "to-file", "in/to-file" } do
    it("to a file is followed inside: " .. name, function()
      assert(mounts { "--bind", folder .. "/mine:/" .. name .. ":ro" }["/in/file"])
    end)
  end

  it("to where only the host has something makes nothing there", function()
    for _, options in ipairs { { "--tmpfs", "/host-dir" }, { "--tmpfs", "/host-dir/below" },
      { "--bind", folder .. "/mine:/host-file:ro" }, { "--bind", folder .. "/mine:/host-new:ro" },
      { "--bind", folder .. "/mine:/host-dir/new:ro" } } do
      inside(":", options)
      host_is_whole()
    end
  end)

  it("to itself is an error, and no crash", function()
    for _, options in ipairs { { "--tmpfs", "/loop" }, { "--tmpfs", "/loop/x" },
      { "--bind", folder .. "/mine:/loop:ro" }, { "--bind", folder .. "/mine:/loop/x:ro" } } do
      local result = inside(":", options)
      assert.equal(125, result.status)
      assert.matches("^tidelock: ", result.stderr)
    end
  end)
end)

-- The same to init alone, with plans made by hand: what the library has not looked at before.
describe("a link that init comes to", function()
  local folder, root

  before_each(function()
    folder = run.folder()
    root = folder .. "/root"
    assert(os.execute(([[cd %s && mkdir -p root/bin root/in/dir out && cp /bin/busybox root/bin/sh
      echo host > out/file && echo mine > mine && : > root/in/file && : > root/in/dir/marker
      cd root && ln -s /in/dir absolute && ln -s ../../../in/dir above && ln -s in/dir relative
      ln -s /in/file to-file && ln -s /made/later dangling && ln -s /made/file dangling-file
      ln -s loop loop && ln -s %s/out host-dir && ln -s %s/out/file host-file
      ln -s %s/out/new host-new]]):format(folder, folder, folder, folder)) == 0)
  end)
  after_each(function() run.remove(folder) end)

  local function op(name, lane, fields)
    fields.op, fields.lane, fields.stage = name, lane, "mounts"
    return fields
  end

  -- The status of a script in the root, after more operations; or "operation CODE".
  local function after(extra, script)
    local ops = {
      op("open_tree", "host", { slot = 0, path = root, recursive = 0 }),
      op("clone", "host", { flags = 0x7e020000 }),
      op("open_path", "child", { slot = 1, path = folder .. "/mine", expect = 0, rdev = 0 }),
      op("propagation", "child", { flags = 0x44000 }),
      op("root_tree", "child", { slot = 0, attr = 0, tree = 1, path = root }),
    }
    for _, each in ipairs(extra.op and { extra } or extra) do ops[#ops + 1] = each end
    for _, each in ipairs {
      op("pivot", "child", {}), op("detach_old", "child", {}), op("chdir", "child", { path = "/" }),
      op("exec", "child", { path = { "/bin/sh" }, argv = { "sh", "-c", script }, envp = {} }),
    } do ops[#ops + 1] = each end
    local started, fault = core.launch.start { plan = core.plan.pack(ops), slots = {} }
    if not started then return fault.code end
    local finish = assert(started:wait(10))
    started:close()
    return finish.fault and ops[finish.fault.index].op .. " " .. finish.fault.code or finish.code
  end

  local function mount(target)
    return op("mount", "child", { target = target, fstype = "tmpfs", flags = 0 })
  end
  local function bind(target)
    return op("bind", "child", { slot = 1, target = target, attr = 0, tree = 0, recursive = 0,
      path = "x" })
  end

  local function host_is_whole()
    assert.equal("host\n", run.read(folder .. "/out/file"))
    assert.equal("file\n", run.run("ls " .. folder .. "/out").stdout)
  end

  it("leads to a directory inside", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert.equal(0, after(mount "/in/dir", "test ! -e /in/dir/marker"))
    for _, target in ipairs { "/absolute", "/above", "/relative" } do
      assert.equal(0, after(mount(target), "test ! -e /in/dir/marker"), target)
    end
    assert.equal(0, after(mount "/dangling", "test -d /made/later"))
    assert.equal(0, after(mount "/dangling/below", "test -d /made/later/below"))
    assert.equal(0, after(mount "/host-dir", ("test -d %s/out && test ! -e %s/out/file"):format(
      folder, folder)))
    host_is_whole()
  end)

  it("leads to a file inside", function()
    if run.who() ~= "root" then run.skip "needs root" end
    for target, at in pairs { ["/in/file"] = "/in/file", ["/to-file"] = "/in/file",
      ["/dangling-file"] = "/made/file", ["/host-file"] = folder .. "/out/file",
      ["/host-new"] = folder .. "/out/new", ["/host-dir/new"] = folder .. "/out/new" } do
      assert.equal(0, after(bind(target), ('read x < %s; test "$x" = mine'):format(at)), target)
    end
    host_is_whole()
  end)

  it("leads round in circles to an error and no crash", function()
    if run.who() ~= "root" then run.skip "needs root" end
    for _, target in ipairs { "/loop", "/loop/x" } do
      assert.equal("mount ELOOP", after(mount(target), ":"))
      assert.equal("bind ELOOP", after(bind(target), ":"))
    end
  end)

  it("is no device, nor is another device or a file the one that was asked for", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert(os.execute(("cd %s && mknod zero c 1 5 && mknod block b 1 3 && mknod null c 1 3 && "
      .. "ln -s %s/null to-null"):format(root, root)) == 0)
    for _, target in ipairs { "/zero", "/block", "/to-null", "/in/file" } do
      assert.equal("mknod EEXIST", after(op("mknod", "child", { target = target, mode = 8630,
        major = 1, minor = 3, uid = 0, gid = 0 }), ":"), target)
    end
  end)

  it("leads over no more links than eight to what is not there", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local made = { "cd " .. root, "ln -s /made/at-last link1" }
    for i = 2, 12 do made[i + 1] = ("ln -s link%d link%d"):format(i - 1, i) end
    assert(os.execute(table.concat(made, " && ")) == 0)
    assert.equal("mount ELOOP", after(mount "/link12", ":"))
    assert.equal("bind ELOOP", after(bind "/link12", ":"))
    assert.equal(0, after(mount "/link6", "test -d /made/at-last"))
  end)

  it("is too long where it does not fit behind the path to it", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert(os.execute(("cd %s && mkdir %s && ln -s %s %s/long"):format(root, ("d"):rep(200),
      ("x/"):rep(1990), ("d"):rep(200))) == 0)
    assert.equal("mount ENAMETOOLONG", after(mount("/" .. ("d"):rep(200) .. "/long"), ":"))
  end)

  it("or a directory is looked up anew where something was mounted over it", function()
    if run.who() ~= "root" then run.skip "needs root" end
    -- What hides it takes nothing: a mount that succeeds lies below.
    assert.equal("mount EROFS", after({
      op("mkdir", "child", { target = "/in/new", mode = 493 }),
      op("mask", "child", { target = "/in", null = 1 }), mount "/in/dir",
    }, ":"))
  end)
end)
