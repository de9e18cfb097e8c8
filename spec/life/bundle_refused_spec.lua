-- A config.json that cannot be run: the error names file and property, and nothing is left behind.
local bundles = require "spec.support.bundle"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("a config.json", function()
  local folder, before

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before) end)

  local function refused(change, pattern)
    local result = bundles.run(folder, "true", change)
    assert.equal(125, result.status)
    assert.matches(pattern, result.stderr)
    assert.matches("asked for at .-/config%.json", result.stderr)
    assert.is_nil(result.stderr:find("traceback", 1, true))
  end

  it("that asks for what is not there yet is told which property that is", function()
    local cases = {
      ["process.apparmorProfile"] = function(c) c.process.apparmorProfile = "docker-default" end,
      ["process.selinuxLabel"] = function(c) c.process.selinuxLabel = "system_u:object_r:x" end,
      ["linux.mountLabel"] = function(c) c.linux.mountLabel = "system_u:object_r:x" end,
      ["hooks.createRuntime"] = function(c)
        c.hooks = { createRuntime = { { path = "/bin/true" } } }
      end,
      ["hooks.poststop"] = function(c) c.hooks = { poststop = { { path = "/bin/true" } } } end,
      ["linux.intelRdt"] = function(c) c.linux.intelRdt = { closID = "x" } end,
      ["linux.timeOffsets"] = function(c) c.linux.timeOffsets = { monotonic = { secs = 1 } } end,
      ["process.scheduler"] = function(c) c.process.scheduler = { policy = "SCHED_FIFO" } end,
      ["mounts[0].options[0]"] = function(c) c.mounts[1].options = { "tmpcopyup" } end,
      ["mounts[1].uidMappings"] = function(c)
        c.mounts[2].uidMappings = { { containerID = 0, hostID = 0, size = 1 } }
      end,
    }
    for field, change in pairs(cases) do
      refused(change, field:gsub("[%[%]%.]", "%%%0") .. ": .*cannot be done")
    end
  end)

  it("with a value of the wrong kind is told which", function()
    local cases = {
      ["process.args: is an object"] = function(c) c.process.args = { a = 1 } end,
      ["process.args[0]: 5 is not a string"] = function(c) c.process.args = { 5 } end,
      ["process.user.uid: -1 is out of range"] = function(c) c.process.user.uid = -1 end,
      ["process.user.uid: 1.5 is no whole number"] = function(c) c.process.user.uid = 1.5 end,
      ["process.user.uid: \"1\" is not"] = function(c) c.process.user.uid = "1" end,
      ["process.user.uid: is missing"] = function(c) c.process.user.uid = nil end,
      ["root.readonly: \"yes\" is not true or false"] = function(c) c.root.readonly = "yes" end,
      ["root: is missing"] = function(c) c.root = nil end,
      ["process: is missing"] = function(c) c.process = nil end,
      ["ociVersion: \"2.0.0\" is not a version"] = function(c) c.ociVersion = "2.0.0" end,
      ["process.args: has nothing to execute"] = function(c) c.process.args = nil end,
      ["process.cwd: \"tmp\" is not absolute"] = function(c) c.process.cwd = "tmp" end,
      ["process.env[0]: \"novalue\" is not NAME=VALUE"] = function(c)
        c.process.env = { "novalue" }
      end,
      ["process.rlimits[0].type: \"RLIMIT_NOFILES\" is not"] = function(c)
        c.process.rlimits[1].type = "RLIMIT_NOFILES"
      end,
      ["process.rlimits[0].soft: 2000 is above"] = function(c) c.process.rlimits[1].soft = 2000 end,
      ["process.capabilities.bounding[0]: \"CAP_NET_ADMINS\" is not"] = function(c)
        c.process.capabilities.bounding = { "CAP_NET_ADMINS" }
      end,
      ["process.capabilities.effective: \"CAP_KILL\" is not in permitted"] = function(c)
        c.process.capabilities.permitted = { "CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE" }
      end,
      ["process.oomScoreAdj: 1001 is out"] = function(c) c.process.oomScoreAdj = 1001 end,
      ["linux.personality.domain: \"BSD\" is not"] = function(c)
        c.linux.personality = { domain = "BSD" }
      end,
      ["linux.rootfsPropagation: \"public\" is not"] = function(c)
        c.linux.rootfsPropagation = "public"
      end,
      ["root.path: \"nosuch\" does not exist"] = function(c) c.root.path = "nosuch" end,
      ["root.path: \"/\" is the host's own root"] = function(c) c.root.path = "/" end,
      ["mounts[1].destination: \"/../x\" climbs"] = function(c)
        c.mounts[2].destination = "/../x"
      end,
      ["mounts[7].source: \"/nosuch\" does not exist"] = function(c)
        c.mounts[#c.mounts + 1] = bundles.mount("/mnt", "bind", "/nosuch", { "bind" })
        while #c.mounts < 8 do table.insert(c.mounts, 2, c.mounts[2]) end
      end,
      ["linux.devices[0].type: \"x\" is no type"] = function(c)
        c.linux.devices = { { type = "x", path = "/dev/x" } }
      end,
      ["linux.maskedPaths[0]: is empty"] = function(c) c.linux.maskedPaths = { "" } end,
      ["hostname: .* is too long"] = function(c) c.hostname = ("x"):rep(65) end,
    }
    for text, change in pairs(cases) do
      local pattern = text:gsub("[%[%]%(%)%-%+%?]", "%%%0")
      if not text:find ".*" or text:find "%[" then pattern = pattern:gsub("%.", "%%.") end
      refused(change, pattern)
    end
  end)

  it("has its mistake told by line and column where it is no JSON", function()
    local bundle = bundles.make(folder, { "true" })
    for text, why in pairs {
      ["{\n  \"root\": {},\n  oops }"] = ":3:3: is no JSON", [""] = ":1:1: is no JSON",
      ["{} x"] = ":1:4: is no JSON", ["\239\187\191{}"] = ":1:1: is no JSON",
      ['{"a":1,"a":2}'] = "is no JSON", ['{"hostname":"a\\u0000b"}'] = "is no JSON",
      [("["):rep(100000)] = "is no JSON",
    } do
      run.write(bundle .. "/config.json", text)
      local result = run.tl { "run", "--bundle", bundle }
      assert.equal(125, result.status)
      assert.matches(why, result.stderr)
    end
  end)

  it("may say of what is not there yet that it is not asked for", function()
    local result = bundles.run(folder, "echo fine", function(config)
      config.linux.resources = { blockIO = { weight = 0 }, unified = {}, rdma = {} }
      config.process.apparmorProfile, config.linux.mountLabel = "", ""
      config.hooks = { prestart = {} }
    end)
    assert.equal("fine\n", result.stdout)
  end)

  it("may have properties that nobody knows", function()
    local result = bundles.run(folder, "echo fine", function(config)
      config.future = { deep = { 1, 2 } }
      config.process.future = "x"
      config.linux.future = true
      config.annotations = { ["org.example.key"] = "value" }
    end)
    assert.equal("fine\n", result.stdout)
  end)

  it("leaves nothing behind wherever it ends", function()
    local bundle = bundles.make(folder, { "true" })
    local text = run.read(bundle .. "/config.json")
    for n = 0, #text - 1, 61 do
      run.write(bundle .. "/config.json", text:sub(1, n))
      assert.equal(125, run.tl({ "run", "--bundle", bundle }).status)
    end
  end)

  it("is looked for in a directory that is there", function()
    for path, why in pairs { ["/nonexistent"] = "cannot be read: No such file", [""] = "is empty",
      ["/etc/passwd"] = "cannot be read: Not a directory" } do
      local result = run.tl { "run", "--bundle", path }
      assert.equal(125, result.status)
      assert.matches(why, result.stderr)
    end
  end)

  it("leaves only the command and the time limit to the command line", function()
    local bundle = bundles.make(folder, { "true" })
    for _, words in ipairs { { "--rw", "/tmp" }, { "--net", "host" }, { "--memory", "1G" },
      { "--env", "A=1" } } do
      local result = run.tl { "run", "--bundle", bundle, unpack(words) }
      assert.equal(125, result.status)
      assert.matches("^tidelock: " .. words[1]:gsub("%-", "%%-")
        .. ": cannot be combined with %-%-bundle",
        result.stderr)
    end
  end)
end)
