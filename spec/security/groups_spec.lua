-- nsjail: supplementary groups of the caller survive where setgroups is denied, and a file that
-- only they may read is read. They are dropped wherever the kernel lets us; where it does not that
-- is reported, and --require drop-groups runs nothing.
local box = require "spec.support.box"
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local GID = 4321

describe("a supplementary group of the caller", function()
  local folder

  setup(function()
    folder = run.folder()
    run.write(folder .. "/secret", "for the group\n")
    if run.who() == "root" then
      run.run(("mkdir data && mv secret data && chown 0:%d data/secret && chmod 640 data/secret")
        :format(GID), { cwd = folder })
    end
  end)
  teardown(function() run.remove(folder) end)

  local function as_member(words)
    return run.run { "setpriv", "--reuid", "65534", "--regid", "65533", "--groups", tostring(GID),
      unpack(words) }
  end

  local function with_group(words)
    return run.run { "setpriv", "--groups", tostring(GID), unpack(words) }
  end

  local READ = { "sh", "-c", "cat /mnt/secret; grep Groups: /proc/self/status" }

  for _, way in ipairs(ways.list()) do
    it("does not come along into " .. way.name, function()
      if run.who() ~= "root" then run.skip "needs root" end
      local result = with_group(way.words(READ, { folder = folder,
        binds = { { folder .. "/data", "/mnt", readonly = true } }, user = "65534:65533" }))
      assert.matches("Groups:%s*$", result.stdout, result.stderr)
      assert.not_matches("for the group", result.stdout)
    end)
  end

  it("reads the file by a plain unshare: the attack works", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert.equal("for the group\n", as_member { "unshare", "-Urm", "cat",
      folder .. "/data/secret" }.stdout)
  end)

  it("that cannot be dropped is reported, and refused where that is required", function()
    if run.who() ~= "root" then run.skip "needs root" end
    -- Nobody has no subordinate ids, which would let the groups be dropped.
    local tidelock = folder .. "/tidelock"
    os.execute(("cp %s %s"):format(run.quote(run.tidelock), tidelock))
    local kept = as_member { "env", "-C", "/usr", tidelock, "run", "-v", "--", "true" }
    assert.equal(0, kept.status, kept.stderr)
    assert.matches("supplementary groups " .. GID .. " stay", kept.stderr, 1, true)
    local refused = as_member { "env", "-C", "/usr", tidelock, "run", "--require", "drop-groups",
      "--", "echo", "ran" }
    assert.same({ 125, "" }, { refused.status, refused.stdout })
    assert.matches("cannot be dropped", refused.stderr, 1, true)
  end)

  it("is none of an ordinary user without any, who may say so", function()
    if run.who() == "root" then run.skip "needs an ordinary user" end
    assert.equal("Groups:", (box.prints("grep Groups: /proc/self/status",
      { "--require", "drop-groups" }):gsub("%s+$", "")))
  end)
end)
