-- CVE-2024-21626: a directory of the host was open in the runtime while it went into the container,
-- and the container's current directory was /proc/self/fd/N. init closes what it inherits before
-- anything else, and the current directory is verified to lie inside the root.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a directory of the host that the caller has open", function()
  local folder, attack, marker, root

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
    marker = folder .. "/marker"
    run.write(marker, "of the host\n")
    root = ways.rootfs(folder .. "/root")
    os.execute(("cp %s/attack %s/attack/"):format(attack[1], root))
  end)
  teardown(function() run.remove(folder) end)

  -- Every number up to 40 is a directory of the host in the caller; what is read is that of the
  -- command that runs inside, if it runs.
  local function with_directories(words)
    local quoted, open = {}, {}
    for i, word in ipairs(words) do quoted[i] = run.quote(word) end
    for fd = 3, 40 do open[#open + 1] = fd .. "<" .. folder end
    return run.run({ "bash", "-c", ("exec %s; exec %s"):format(table.concat(open, " "),
      table.concat(quoted, " ")) }, { cwd = "/usr" })
  end

  for _, way in ipairs(ways.list()) do
    it("is not reached from " .. way.name .. ", by any descriptor or link in /proc", function()
      -- Again and again: what PID 1 still has open for a moment is a way too.
      for _ = 1, 15 do
        local result = with_directories(way.words({ "/attack/attack", "reach", marker },
          { folder = folder, binds = { attack }, caps = { "SYS_PTRACE", "DAC_OVERRIDE" },
            unfiltered = true }))
        assert(tonumber(result.stdout:match "tried (%d+)") > 1000, result.stderr)
        assert.is_nil(result.stdout:match "reached [^\n]*")
        assert.is_nil(result.stdout:match "held [^\n]*")
      end
    end)

    it("is no current directory for " .. way.name .. ", whatever the number", function()
      local attempts = {}
      for fd = 0, 40 do
        local cwd = ("/proc/self/fd/%d"):format(fd)
        attempts[#attempts + 1] = way.words({ "/attack/attack", "reach", marker },
          { folder = folder, rootfs = root, cwd = cwd })
      end
      local quoted = {}
      for i, words in ipairs(attempts) do
        for j, word in ipairs(words) do words[j] = run.quote(word) end
        quoted[i] = table.concat(words, " ")
      end
      local result = with_directories { "sh", "-c", table.concat(quoted, "\n") .. "\nexit 9" }
      assert.equal(9, result.status)
      assert.is_nil(result.stdout:match "reached [^\n]*")
      -- Each was refused: none ran.
      assert.is_nil(result.stdout:match "tried [^\n]*")
      local refusals = select(2, result.stderr:gsub("/proc/self/fd/%d+[^\n]-: E%u+ ", ""))
      assert.equal(41, refusals, result.stderr)
    end)

    it("is no current directory for " .. way.name .. " by a link of the root", function()
      for fd = 3, 24, 7 do
        local name = ("cwd-%s-%d"):format(way.name, fd)
        os.execute(("ln -s /proc/self/fd/%d %s/%s"):format(fd, root, name))
        local result = with_directories(way.words({ "/attack/attack", "reach", marker },
          { folder = folder, rootfs = root, cwd = "/" .. name }))
        assert.equal(125, result.status, result.stdout)
        assert.is_nil(result.stdout:match "reached [^\n]*")
      end
    end)
  end

  it("is one without these: the attack works", function()
    local result = with_directories { ways.naive(folder), "enter", root, "/proc/self/fd/7",
      "/attack/attack", "reach", marker }
    assert.matches("reached " .. marker .. " by the current directory\n", result.stdout, 1, true)
    assert.matches("by descriptor 7\n", result.stdout, 1, true)
  end)
end)

describe("a tree below an overlay", function()
  it("is not reached by a current directory in /proc/self/fd, past what --hide hides", function()
    local folder = run.folder()
    local root, data = ways.rootfs(folder .. "/root"), folder .. "/data"
    os.execute("mkdir " .. data)
    run.write(data .. "/secret", "hidden\n")
    for _, way in ipairs(ways.filtered()) do
      for fd = 15, 22 do
        local link = ("/cwd-%s-%d"):format(way.name, fd)
        os.execute(("ln -s /proc/self/fd/%d %s%s"):format(fd, root, link))
        local result = way.run({ "cat", "secret" }, { folder = folder, rootfs = root, cwd = link,
          options = { "--overlay", data .. ":/mnt", "--hide", "/mnt/secret" },
          fields = ("tidelock.fs.overlay { %q, '/mnt' }, tidelock.fs.hide '/mnt/secret',"):format(
            data) })
        assert.same({ 125, "" }, { result.status, result.stdout })
      end
    end
    run.remove(folder)
  end)
end)
