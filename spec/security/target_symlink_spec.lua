-- CVE-2021-30465, CVE-2019-18837: what a mount goes on is checked, and replaced by a link out of
-- the root before it is mounted on. Here nothing is checked by a name: a target is resolved inside
-- the root by the kernel, kept as a descriptor, and mounted on by that.
local run = require "spec.support.run"
local race = require "spec.support.race"
local ways = require "spec.support.ways"

local MOUNTS, TRIES = 40, 20000

describe("a mount target that is swapped for a link while a box starts", function()
  local folder, root, victim, racer

  before_each(function()
    folder = run.folder()
    root, victim = ways.rootfs(folder .. "/root"), folder .. "/victim"
    os.execute(("mkdir -p %s/data %s %s/mnt/target && ln -s %s %s/mnt/link"):format(folder, victim,
      root, victim, root))
    racer = race.start(folder, root .. "/mnt/target", root .. "/mnt/link")
  end)
  after_each(function()
    racer:stop()
    run.remove(folder)
  end)

  -- Every mount that was asked for lies inside, wherever the link would have led there.
  local function count(text)
    return select(2, text:gsub("seen%-inside", ""))
  end

  for _, way in ipairs(ways.list()) do
    it("keeps every mount of " .. way.name .. " inside", function()
      local started, refused = 0, 0
      local binds = {}
      for i = 1, MOUNTS do binds[i] = { folder .. "/data", "/mnt/target", readonly = true } end
      -- Of two on one target the later counts, but for a bundle, where they are stacked.
      if way.name ~= "bundle" then binds = { binds[1] } end
      local script = [[while read -r line; do case $line in *]] .. folder
        .. [[/data*) echo seen-inside;; esac; done < /proc/self/mountinfo]]
      local words = way.words({ "sh", "-c", script }, { folder = folder, rootfs = root,
        binds = binds })
      local ends = race.clock() + 0.6
      repeat
        local result = run.run(words)
        if result.status == 0 then
          started = started + 1
          assert.equal(#binds, count(result.stdout), result.stdout)
        else
          assert.equal(125, result.status, result.stderr)
          refused = refused + 1
        end
      until race.clock() > ends and started > 0 or race.clock() > ends + 5
      assert(started > 0, ("only %d started, %d were refused"):format(started, refused))
      assert.equal("", run.run({ "ls", victim }).stdout)
      assert(racer:stop() > 1000, "the racer hardly swapped")
    end)
  end

  it("is won against a runtime that checks and mounts by name: the attack works", function()
    local result = run.run({ ways.naive(folder), "mount", root, "mnt/target", victim,
      tostring(TRIES) })
    assert.matches("escaped %d+", result.stdout, result.stderr)
  end)
end)
