-- CVE-2021-30465 and CVE-2023-28642 again, found here: the directory that procfs was just mounted
-- on is swapped for another, by whoever can write in the root too, and what was to be hidden and
-- read-only in it is looked for where there is none. Masks start at the mount itself, wherever it
-- is.
local run = require "spec.support.run"
local race = require "spec.support.race"
local ways = require "spec.support.ways"

describe("a /proc that is swapped for another directory while a box starts", function()
  local folder, root, racer

  before_each(function()
    folder = run.folder()
    root = ways.rootfs(folder .. "/root")
    -- The other directory has all that is looked for.
    os.execute(([[cd %s && mkdir -p other/sys/kernel other/bus other/fs other/irq &&
      touch other/keys; echo x > other/sysrq-trigger]]):format(root))
    racer = race.start(folder, root .. "/proc", root .. "/other")
  end)
  after_each(function()
    racer:stop()
    run.remove(folder)
  end)

  -- Wherever the procfs is, its parts are read-only mounts of their own, and keys is hidden. The
  -- names change from line to line.
  local SCRIPT = [[for p in /proc /other; do [ ! -e $p/self/mountinfo ] ||
    grep -E ' /(proc|other)(/sys|/bus|/keys)? ' $p/self/mountinfo && break; done 2>/dev/null]]

  for _, way in ipairs(ways.list()) do
    it("is hidden and read-only in " .. way.name .. ", whatever its name is by then", function()
      local seen, ends = 0, race.clock() + 0.8
      repeat
        local result = way.run({ "sh", "-c", SCRIPT }, { folder = folder, rootfs = root })
        local found = {}
        for part, options in result.stdout:gmatch " (/%a+[/%a]*) (%a%a),[^\n]*" do
          found[part:gsub("^/%a+", "", 1)] = options
        end
        -- Swapped once more while it looks: then it saw no procfs at all.
        if result.status == 0 and found[""] then
          seen = seen + 1
          assert.equal("ro", found["/sys"], result.stdout)
          assert.equal("ro", found["/bus"], result.stdout)
          assert.is_string(found["/keys"], result.stdout)
        end
      until race.clock() > ends and seen > 3 or race.clock() > ends + 5
      assert(seen > 3, "hardly any started: " .. seen)
      assert(racer:stop() > 1000)
    end)
  end
end)
