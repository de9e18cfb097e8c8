-- CVE-2024-45310: the directories for a mount are made by name, and a parent of theirs is swapped
-- for a link out of the root meanwhile: empty directories and files appear anywhere on the host.
-- Here the parent is a descriptor that was resolved in the root, and each is made by mkdirat in
-- that.
local run = require "spec.support.run"
local race = require "spec.support.race"
local ways = require "spec.support.ways"

local MOUNTS, TRIES = 30, 20000

describe("a parent of a mount point that is swapped for a link while a box starts", function()
  local folder, root, victim, racer

  before_each(function()
    folder = run.folder()
    root, victim = ways.rootfs(folder .. "/root"), folder .. "/victim"
    -- The root is to be written in by whoever makes directories there: the box's root.
    -- What the links lead to outside is inside too, so that the box starts wherever they lead.
    os.execute(([[mkdir -p %s/data %s %s/mnt/parent %s%s && ln -s %s %s/mnt/link &&
      ln -s ../../../../../../../..%s %s/mnt/climb && echo x > %s/data/seen; chmod 777 %s]]):format(
      folder, victim, root, root, victim, victim, root, victim, root, folder, victim))
    racer = race.start(folder, root .. "/mnt/parent", root .. "/mnt/link")
  end)
  after_each(function()
    racer:stop()
    run.remove(folder)
  end)

  local function made()
    return run.run({ "ls", victim }).stdout
  end

  for _, way in ipairs(ways.list()) do
    it("gets no directory and no file of " .. way.name .. " outside", function()
      local asked = 0
      local ends = race.clock() + 0.6
      local function attempt()
        asked = asked + 1
        -- New names each time, so that there is something to make.
        local name = ("%s-%d"):format(way.name, asked)
        local binds = {}
        for i = 1, MOUNTS, 3 do
          binds[i] = { folder .. "/data", ("/mnt/parent/%s-%d/a/b"):format(name, i) }
          binds[i + 1] = { folder .. "/data/seen", ("/mnt/parent/file-%s-%d"):format(name, i) }
          binds[i + 2] = { folder .. "/data", ("/mnt/climb/%s-%d"):format(name, i) }
        end
        local result = way.run({ "true" }, { folder = folder, rootfs = root, overlay = true,
          binds = binds })
        assert(result.status == 0 or result.status == 125, result.stderr)
        return result
      end
      repeat attempt() until race.clock() > ends
      assert(asked * MOUNTS > 100, "hardly anything was tried")
      assert(racer:stop() > 1000, "the racer hardly swapped")
      -- Left alone it starts, whichever of the two is there.
      assert.equal("", attempt().stderr)
      assert.equal("", made())
    end)
  end

  it("is won against a runtime that makes directories by name: the attack works", function()
    local result = run.run { ways.naive(folder), "mkdir", root, "mnt/parent", victim,
      tostring(TRIES) }
    assert.matches("escaped %d+", result.stdout, result.stderr)
    assert.equal("made\n", made())
  end)
end)
