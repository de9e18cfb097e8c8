-- linux.resources.devices of a bundle: the same on both hierarchies.
local bundles = require "spec.support.bundle"
local core = require "tidelock.core"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"
local unified = require "spec.support.unified"

local WAYS = {
  { name = "cgroup v1", tl = run.tl, need = function()
    if run.who() ~= "root" then run.skip "needs root" end
    if core.cgroup.version "/sys/fs/cgroup/devices" ~= 1 then
      run.skip "needs cgroup v1 controllers"
    end
  end },
  { name = "cgroup v2", tl = unified.tl, need = unified.need },
}

local function allow(kind, major, minor, access)
  return { allow = true, type = kind, major = major, minor = minor, access = access }
end
local function deny(kind, major, minor, access)
  return { allow = false, type = kind, major = major, minor = minor, access = access }
end
local NOTHING = { allow = false, access = "rwm" }

for _, way in ipairs(WAYS) do
  describe("the device rules of a bundle on " .. way.name, function()
    local folder, before

    setup(function()
      folder = run.folder()
      run.tl { "run", "--best-effort", "-m", "64M", "--", "true" } -- the state's folders are there
    end)
    teardown(function() run.remove(folder) end)
    before_each(function() before = leaks.snapshot() end)
    after_each(function() leaks.verify(before) end)

    local function bundle(script, rules, change)
      return bundles.make(folder, { "sh", "-c", script }, function(config)
        for _, set in pairs(config.process.capabilities) do set[#set + 1] = "CAP_MKNOD" end
        table.insert(config.mounts, bundles.mount("/tmp", "tmpfs", "tmpfs"))
        config.linux.resources = rules and { devices = rules }
        if change then change(config) end
      end)
    end

    -- Numbers for local use: that there is no driver is told after the rules were asked.
    local USE = [[
      may() { # NODE r|w
        if [ $2 = r ]; then (: < $1) 2>&1; else (: > $1) 2>&1; fi | grep -q 'not permitted' \
          && echo "$1 $2 no" || echo "$1 $2 yes"
      }
      cd /tmp
      mknod a c 60 1 && mknod b c 60 2 && mknod d b 60 1 && mknod full c 1 7 || exit 9
      for node in a b d full; do may $node r; may $node w; done]]

    local function may(rules, change)
      local result = way.tl { "run", "--bundle", bundle(USE, rules, change) }
      assert.equal("", result.stderr)
      assert.equal(0, result.status)
      local list = {}
      for node, how in result.stdout:gmatch "(%a+) (%a) yes" do list[#list + 1] = node .. how end
      return table.concat(list, " ")
    end

    local ALWAYS = "fullr fullw"

    it("leave the devices that every container has, and mknod", function()
      way.need()
      assert.equal(ALWAYS, may { NOTHING })
      assert.equal(ALWAYS, may { NOTHING, deny("c", 1, 7, "rwm") })
      assert.equal(ALWAYS, may(nil)) -- who can make nodes is held back without being asked
    end)

    it("allow what they name, each access of its own", function()
      way.need()
      assert.equal("ar aw " .. ALWAYS, may { NOTHING, allow("c", 60, 1, "rwm") })
      assert.equal("ar bw dr dw " .. ALWAYS, may { NOTHING, allow("c", 60, 1, "r"),
        allow("c", 60, 2, "w"), allow("b", 60, nil, "rw") })
      assert.equal("ar aw br bw " .. ALWAYS, may { NOTHING, allow("c", 60, -1, "rwm") })
      assert.equal("ar br dr " .. ALWAYS, may { NOTHING, allow("a", 60, -1, "r") })
      assert.equal("ar aw br bw dr dw " .. ALWAYS, may { NOTHING, { allow = true } })
    end)

    it("override one another in their order", function()
      way.need()
      assert.equal("aw " .. ALWAYS, may { NOTHING, allow("c", 60, 1, "rwm"),
        deny("c", 60, 1, "r") })
      assert.equal("dr dw " .. ALWAYS, may { NOTHING, allow("c", 60, 1, "rw"),
        allow("c", 60, 2, "rw"), allow("b", 60, 1, "rw"), deny("c", -1, -1, "rwm") })
      assert.equal(ALWAYS, may { allow("c", 60, 1, "rwm"), NOTHING })
      assert.equal("ar br bw dr dw " .. ALWAYS, may { { allow = true }, deny("c", 60, 1, "w") })
    end)

    it("hold the processes that it starts, from before the first of them", function()
      way.need()
      local result = way.tl { "run", "--bundle", bundle([[mknod /tmp/a c 60 1
        sh -c '(: < /tmp/a) 2>&1' & wait; (: < /dev/mem) 2>&1]], { NOTHING }, function(config)
        config.linux.devices = { { type = "c", path = "/dev/mem", major = 1, minor = 1 } }
      end) }
      local _, count = result.stdout:gsub("Operation not permitted", "")
      assert.equal(2, count, result.stdout .. result.stderr)
    end)

    it("are told in the report as what is enforced", function()
      way.need()
      local path = bundle("true", { NOTHING, allow("c", 60, 1, "rw") })
      run.write(folder .. "/report.lua", ([[
        local bundle = require("tidelock.oci.bundle").load(%q)
        print(table.concat(bundle:run().enforced, "\n"))]]):format(path))
      local result = way.tl { folder .. "/report.lua" }
      assert.matches("devices%.deny a\ndevices%.allow c 60:1 rw\n", result.stdout)
    end)

    it("that would not be in force are refused, by their property", function()
      way.need()
      for field, rules in pairs {
        ["devices[1]: cannot be enforced: it denies c 1:3 w, a part of c 1:* rwm"
          .. " (linux.resources.devices[0])"] = { allow("c", 1, -1, "rwm"), deny("c", 1, 3, "w") },
        ["devices[1]: cannot be enforced: it denies c 1:*, and c 1:3 is every container's"] =
          { { allow = true }, deny("c", 1, -1, "rwm") },
      } do
        local result = way.tl { "run", "--bundle", bundle("true", rules) }
        assert.equal(125, result.status)
        assert.matches("linux.resources." .. field, result.stderr, 1, true)
        assert.matches("asked for at .-/config%.json", result.stderr)
      end
    end)

    it("stand where the cgroup is that config.json names", function()
      way.need()
      local result = way.tl { "run", "--bundle", bundle(USE, { NOTHING, allow("c", 60, 1, "r") },
        function(config) config.linux.cgroupsPath = "/spec-tidelock/pod/devices" end) }
      assert.matches("a r yes\na w no\n", result.stdout)
    end)

    it("are shown by explain", function()
      way.need()
      local result = way.tl { "explain", "--bundle", bundle("true", { NOTHING }) }
      assert.matches(way.name == "cgroup v1" and "set devices.allow to c 1:3 rwm"
        or "let it use no devices but c *:* m, b *:* m, c 1:3 rwm", result.stdout, 1, true)
    end)
  end)
end

describe("the device rules of a bundle", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  it("are checked wherever it runs", function()
    local many = {}
    for i = 1, 451 do many[i] = NOTHING end
    for text, rules in pairs {
      ["devices[1].major: -2 is out of range (accepted: 0 to 4095, and -1 for all)"] =
        { NOTHING, allow("c", -2, 3, "r") },
      ["devices[0].major: 4096 is out of range"] = { allow("c", 4096, 3, "r") },
      ["devices[0].minor: -5 is out of range (accepted: 0 to 1048575, and -1 for all)"] =
        { deny("b", 1, -5, "r") },
      ["devices[0].minor: 1048576 is out of range"] = { deny("b", 1, 1048576, "r") },
      ["devices[0].access: \"rwx\" is not known (accepted: letters of \"rwm\")"] =
        { allow("c", 1, 3, "rwx") },
      ["devices[0].access: \"\" is not known"] = { allow("c", 1, 3, "") },
      ["devices[1].type: \"x\" is not known (accepted: \"a\", \"b\", \"c\")"] =
        { NOTHING, allow("x", 1, 3, "r") },
      ["devices[0].type: \"u\" is not known"] = { allow("u", 1, 3, "r") },
      ["devices[0].allow: is missing"] = { { type = "c" } },
      ["devices[0].major: \"1\" is not a whole number"] = { allow("c", "1", 3, "r") },
      ["devices: has 451 rules (accepted: at most 450)"] = many,
    } do
      local result = bundles.run(folder, "true", function(config)
        config.linux.resources = { devices = rules }
      end)
      assert.equal(125, result.status)
      assert.matches("linux.resources." .. text, result.stderr, 1, true)
    end
    -- Past what a double holds.
    local path = bundles.make(folder, { "true" }, function(config)
      config.linux.resources = { devices = { allow("c", 77777, 3, "r") } }
    end)
    local json = run.read(path .. "/config.json"):gsub("77777", "9007199254740993")
    run.write(path .. "/config.json", json)
    assert.matches("devices[0].major: ", run.tl({ "run", "--bundle", path }).stderr, 1, true)
  end)

  it("need no more than what is there where nothing can be used anyway", function()
    if run.who() == "root" then run.skip "needs an ordinary user" end
    -- Nodes of the root are none for a user, and no others can be made.
    local result = bundles.run(folder, "echo ran", function(config)
      config.linux.resources = { devices = { NOTHING } }
    end)
    assert.equal("ran\n", result.stdout)
  end)
end)
