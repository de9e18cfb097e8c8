-- `tidelock run --timeline`: where the time of a run went.
local box = require "spec.support.box"
local cjson = require "cjson"
local process = require("tidelock.core").process
local run = require "spec.support.run"
local timeline = require "tidelock.timeline"
local trace = require "spec.support.timeline"

local folder, path

local function read()
  local text = assert(run.read(path), "no timeline was written")
  local document = cjson.decode(text)
  local events, tracks = trace.events(document)
  return events, tracks, document, text
end

local function record(command, options, settings)
  local all = { "--timeline", path }
  for _, word in ipairs(options or {}) do all[#all + 1] = word end
  local result = box.run(command, all, settings)
  local events, tracks, document, text = read()
  return { result = result, events = events, tracks = tracks, document = document, text = text }
end

local function named(events, name)
  local found
  for _, e in ipairs(events) do
    if e.name == name then
      assert(not found, "twice: " .. name)
      found = e
    end
  end
  return found
end

local LANES = { host = "launcher", parent = "launcher", child = "init", beside = "PID 1" }

-- What was carried out, by the lanes' own events: index -> event. Each once, in the plan's order.
local function carried_out(recorded, plan)
  local found, last = {}, {}
  for _, e in ipairs(recorded.events) do
    local index = e.args and e.args.index
    if index and e.args.lane == plan[index].lane then
      assert.is_nil(found[index], "twice: " .. index)
      assert.same({ plan[index].op, LANES[plan[index].lane], plan[index].stage },
        { e.name, recorded.tracks[e.tid], e.args.stage })
      assert((last[e.tid] or 0) < index, "out of order: " .. index)
      found[index], last[e.tid] = e, index
    end
  end
  return found
end

local function plan_of(words)
  local result = run.tl { "explain", "--json", unpack(words) }
  return cjson.decode(result.stdout).operations
end

-- The processor may be taken away between two events: the best of some tries counts.
local function best(bound, measure)
  local most = 0
  for _ = 1, 8 do
    most = math.max(most, measure())
    if most >= bound then return end
  end
  error(("%.3f of %.3f"):format(most, bound))
end

-- From the exec to the end of the process, with everything that the kernel does before and after.
local function seconds_outside()
  local from, to = process.pipe()
  local child = assert(process.child(function()
    to:write(("%.9f"):format(process.clock()))
    process.execve(run.tidelock, { run.tidelock, "run", "--timeline", path, "--", "sleep", "0.3" },
      { "PATH=/usr/bin:/bin" })
  end))
  to:close()
  local started = tonumber(from:read())
  from:close()
  local finish = assert(child:wait(20))
  local seconds = process.clock() - started
  assert.equal(0, finish.status)
  return seconds
end

describe("run --timeline", function()
  before_each(function()
    folder = run.folder()
    path = folder .. "/timeline.json"
  end)
  after_each(function() run.remove(folder) end)

  it("has every operation of the plan once, in its lane, in its order", function()
    local recorded = record { "true" }
    assert.equal(0, recorded.result.status, recorded.result.stderr)
    assert.equal("", recorded.result.stderr)
    local plan = plan_of { "--", "true" }
    local found = carried_out(recorded, plan)
    for index, op in ipairs(plan) do
      assert(found[index], ("%d %s is not there"):format(index, op.op))
    end
  end)

  it("has the phases, what is between the operations, and the workload", function()
    local events = record({ "sleep", "0.05" }).events
    for _, name in ipairs { "start the program", "start Lua", "parse", "take the clone",
      "normalise", "plan", "pack", "start", "clone3: make the namespaces", "execute init",
      "wait for the plan", "wait for the box", "end the rest and tell", "write the timeline" } do
      assert(named(events, name), name)
    end
    local command = named(events, "the command")
    assert(command.dur >= 50000 and command.dur < 10e6, command.dur)
    local wait = named(events, "wait for the box")
    assert(wait.dur >= 45000 and wait.ts + wait.dur >= command.ts + command.dur)
  end)

  it("explains 95% of the time", function()
    best(0.95, function()
      local recorded = record { "true" }
      local share, wall = timeline.explained(recorded.events)
      local about = recorded.document.otherData
      -- The writing comes after the sum was made.
      assert(about.worked > 0.3 and about.worked <= about.explained, about.worked)
      assert(about.wall_us > 0 and about.wall_us <= wall)
      assert(math.abs(about.explained * about.wall_us - share * wall) <= wall - about.wall_us + 1)
      return math.min(share, about.explained)
    end)
  end)

  -- The kernel's own exec and exit are outside: together 0.6 ms, and more on a busy machine.
  it("explains 95% of what is seen from outside of a run of a third of a second", function()
    best(0.95, function()
      local seconds = seconds_outside()
      local share, wall = timeline.explained((read()))
      assert(wall / 1e6 <= seconds)
      return share * wall / 1e6 / seconds
    end)
  end)

  it("tells of a set-up that failed, up to the fault", function()
    local recorded = record { "no-such-command" }
    assert.equal(127, recorded.result.status)
    local plan = plan_of { "--", "no-such-command" }
    local found = carried_out(recorded, plan)
    assert.same({ "exec", "ENOENT" }, { found[#plan].name, found[#plan].args.error })
    assert.equal(#plan, #found)
    assert.is_nil(named(recorded.events, "the command"))
    assert.same({ "setup", 127 },
      { recorded.document.otherData.reason, recorded.document.otherData.code })
  end)

  it("tells of a launch that failed", function()
    run.write(folder .. "/spec.lua", [[
      local tidelock = require "tidelock"
      return tidelock.spec { tidelock.hook {
        function() return nil, "on purpose" end, at = "created", name = "fails" } }]])
    local recorded = record({ "true" }, { folder .. "/spec.lua" })
    assert.equal(125, recorded.result.status)
    assert.matches("on purpose", recorded.result.stderr)
    assert.is_number(named(recorded.events, "hook").args.index)
    assert(named(recorded.events, "clone"))
    assert(named(recorded.events, "explain the fault"))
    assert.is_nil(named(recorded.events, "exec"))
  end)

  it("tells of a spec that cannot be had", function()
    local recorded = record({ "true" }, { "--bind", "/nosuch:/x" })
    assert.equal(125, recorded.result.status)
    assert(named(recorded.events, "normalise"))
    assert.equal("setup", recorded.document.otherData.reason)
  end)

  it("tells of a time limit, and of a command that is PID 1", function()
    for _, more in ipairs { {}, { "--no-init" } } do
      local recorded = record({ "sleep", "10" }, { "--timeout", "100ms", unpack(more) })
      assert.equal(124, recorded.result.status)
      assert.equal("timeout", recorded.document.otherData.reason)
      local command = named(recorded.events, "the command")
      assert(command.dur > 50000 and command.dur < 5e6, command.dur)
    end
  end)

  it("is JSON, whatever the command is called", function()
    local name = "a\"\\\n\27[31m\1\127\255\226\128\174"
    local recorded = record({ name })
    assert.equal(127, recorded.result.status)
    assert.is_nil(recorded.text:find("[%z\1-\9\11-\31\127\255]"))
    assert.matches('^a"\\\n\27', recorded.document.otherData.command[1])
  end)

  it("that cannot be written is an error, and nothing runs", function()
    for _, to in ipairs { "/nonexistent/t.json", "", "/proc/1/nosuch" } do
      local result = run.tl { "run", "--timeline", to, "--", "sh", "-c", "echo ran" }
      assert.same({ 125, "" }, { result.status, result.stdout })
      assert.matches("%-%-timeline", result.stderr)
    end
    local result = run.tl { "run", "--timeline" }
    assert.equal(125, result.status)
  end)

  it("is what report:timeline() gives in Lua", function()
    local printed = box.lines(([[
      local report = tidelock.run { "true" }
      local document = report:timeline()
      local file = io.open(%q, "w")
      file:write(require("tidelock.json").encode(document))
      file:close()
      print(report.ok)]]):format(path), { cwd = folder })
    assert.equal("true", printed[1])
    local events = read()
    assert(named(events, "exec"))
    assert(named(events, "the command"))
    assert.is_nil(named(events, "start"))
  end)

  it("writes nothing and looks at nothing without the option", function()
    local result = run.run(("%s run -- true & wait; ls %s"):format(run.quote(run.tidelock), folder))
    assert.equal("", result.stdout)
    -- A file of this name as a word of the command is none.
    result = run.run { run.tidelock, "run", "--", "echo", "--timeline", path }
    assert.equal("--timeline " .. path .. "\n", result.stdout)
    assert.is_nil(run.read(path))
  end)
end)
