-- CVE-2025-52565: the node of a container's terminal, /dev/pts/N, is replaced by a link to a file
-- before it is bound on /dev/console, which then is that file, writable. Here the terminal is
-- opened by its master (TIOCGPTPEER) and checked to be a node of a devpts, and what is bound on
-- /dev/console is that descriptor. exec gives a process no terminal.
local run = require "spec.support.run"
local race = require "spec.support.race"
local ways = require "spec.support.ways"

describe("a terminal's node that is swapped", function()
  local folder, root, victim

  before_each(function()
    folder = run.folder()
    root, victim = ways.rootfs(folder .. "/root"), folder .. "/victim"
    os.execute(("mkdir %s %s/dev/pts %s%s -p"):format(victim, root, root, victim))
    for _, name in ipairs { "0", "1", "ptmx", "console" } do
      run.write(victim .. "/" .. name, "precious\n")
      local file = victim .. "/" .. name
      os.execute(("chmod 666 %s; cp %s %s%s/"):format(file, file, root, victim))
    end
  end)
  after_each(function() run.remove(folder) end)

  local function is_untouched()
    for _, name in ipairs { "0", "1", "ptmx", "console" } do
      assert.equal("precious\n", run.read(victim .. "/" .. name), name)
    end
  end

  -- Writes to every name of its terminal.
  local SCRIPT = "for f in /dev/console /dev/tty /dev/pts/0 /dev/pts/ptmx /proc/self/fd/0; do "
    .. "echo owned > $f; done 2>/dev/null; [ -t 0 ] && echo a terminal"

  local function without_dev(config)
    local kept = {}
    for _, mount in ipairs(config.mounts) do
      if mount.destination ~= "/dev" then kept[#kept + 1] = mount end
    end
    config.mounts = kept
  end

  for _, way in ipairs { ways.list()[1], ways.list()[3] } do
    it("does not become the terminal of " .. way.name, function()
      os.execute(("ln -s %s %s/dev/other; ln -s %s/console %s/dev/console"):format(victim, root,
        victim, root))
      local racer = race.start(folder, root .. "/dev/pts", root .. "/dev/other")
      local terminals, ends = 0, race.clock() + 0.8
      repeat
        local result = way.run({ "sh", "-c", SCRIPT }, { folder = folder, rootfs = root, tty = true,
          config = without_dev })
        is_untouched()
        if result.stdout:find("a terminal", 1, true) then terminals = terminals + 1 end
      until race.clock() > ends and terminals > 0 or race.clock() > ends + 3
      assert(racer:stop() > 1000)
      assert(way.name == "bundle" or terminals > 0, "none had a terminal")
    end)

    it("is a terminal in " .. way.name .. " where nobody swaps it", function()
      local result = way.run({ "sh", "-c", SCRIPT }, { folder = folder, rootfs = root, tty = true })
      assert.matches("a terminal", result.stdout, 1, true)
      is_untouched()
    end)
  end

  it("is bound, and written through, by name: the attack works", function()
    os.execute(("rm -r %s/dev/pts; ln -s %s %s/dev/pts; echo > %s/dev/console"):format(root, victim,
      root, root))
    local result = run.run { ways.naive(folder), "console", root .. "/dev/console",
      root .. "/dev/pts/0", "owned\n" }
    assert.equal(0, result.status, result.stderr)
    assert.equal("owned\n", run.read(victim .. "/0"):sub(1, 6))
  end)
end)
