-- The rockspec: luarocks builds and installs into an empty tree, and stock luajit uses it.
local run = require "spec.support.run"

describe("the rock", function()
  it("is built by luarocks into an empty tree, and runs a box from there", function()
    if not run.has "luarocks" then run.skip "needs luarocks" end
    local folder = run.folder()
    local copy = folder .. "/source"
    run.run(("mkdir %s && tar -c --exclude=./build --exclude=./.git . | tar -x -C %s"):format(copy,
      copy))
    -- Not the build folder and the flags of the make that runs this.
    local make = "env -u B -u MAKEFLAGS -u MAKELEVEL luarocks --lua-version 5.1 --tree %s/tree"
      .. " make tidelock-dev-1.rockspec CFLAGS='-O1 -fPIC -DMARK_OF_THE_ROCK'"
    local built = run.run(make:format(folder), { cwd = copy, timeout = 120 })
    assert.equal(0, built.status, built.stdout .. built.stderr)
    -- The Makefile took the flags that it was given.
    assert.matches("MARK_OF_THE_ROCK", run.read(copy .. "/build/gen/flags"), 1, true)
    run.write(folder .. "/script.lua", [[
      local tidelock = require "tidelock"
      local report = tidelock.run { "echo", "from the rock", stdout = "capture" }
      io.write(report.stdout, tidelock.spec { hostname = "rock" }:where "hostname", "\n")]])
    local used = run.run("luajit script.lua", { cwd = folder, env = {
      LUA_PATH = ("%s/tree/share/lua/5.1/?.lua;%s/tree/share/lua/5.1/?/init.lua;;"):format(folder,
        folder),
      LUA_CPATH = folder .. "/tree/lib/lua/5.1/?.so;;",
    } })
    assert.equal("from the rock\nscript.lua:3\n", used.stdout, used.stderr)
    run.remove(folder)
  end)
end)
