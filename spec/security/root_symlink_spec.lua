-- CVE-2026-87766 (bubblewrap): while a root is set up the old one is still there under some name,
-- and a target whose parent is a link to that name lands in it. Here a link leads where it leads
-- inside, the old root has no name in the new one, and /var/run -> /run works as ever.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a parent that is a link out of the root", function()
  local folder, root, victim

  setup(function()
    folder = run.folder()
    root, victim = ways.rootfs(folder .. "/root"), folder .. "/victim"
    os.execute(("mkdir -m 777 %s %s/data; echo shown > %s/data/file"):format(victim, folder,
      folder))
  end)
  teardown(function() run.remove(folder) end)

  local LINKS = { "%s", "../../../../../../../..%s", "/proc/1/root%s", "/proc/self/root/..%s",
    "/oldroot%s", "/.old_root%s", "/..%s", "/proc/1/cwd/..%s", "/proc/self/fd/16/../../../../..%s" }

  for _, way in ipairs(ways.list()) do
    it("does not lead a mount of " .. way.name .. " into the old root", function()
      for i, link in ipairs(LINKS) do
        local name = ("link-%s-%d"):format(way.name, i)
        os.execute(("ln -s %s %s/%s"):format(link:format(victim), root, name))
        for _, target in ipairs { "/" .. name, "/" .. name .. "/deep/er" } do
          way.run({ "sh", "-c", "echo owned > " .. target .. "/owned" }, { folder = folder,
            rootfs = root, overlay = true, binds = { { folder .. "/data", target } } })
          assert.equal("", run.run({ "ls", "-A", victim }).stdout, link .. " " .. target)
          os.remove(folder .. "/data/owned")
        end
      end
    end)

    it("that leads on inside works in " .. way.name, function()
      local name = "inside-" .. way.name
      os.execute(("mkdir -p %s/real/place; ln -s ../../../real %s/%s"):format(root, root, name))
      local result = way.run({ "cat", "/real/place/file" }, { folder = folder, rootfs = root,
        overlay = true,
        binds = { { folder .. "/data", "/" .. name .. "/place", readonly = true } } })
      assert.equal("shown\n", result.stdout, result.stderr)
    end)
  end

  it("is how /var/run is found: what is mounted there is in /run", function()
    for _, way in ipairs(ways.filtered()) do
      local result = way.run({ "sh", "-c", "readlink /var/run; cat /run/data/file" }, {
        folder = folder, binds = { { folder .. "/data", "/var/run/data", readonly = true } } })
      assert.equal("/run\nshown\n", result.stdout, result.stderr)
    end
  end)

  it("is followed by a runtime that binds by name: the attack works", function()
    os.execute(("ln -s %s %s/naive-link; mkdir %s/sub; mkdir %s/data/sub"):format(victim, root,
      victim, folder))
    local result = run.run { ways.naive(folder), "bind", victim, root, "naive-link/sub", "owned\n" }
    assert.equal(0, result.status, result.stderr)
    assert.equal("owned\n", run.read(victim .. "/made"))
    os.execute(("rm -r %s/made %s/sub"):format(victim, victim))
  end)
end)
