-- tidelock-dev-1.rockspec: Debian's luarocks installs the library into an empty tree, with the
-- flags and the headers that it was told, and stock luajit uses it from there.
local run = require "spec.support.run"

describe("the rockspec", function()
  local folder, tree, built

  -- A copy of the checkout: what luarocks builds there is not to be taken for ours.
  setup(function()
    if not run.has "luarocks" then return end
    folder = run.folder()
    tree = folder .. "/tree"
    os.execute(("mkdir %s/source && tar -c --exclude=./build --exclude=./.git . |"
      .. " tar -x -C %s/source && cp -r /usr/include/luajit-2.1 %s/include")
      :format(folder, folder, folder))
    -- Without the flags of the make that may run this.
    built = run.run({ "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "B", "luarocks",
      "--lua-version", "5.1", "make", "--deps-mode", "none", "--tree", tree,
      "tidelock-dev-1.rockspec", "LUA_INCDIR=" .. folder .. "/include",
      "CFLAGS=-O2 -fPIC -DTL_ROCK_SPEC" },
      { cwd = folder .. "/source", timeout = 120, env = { V = "1", HOME = folder } })
  end)
  teardown(function()
    if folder then run.remove(folder) end
  end)

  before_each(function()
    if not run.has "luarocks" then run.skip "needs luarocks" end
  end)

  it("builds and installs into an empty tree", function()
    assert.equal(0, built.status, built.stderr)
    for _, path in ipairs { "/lib/lua/5.1/tidelock/core.so", "/share/lua/5.1/tidelock/init.lua",
      "/share/lua/5.1/tidelock/seccomp/builtin.lua" } do
      assert(run.read(tree .. path), path)
    end
  end)

  it("takes the compiler's flags and the headers that it is given", function()
    local command = built.stdout:match("[^\n]* %-c %-o [^\n]*/core/lua/bind%.o [^\n]*")
    assert(command, built.stdout)
    assert.matches(" -DTL_ROCK_SPEC ", command, 1, true)
    assert.matches(" -isystem " .. folder .. "/include ", command, 1, true)
    assert.not_matches("/usr/include/luajit", command)
  end)

  it("gives stock luajit the library, with nothing else of the checkout", function()
    run.write(folder .. "/job.lua", [[
      local tidelock = require "tidelock"
      print(debug.getinfo(tidelock.run, "S").source)
      print(tidelock.run { "sh", "-c", "echo inside" }.ok)
      tidelock.spec {}:with(function(box)
        box:write("/tmp/file", "from outside\n")
        box:exec { "cat", "/tmp/file" }
      end)]])
    local result = run.run({ "luajit", "job.lua" }, { cwd = folder, env = {
      LUA_PATH = ("%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua;;"):format(tree, tree),
      LUA_CPATH = tree .. "/lib/lua/5.1/?.so;;",
    } })
    local source = ("@%s/share/lua/5.1/tidelock/init.lua\n"):format(tree)
    assert.same({ source .. "inside\ntrue\nfrom outside\n", "", 0 },
      { result.stdout, result.stderr, result.status })
  end)

  it("can be removed again", function()
    local result = run.run({ "luarocks", "--lua-version", "5.1", "remove", "--tree", tree,
      "tidelock" }, { cwd = folder, env = { HOME = folder } })
    assert.equal(0, result.status, result.stderr)
    local left = run.run { "find", tree, "-name", "core.so", "-o", "-name", "init.lua" }
    assert.equal("", left.stdout)
  end)
end)
