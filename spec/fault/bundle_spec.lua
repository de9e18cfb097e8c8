-- A bundle whose set-up fails at every operation in turn, and whose supervisor is killed.
local bundles = require "spec.support.bundle"
local faults = require "spec.support.faults"
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

describe("a bundle", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  local function job(command, change)
    return { "run", "--bundle", bundles.make(folder, command, change) }
  end

  local function root_only()
    if run.who() ~= "root" then run.skip "needs root" end
  end

  -- As much as one container can ask for.
  local function much(config)
    config.domainname = "domain"
    config.process.oomScoreAdj = 100
    config.process.user.additionalGids = { 5 }
    config.process.noNewPrivileges = false
    config.linux.personality = { domain = "LINUX" }
    config.linux.rootfsPropagation = "slave"
    config.linux.sysctl = { ["net.ipv4.ip_forward"] = "1" }
    config.linux.devices = { { type = "c", path = "/dev/fuse", major = 10, minor = 229, uid = 1 } }
    config.linux.resources.pids = { limit = 100 }
    table.insert(config.mounts, bundles.mount("/mnt", "bind", folder, { "rbind", "rro", "rslave" }))
  end

  it("names the operation whose system call failed, and leaves nothing", function()
    root_only()
    -- The parent has no part in it but to hand over plan and page.
    faults.each_fails(job({ "true" }, much), 90, nil, "sendmsg")
  end)

  it("does so with a terminal", function()
    root_only()
    local own = { fchown = true, ioctl = true, move_mount = true, open_tree = true, setsid = true }
    -- The caller's modes are copied where that can be done: the ioctls after the third.
    faults.each_fails(job({ "true" }, function(config) config.process.terminal = true end), 12,
      function(call)
        return own[call.name] and call.role == inject.init
          and (call.name ~= "ioctl" or call.occurrence <= 3)
      end)
  end)

  it("does so where it joins namespaces", function()
    root_only()
    local own = { setns = true, unshare = true, clone3 = true, ioctl = true,
      setgroups = true, setresuid = true }
    faults.each_fails(job({ "true" }, function(config)
      config.hostname = nil
      for _, space in ipairs(config.linux.namespaces) do
        -- Another's than the caller's own: those of a process that waits.
        if space.type == "network" then space.path = folder .. "/net" end
      end
      run.run(("touch %s/net; unshare --net sh -c 'mount --bind /proc/self/ns/net %s/net'")
        :format(folder, folder))
    end), 4, function(call) return own[call.name] end)
    run.run(("umount %s/net"):format(folder))
  end)

  it("leaves nothing when its supervisor is killed at any time", function()
    root_only()
    local words = job({ "sleep", "60" }, function(config)
      config.linux.resources.pids = { limit = 100 }
    end)
    run.tl { "run", "--memory", "64M", "--", "true" }
    local before = leaks.snapshot()
    math.randomseed(os.time())
    for _ = 1, 5 do
      local lines = {}
      for i = 1, 20 do
        lines[i] = ("%s %s & p=$!; sleep %.6f; kill -9 $p 2>/dev/null; wait $p 2>/dev/null"):format(
          run.quote(run.tidelock), table.concat(words, " "), math.random(0, 12000) / 1e6)
      end
      run.run(table.concat(lines, "\n"), { timeout = 60 })
    end
    -- Cgroups are on record; the next box that has some removes them.
    os.execute("sleep 0.2")
    run.tl { "run", "--memory", "64M", "--", "true" }
    leaks.verify(before)
  end)
end)
