-- Descriptors of the host as a way out, by /proc/self/fd/N as the working directory
-- (CVE-2024-21626): the caller's are gone by then, and of those that init holds none is taken.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("a descriptor of the host", function()
  local function tried(open, numbers)
    local env = box.library()
    env.LUA_PATH = "./?.lua;" .. env.LUA_PATH
    local words = {}
    for i, number in ipairs(numbers) do words[i] = "/proc/self/fd/" .. number end
    local result = run.run({ "bash", "-c", open .. "exec luajit spec/support/chdir.lua "
      .. table.concat(words, " ") }, { env = env })
    assert.equal("", result.stderr)
    return result.stdout
  end

  it("that the caller had open is not there any more", function()
    assert.equal("chdir ENOENT\nchdir ENOENT\nchdir ENOENT\n",
      tried("exec 4</ 7</ 200</; ", { 4, 7, 200 }))
  end)

  it("that init holds for a bind is no working directory", function()
    local numbers = {}
    for i = 1, 30 do numbers[i] = 15 + i end
    local refused = 0
    for line in tried("", numbers):gmatch "[^\n]+" do
      if line == "chdir EACCES" then refused = refused + 1 end
    end
    assert(refused >= 2, refused .. " were refused as lying outside")
  end)
end)
