-- A bundle whose device rules cannot be put in force (cgroup v2): nothing of it runs, and nothing
-- is left; nor is it when the supervisor dies half way.
local bundles = require "spec.support.bundle"
local child = require "spec.support.child"
local faults = require "spec.support.faults"
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"
local unified = require "spec.support.unified"

describe("the device rules of a bundle on cgroup v2", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  local function job(command)
    return { "run", "--bundle", bundles.make(folder, command) }
  end

  -- In a process with a mount namespace of its own; all of it is in there.
  local function with_unified(f)
    unified.need()
    child.call(function()
      unified.enter()
      f()
    end, { "mount" })
  end

  local function is_bpf(call) return call.name == "bpf" and call.role == inject.supervisor end

  it("fail by their operation when they can be loaded or attached no more", function()
    local words = job { "true" }
    with_unified(function() faults.each_fails(words, 2, is_bpf, "sendmsg") end)
  end)

  it("let nothing run that they do not hold", function()
    local words = { "run", "--bundle", bundles.make(folder, { "touch", "/out/ran" },
      function(config) config.root.readonly = false end) }
    local ran = folder .. "/rootfs/out/ran"
    with_unified(function()
      local tried, calls = 0, inject.list(words)
      assert(os.remove(ran)) -- where nothing fails it runs
      for _, call in ipairs(calls) do
        if is_bpf(call) then
          tried = tried + 1
          local result = inject.fail(call, "EPERM", words)
          assert(result.status == 125, result.status)
          assert(result.stderr:find("let it use no devices but c *:* m", 1, true), result.stderr)
          assert(result.stderr:find(": EPERM (bpf, operation 2 of", 1, true), result.stderr)
          assert(result.stderr:find("linux.resources.devices", 1, true), result.stderr)
          assert(result.stderr:find("hint: eBPF programs for devices take CAP_BPF", 1, true))
        end
      end
      assert(tried == 2, tried)
    end)
    assert.is_nil(run.read(ran))
  end)

  it("go with the supervisor that is killed at any of their calls, by the next run", function()
    local words = job { "true" }
    with_unified(function()
      run.tl(words)
      local before = leaks.snapshot()
      for _, call in ipairs(inject.list(words)) do
        if is_bpf(call) then
          inject.kill(call, words)
          run.run "sleep 0.05"
          run.tl(words)
          leaks.verify(before, 3)
        end
      end
    end)
  end)
end)
