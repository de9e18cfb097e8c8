-- Descriptors of the host as a way out (CVE-2024-21626): the caller's are gone when init begins,
-- and none that it holds itself becomes the working directory.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("a descriptor of the host", function()
  local function held(before, words)
    local env = box.library()
    env.LUA_PATH = "./?.lua;" .. env.LUA_PATH
    local script = before .. "exec luajit spec/support/held.lua " .. words
    local result = run.run({ "bash", "-c", script }, { env = env })
    assert.equal("", result.stderr)
    return result.stdout
  end

  it("that the caller has open is not with init", function()
    local folder = run.folder()
    os.execute(("cd %s && mkdir below above"):format(folder))
    local list = held(("exec 5<%s/below 200<%s/above; "):format(folder, folder), "fds")
    run.remove(folder)
    assert.matches("socket:", list)
    assert.not_matches(folder, list, 1, true)
  end)

  it("that init holds for a bind is no working directory", function()
    local paths = {}
    for i = 1, 30 do paths[i] = "/proc/self/fd/" .. 15 + i end
    local refused = 0
    for line in held("", "cwd " .. table.concat(paths, " ")):gmatch "[^\n]+" do
      assert(line == "chdir ELOOP" or line == "chdir ENOENT", line)
      if line == "chdir ELOOP" then refused = refused + 1 end
    end
    assert(refused >= 2, refused .. " were refused as links")
  end)
end)
