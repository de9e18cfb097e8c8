-- The supervisor killed with -9 at its own calls, from the first that leaves anything: what is left
-- then is found and removed by doctor --repair, and nothing but that. TIDELOCK_FULL=1 takes every
-- call.
local cjson = require "cjson"
local inject = require "spec.support.inject"
local leaks = require "spec.support.leaks"
local oci = require "spec.support.bundle"
local run = require "spec.support.run"
local running = require "spec.support.running"

local full = os.getenv "TIDELOCK_FULL" == "1"

local function needs_v1()
  if run.who() ~= "root" then run.skip "needs root" end
  if not run.read("/proc/self/cgroup"):find(":pids:", 1, true) then
    run.skip "needs cgroup v1 controllers"
  end
end

-- The supervisor's calls from the first record on, and the last few before.
local function calls(job)
  local list, first = {}, nil
  for _, call in ipairs(inject.list(job)) do
    if call.role == inject.supervisor then
      list[#list + 1] = call
      first = first or call.name:find "^rename" and math.max(1, #list - 8) or nil
    end
  end
  assert(first, "there is no record")
  local from = {}
  for i = first, #list do from[#from + 1] = list[i] end
  return from
end

-- The cgroups of boxes whose supervisor is gone.
local function abandoned()
  local list = {}
  for path in run.run("find /sys/fs/cgroup -type d -path '*/tidelock/*-*'").stdout
    :gmatch "[^\n]+" do
    if not run.read("/proc/" .. path:match "([^/-]*)[^/]*$" .. "/stat") then list[path] = true end
  end
  return list
end

-- What is left, and stays: other people's boxes on the same machine come and go.
local function stays(left)
  for _ = 1, 40 do
    if left() == "" then return "" end
    os.execute "sleep 0.05"
  end
  return left()
end

-- Kills at every `step`-th call; says what is left after a repair.
local function kill_at(job, step, left)
  local wrong, removed, tried = {}, 0, 0
  for i, call in ipairs(calls(job)) do
    if full or i % step == 0 then
      tried = tried + 1
      inject.kill(call, job)
      local result = run.tl { "doctor", "--repair", "--json" }
      local data = cjson.decode(result.stdout)
      removed = removed + #data.removed
      local still = stays(left)
      if result.status ~= 0 or not data.clean or still ~= "" then
        wrong[#wrong + 1] = ("%s #%d: %s%s"):format(call.name, call.occurrence, result.stdout,
          still)
        run.tl { "doctor", "--repair" }
      end
    end
  end
  print(("%d calls tried, %d things removed"):format(tried, removed))
  assert.same({}, wrong)
  assert(tried >= 8 and removed > 0, tried)
end

describe("doctor --repair after kill -9 of the supervisor", function()
  local before, other
  setup(function() other = running.start({}, "sleep 1000") end)
  teardown(function()
    other:close()
    run.tl { "doctor", "--repair" }
  end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function()
    leaks.verify(before, 3)
    -- Whoever lives is left alone.
    assert.is_table(other:item())
  end)

  local function records()
    local names = {}
    for line in run.run("ls ${XDG_RUNTIME_DIR:-/run}/tidelock/boxes").stdout:gmatch "[^\n]+" do
      if line ~= other.name .. ".json" then names[#names + 1] = line end
    end
    return table.concat(names, " ")
  end

  it("leaves no record of a plain box", function()
    -- A box is on record when it has lived for a moment.
    kill_at({ "run", "--", "sleep", "0.1" }, 2, function() return run.who() == "root" and records()
      or "" end)
  end)

  it("leaves neither cgroups nor records of a box with limits", function()
    needs_v1()
    local known = abandoned()
    kill_at({ "run", "-m", "64M", "--pids", "20", "--", "true" }, 4, function()
      local list = records()
      for path in pairs(abandoned()) do list = known[path] and list or list .. path end
      return list
    end)
  end)

  it("leaves none of a bundle with a path of its own", function()
    needs_v1()
    local folder = run.folder()
    local name = "tl-spec-" .. folder:match "%w+$"
    local bundle = oci.make(folder, { "true" }, function(config)
      config.linux.cgroupsPath = "/" .. name
      config.linux.resources = { pids = { limit = 100 } }
    end)
    kill_at({ "run", "--bundle", bundle }, 4, function()
      return run.run("find /sys/fs/cgroup -type d -name " .. name).stdout .. records()
    end)
    run.remove(folder)
  end)

  it("ends what lives in the cgroups, frozen and stopped and forking", function()
    needs_v1()
    local started = running.start({ "--pids", "64", "--no-init" },
      "setsid sh -c 'trap : HUP TERM; sleep 1000' & sh -c 'kill -STOP $$' & "
      .. "f() { f | f & }; f; while :; do :; done")
    os.execute "sleep 0.3"
    assert.equal(0, run.tl({ "pause", started.id }).status)
    os.execute(("kill -9 %d; sleep 0.2"):format(started.supervisor))
    -- On cgroup v1 what is frozen does not die.
    local cgroup = "/sys/fs/cgroup/pids/tidelock/" .. started.name
    assert(#(run.read(cgroup .. "/cgroup.procs") or "") > 0)
    local result = run.tl { "doctor", "--repair" }
    assert.same({ 0, "" }, { result.status, result.stderr })
    assert.matches("removed cgroup " .. cgroup .. "\n", result.stdout, 1, true)
    assert.matches("removed record [^\n]*" .. started.name:gsub("%-", "%%-") .. ".json\n",
      result.stdout)
    assert.is_nil(run.read(cgroup .. "/cgroup.procs"))
    started:close()
  end)
end)
