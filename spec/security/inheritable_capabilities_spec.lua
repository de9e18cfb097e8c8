-- CVE-2022-29162, CVE-2022-27650: a process put into a container had a non-empty inheritable set,
-- by which a program file with inheritable capabilities hands out rights that the process did not
-- have. The set is empty; ambient capabilities, which a user other than root is given by --cap-add,
-- are inheritable by the kernel's rule, and no more than these.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("inheritable capabilities", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  local STATUS = { "grep", "^Cap", "/proc/self/status" }

  local function sets(way, settings)
    settings.folder = folder
    local result = way.run(STATUS, settings)
    local found = {}
    for name, value in result.stdout:gmatch "(Cap%w+):%s*(%x+)" do found[name] = value end
    assert.is_string(found.CapInh, result.stderr)
    return found
  end

  local NONE = ("0"):rep(16)

  for _, way in ipairs(ways.list()) do
    it("are none in " .. way.name, function()
      assert.equal(NONE, sets(way, {}).CapInh)
    end)

    it("are none for root with capabilities in " .. way.name, function()
      local user = way.name ~= "exec" and "0" or nil
      if way.name == "exec" and run.who() ~= "root" then run.skip "needs root" end
      local found = sets(way, { caps = { "CHOWN", "NET_RAW" }, user = user })
      assert.not_equal(NONE, found.CapBnd)
      assert.equal(NONE, found.CapInh)
    end)

    it("are no more than the ambient ones for another user in " .. way.name, function()
      if run.who() ~= "root" then run.skip "needs root" end
      local found = sets(way, { caps = { "NET_RAW" }, user = "4711" })
      assert.equal(found.CapAmb, found.CapInh)
      assert.equal(NONE, sets(way, { user = "4711" }).CapInh)
    end)

    it("give a user nothing by a file that asks for them in " .. way.name, function()
      if run.who() ~= "root" then run.skip "needs root" end
      local root = require("spec.support.ways").rootfs(folder .. "/root-" .. way.name)
      -- permitted none, inheritable NET_RAW, effective: what `setcap cap_net_raw=ei` writes.
      assert.equal(0, run.run { "setcap", "cap_net_raw=ei", root .. "/bin/busybox" }.status)
      local result = way.run(STATUS, { folder = folder, rootfs = root, user = "4711" })
      assert.matches("CapEff:%s*" .. NONE, result.stdout, result.stderr)
      assert.matches("CapPrm:%s*" .. NONE, result.stdout)
    end)
  end

  it("do give it where they are not empty: the attack works", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local busybox = folder .. "/busybox"
    os.execute(("cp $(command -v busybox) %s; setcap cap_net_raw=ei %s"):format(busybox, busybox))
    local result = run.run { "setpriv", "--reuid", "4711", "--regid", "4711", "--clear-groups",
      "--inh-caps", "+net_raw", busybox, unpack(STATUS) }
    assert.matches("CapEff:%s*0000000000002000", result.stdout, result.stderr)
  end)
end)
