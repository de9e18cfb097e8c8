-- CVE-2024-42472 (flatpak): a directory that persists from run to run, inside one that the box may
-- write, was replaced by a link in an earlier run; the next run binds what it leads to, writable.
-- Here a source inside a writable directory is found beneath that directory, through no link out.
-- In a bundle a source is what config.json says: its engine has looked.
local run = require "spec.support.run"
local race = require "spec.support.race"
local ways = require "spec.support.ways"

describe("a persisted directory that an earlier run replaced by a link", function()
  local folder, project, victim

  before_each(function()
    folder = run.folder()
    project, victim = folder .. "/project", folder .. "/victim"
    os.execute(("mkdir -p %s/cache %s; echo secret > %s/key; chmod -R a+rwX %s"):format(project,
      victim, victim, folder))
  end)
  after_each(function() run.remove(folder) end)

  local function settings(source)
    return { folder = folder, binds = { { project, "/project" }, { source or project .. "/cache",
      "/cache" } }, host_cwd = "/usr" }
  end

  local function is_untouched()
    assert.equal("key\n", run.run({ "ls", "-A", victim }).stdout)
  end

  local function replace(link)
    return ("rmdir /project/cache && ln -s %s /project/cache"):format(link)
  end

  local USE = { "sh", "-c", "cat /cache/key; echo owned > /cache/owned" }

  for _, way in ipairs(ways.filtered()) do
    it("is refused by " .. way.name, function()
      for _, link in ipairs { victim, "../victim", "../project/../victim", "/proc/self/cwd/.." } do
        os.execute(("rm -rf %s/cache; mkdir %s/cache; chmod 777 %s/cache"):format(project, project,
          project))
        local first = way.run({ "sh", "-c", replace(link) }, { folder = folder,
          binds = { { project, "/project" } }, host_cwd = "/usr" })
        assert.equal(0, first.status, first.stderr)
        local result = way.run(USE, settings())
        assert.same({ 125, "" }, { result.status, result.stdout })
        assert(result.stderr:find("which the box may write", 1, true)
          or result.stderr:find("does not exist", 1, true)
          or result.stderr:find("holds your home directory", 1, true), result.stderr)
        is_untouched()
      end
    end)

    it("is refused by " .. way.name .. " where the link lies above it, or is named by another way",
      function()
        os.execute(("mkdir -p %s/a/cache %s/cache; ln -s %s %s/named"):format(project, victim,
          project, folder))
        for _, source in ipairs { project .. "/a/cache", folder .. "/named/a/cache" } do
          os.execute(("rm -rf %s/a; ln -s %s %s/a"):format(project, victim, project))
          local result = way.run(USE, settings(source))
          assert.same({ 125, "" }, { result.status, result.stdout })
          assert.matches("which the box may write", result.stderr, 1, true)
        end
        os.execute("rmdir " .. victim .. "/cache")
        is_untouched()
      end)

    it("works in " .. way.name .. " where it is a directory, or a link of the caller's own",
      function()
        local result = way.run({ "sh", "-c", "echo kept > /cache/kept" }, settings())
        assert.equal(0, result.status, result.stderr)
        assert.equal("kept\n", run.read(project .. "/cache/kept"))
        os.execute(("ln -s %s/cache %s/short"):format(project, folder))
        result = way.run({ "cat", "/cache/kept" }, settings(folder .. "/short"))
        assert.equal("kept\n", result.stdout, result.stderr)
      end)

    it("is not followed by " .. way.name .. " if it is replaced between the check and the bind",
      function()
        os.execute(("ln -s %s %s/swapped"):format(victim, project))
        local racer = race.start(folder, project .. "/cache", project .. "/swapped")
        local started, ends = 0, race.clock() + 0.6
        repeat
          local result = way.run(USE, settings())
          if result.status ~= 125 then started = started + 1 end
          assert.is_nil(result.stdout:find("secret", 1, true))
          is_untouched()
        until race.clock() > ends and started > 0 or race.clock() > ends + 5
        assert(racer:stop() > 1000)
        assert(started > 0, "none started")
      end)
  end

  it("is bound by a runtime that binds by name: the attack works", function()
    local root = ways.rootfs(folder .. "/root")
    os.execute(("rm -rf %s/cache; ln -s %s %s/cache"):format(project, victim, project))
    local result = run.run { ways.naive(folder), "bind", project .. "/cache", root, "mnt",
      "owned\n" }
    assert.equal(0, result.status, result.stderr)
    assert.equal("owned\n", run.read(victim .. "/made"))
  end)
end)
