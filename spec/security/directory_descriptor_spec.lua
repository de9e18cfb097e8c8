-- A directory of the host on descriptor 0, 1 or 2, or passed by number, is a way out: openat(fd,
-- "../.."). It is refused, whatever it was opened as; what is merely open in the caller is closed
-- (leaked_directory_spec.lua).
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a directory among the descriptors", function()
  local folder, attack, marker

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
    marker = folder .. "/marker"
    run.write(marker, "of the host\n")
  end)
  teardown(function() run.remove(folder) end)

  local function shell(words, redirections)
    local quoted = {}
    for i, word in ipairs(words) do quoted[i] = run.quote(word) end
    return run.run({ "bash", "-c", table.concat(quoted, " ") .. " " .. redirections },
      { cwd = "/usr" })
  end

  local REACH = { "/attack/attack", "reach" }

  local function reach() return { REACH[1], REACH[2], marker } end

  for _, way in ipairs(ways.list()) do
    for fd, redirection in pairs { [0] = "< /tmp", "1</tmp", "2</tmp" } do
      it(("is refused on %d by %s"):format(fd, way.name), function()
        local result = shell(way.words(reach(), { folder = folder, binds = { attack } }),
          redirection)
        assert.equal(125, result.status, result.stdout .. result.stderr)
        assert.is_nil(result.stdout:find("reached", 1, true))
        if fd ~= 2 then assert.matches("is a directory", result.stderr, 1, true) end
      end)
    end
  end

  it("is refused where it is passed, by run and by exec", function()
    for i, settings in ipairs { { options = { "--pass-fd", "7" } },
      { exec = "pass_fds = { { fd = 7, target = 7 } }" }, { exec = "stdin = 7" } } do
      settings.folder, settings.binds = folder, { attack }
      local way = ways.list()[i == 1 and 1 or 2]
      local result = shell(way.words(reach(), settings), "7</tmp")
      assert.equal(125, result.status, result.stdout .. result.stderr)
      assert.matches("is a directory", result.stderr, 1, true)
    end
  end)

  it("is refused also when it was opened with O_PATH", function()
    local script = folder .. "/path.py"
    run.write(script, [[
import os, sys
fd = os.open("/tmp", os.O_PATH)
os.dup2(fd, 0)
os.execv(sys.argv[1], sys.argv[1:])]])
    for _, way in ipairs(ways.list()) do
      local result = run.run({ "python3", script, unpack(way.words(reach(),
        { folder = folder, binds = { attack } })) }, { cwd = "/usr" })
      assert.equal(125, result.status, result.stdout .. result.stderr)
      assert.matches("is a directory", result.stderr, 1, true)
    end
  end)

  it("is a way out where it is not refused: the attack works", function()
    local root = ways.rootfs(folder .. "/root")
    os.execute(("cp %s/attack %s/attack/"):format(attack[1], root))
    local result = shell({ ways.naive(folder), "enter", root, "/", "/attack/attack", "reach",
      marker }, "< /tmp")
    assert.matches("held a directory on 0\n", result.stdout, 1, true)
    assert.matches("reached " .. marker .. " by descriptor 0\n", result.stdout, 1, true)
  end)
end)
