-- The supervisor killed with -9 at each operation of the default plan, the child waiting there:
-- within a second nothing of the sandbox lives and nothing is left.
local box = require "spec.support.box"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local BATCH = 6

-- `prefix` comes before luajit, in a folder that has the library.
local function kill_everywhere(prefix, env, cwd)
  local command = prefix .. "luajit spec/support/step.lua "
  local listed = run.run(command .. "count", { env = env, cwd = cwd })
  local count = tonumber(listed.stdout)
  assert(count and count > 40, "places to stop: " .. listed.stdout .. listed.stderr)
  run.run(command .. "1", { env = env, cwd = cwd }) -- folders of state are there from now on
  local before, names, alive = leaks.snapshot(), {}, {}
  for first = 1, count, BATCH do
    local lines = {}
    for at = first, math.min(first + BATCH - 1, count) do
      lines[#lines + 1] = ("%s %d; echo $?"):format(command, at)
    end
    local result = run.run(table.concat(lines, "\n"), { env = env, cwd = cwd })
    for name, status in result.stdout:gmatch("([%w_]+)\n(%d+)\n") do
      names[#names + 1] = name
      if status ~= "137" then alive[#alive + 1] = name .. " " .. status end
    end
    local clean, left = pcall(leaks.verify, before, 1)
    assert(clean, ("operations %d to %d\n%s"):format(first, first + BATCH - 1, tostring(left)))
  end
  assert.same({}, alive)
  assert.equal(count, #names)
  print(("killed at %d operations, %s to %s"):format(count, names[1], names[#names]))
end

describe("kill -9 of the supervisor at an operation", function()
  local function library()
    local env = box.library()
    env.LUA_PATH = "./?.lua;" .. env.LUA_PATH
    return env
  end

  it("leaves nothing, whichever operation it is", function()
    kill_everywhere("", library(), run.top)
  end)

  it("leaves nothing of an ordinary user's box either", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local folder = run.folder()
    local lib = os.getenv("TIDELOCK_LIB") or run.top .. "/build/lib"
    assert(os.execute(("cd %s && cp -r lua spec %s/ && cp -r %s %s/lib && chown -R 1000 %s"):format(
      run.quote(run.top), folder, run.quote(lib), folder, folder)) == 0)
    kill_everywhere("setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all ", {
      LUA_PATH = "./?.lua;lua/?.lua;lua/?/init.lua;;", LUA_CPATH = "lib/?.so;;",
      HOME = folder, XDG_RUNTIME_DIR = folder,
    }, folder)
    run.remove(folder)
  end)
end)
