-- A process on its way into a container that still shares the supervisor's memory, or has a copy of
-- it, is read from inside by process_vm_readv. What joins a box is init, executed before it joins:
-- no secret of the supervisor is in any memory that a box can see.
local box = require "spec.support.box"
local run = require "spec.support.run"
local ways = require "spec.support.ways"

-- Put together inside only, so that no command line holds it.
local A, B = "the-supervisors-", "secret-0123456789"

describe("the memory of the supervisor", function()
  local folder, attack

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
  end)
  teardown(function() run.remove(folder) end)

  local function attacked(words)
    local result = box.lua(([[
      local tidelock = require "tidelock"
      local secret = ("%s"):rep(1) .. "%s"
      local box = assert(tidelock.spec { tidelock.fs.bind { "%s", "/attack" },
        capabilities = { add = { "ALL" } }, force = true, seccomp = "none" }:start())
      %s
      io.write(attack:wait():assert().stdout)
      assert(#secret > 20)]]):format(A, B, attack[1], words))
    assert.same({ 0, "" }, { result.status, result.stderr })
    local looks, mappings = result.stdout:match "looks (%d+) mappings (%d+)"
    assert(tonumber(looks) > 5, result.stdout)
    return result.stdout, tonumber(mappings)
  end

  local SPAWN = [[local attack = assert(box:spawn { "/attack/attack", "memory", "%s", "%s", "700",
    stdout = "capture" })
  ]]

  it("is in nothing that exec and read put into a box", function()
    local printed, mappings = attacked(SPAWN:format(A, B) .. [[
      while attack:alive() do
        box:exec { "true" }:assert()
        assert(box:read "/etc/passwd")
        attack:wait(0)
      end]])
    assert.is_nil(printed:match "found[^\n]*")
    assert(mappings > 20, "hardly any memory was read: " .. printed)
  end)

  it("is found where it is: the attack works", function()
    -- A process of the box that was given the secret.
    local printed = attacked([[
      local victim = assert(box:spawn { "sh", "-c", "x=$(cat); echo ready; sleep 20; : $x",
        stdin = "pipe", stdout = "pipe" })
      victim.stdin:write(secret)
      victim.stdin:close()
      victim.stdout:read()
      ]] .. SPAWN:format(A, B))
    assert.matches("found it in process", printed, 1, true)
  end)

  for _, way in ipairs(ways.list()) do
    it("is not in PID 1 nor anything else of " .. way.name, function()
      local secret = folder .. "/secret-" .. way.name .. ".lua"
      run.write(secret, ("SECRET = %q .. %q"):format(A, B))
      local result = way.run({ "/attack/attack", "memory", A, B, "50" }, { folder = folder,
        binds = { attack }, caps = { "SYS_PTRACE" }, unfiltered = true },
        { env = { TIDELOCK_SECRET = A .. B } })
      assert.equal(0, result.status, result.stderr)
      assert.is_nil(result.stdout:match "found[^\n]*")
      -- PID 1 of a run is init, which may be read; that of a bundle is the attack itself.
      if way.name ~= "bundle" then
        assert(tonumber(result.stdout:match "mappings (%d+)") > 5, result.stdout)
      end
    end)
  end
end)
