-- Reports and phases with times made up, as trace events.
local json = require "tidelock.json"
local timeline = require "tidelock.timeline"
local trace = require "spec.support.timeline"

local function op(name, lane, start, stop, more)
  local t = { op = name, lane = lane, stage = "mounts", at = "default", story = name .. " it",
    start = start, stop = stop }
  for key, value in pairs(more or {}) do t[key] = value end
  return t
end

-- All in microseconds.
local function report(operations, moments, more)
  for _, o in ipairs(operations) do
    for _, name in ipairs { "start", "stop", "met_start", "met_stop" } do
      o[name] = o[name] and o[name] / 1e6
    end
  end
  local scaled = { began = 1000 }
  for name, value in pairs(moments or {}) do scaled[name] = value / 1e6 end
  local t = { reason = "exit", code = 0, usage = {}, operations = operations, moments = scaled }
  for key, value in pairs(more or {}) do t[key] = value end
  return t
end

local function span(name, start, stop, track)
  return { name = name, start = 1000 + start / 1e6, stop = 1000 + stop / 1e6, track = track }
end

local function lines(document)
  local events, tracks = trace.events(document)
  local list = {}
  for i, e in ipairs(events) do
    list[i] = ("%s: %s %g+%g"):format(tracks[e.tid], e.name, e.ts, e.dur)
  end
  return list
end

describe("a timeline", function()
  it("has every operation in its lane, and what is between them", function()
    local document = timeline.of(report({
      op("open_tree", "host", 10, 20), op("barrier", "child", 60, 70,
        { met_start = 30, met_stop = 65 }),
      op("fork", "child", 70, 80), op("link_up", "beside", 82, 90), op("exec", "child", 100, 100),
    }, { clone = 5, born = 25, init = 40, ready = 50, reaped = 300, told = 320 }))
    assert.same({
      "init: clone3: make the namespaces 0+20", "launcher: open_tree 5+10",
      "init: execute init 20+15", "launcher: barrier 25+35", "init: wait for the plan 35+10",
      "init: leave the host 45+10", "init: barrier 55+10", "init: fork 65+10",
      "PID 1: link_up 77+8", "PID 1: wait for the workload 85+210", "init: exec 95+0",
      "workload: the command 95+200", "PID 1: end the rest and tell 295+20",
    }, lines(document))
    assert.same({ story = "open_tree it", at = "default", stage = "mounts", index = 1,
      lane = "host" }, trace.events(document)[2].args)
  end)

  it("leaves out what was not carried out", function()
    local document = timeline.of(report({
      op("mkdir", "child", 10, 20), op("mount", "child", 20, 25), op("exec", "child", 0, 0),
    }, {}, { reason = "setup", code = 125, error = { index = 2, code = "EPERM" } }))
    assert.same({ "init: mkdir 0+10", "init: mount 10+5" }, lines(document))
    assert.equal("EPERM", trace.events(document)[2].args.error)
    assert.equal("setup", document.otherData.reason)
  end)

  it("ends the workload where nobody reaped it when the supervisor saw it", function()
    local document = timeline.of(report({ op("exec", "child", 10, 10) }, {},
      { usage = { wall = 50e-6 } }))
    assert.same({ "init: exec 0+0", "workload: the command 0+40" }, lines(document))
  end)

  it("has the phases, each inside of the one around it", function()
    local document = timeline.of(nil, { span("a", 0, 100), span("b", 0, 40), span("c", 40, 100),
      span("wait", 100, 150, "supervisor") })
    assert.same({ "command line: a 0+100", "command line: b 0+40", "command line: c 40+60",
      "supervisor: wait 100+50" }, lines(document))
    assert.same({ "command line" }, { (select(2, trace.events(document)))[1] })
  end)

  it("keeps the order of operations that took no time", function()
    local names = {}
    for i, line in ipairs(lines(timeline.of(report({
      op("umask", "child", 10, 10), op("chdir", "child", 10, 10), op("setsid", "child", 10, 12),
    })))) do names[i] = line:match(": (%l+)") end
    assert.same({ "umask", "chdir", "setsid" }, names)
  end)

  it("nests whatever times a box wrote into its page", function()
    math.randomseed(7)
    for _ = 1, 200 do
      local operations = {}
      for i = 1, 30 do
        local start = math.random(1, 200)
        operations[i] = op("mount", i % 3 == 0 and "beside" or "child", start,
          start + math.random(0, 100))
      end
      trace.events(timeline.of(report(operations, { born = 150, init = 20, reaped = 3 })))
    end
  end)

  it("says what part of the time its events explain", function()
    local events = { { ph = "M", name = "x" } }
    for _, e in ipairs { { "a", 10, 30 }, { "b", 15, 5 }, { "wait for it", 40, 5 }, { "c", 50, 50 },
      { "d", 90, 20 } } do
      events[#events + 1] = { ph = "X", name = e[1], ts = e[2], dur = e[3] }
    end
    assert.same({ 0.95, 100, 0.9 }, { timeline.explained(events) })
    assert.same({ 1, 0, 1 }, { timeline.explained {} })
  end)

  it("is JSON, whatever the names are", function()
    local hostile = "a\"\\\n\1\127\255\226\128\174</script>"
    local document = timeline.of(report { op(hostile, "child", 1, 2, { story = hostile,
      at = hostile }) }, nil, { command = { hostile } })
    local text = json.encode(document)
    local back = require("cjson").decode(text)
    trace.events(back)
    assert.is_nil(text:find("[%z\1-\31\127\255]"))
    assert.matches('^a"\\\n\1\127', back.otherData.command[1])
  end)
end)

describe("the phases of a command line", function()
  it("are taken from the start of the program on, with errors between them", function()
    -- In a Lua of its own: it wraps require.
    local run = require "spec.support.run"
    local box = require "spec.support.box"
    local result = run.run({ "luajit", "-e", [[
      local trace = require "tidelock.timeline.trace"
      local now = require("tidelock.core").process.clock()
      trace.begin(now - 4, now - 3, now - 2, now - 1)
      trace.begin(0, 0, 0, 0)
      local outer = trace.enter "outer"
      trace.enter("inner", "supervisor")
      print(trace.leave(outer, "one", "two"))
      print(pcall(require, "tidelock.nosuch"))
      print(pcall(require, "nosuch") and 1 or type(require "tidelock.options"))
      for _, span in ipairs(trace.spans()) do
        assert(span.stop >= span.start)
        print(span.name, span.track)
      end]] }, { env = box.library() })
    assert.equal("", result.stderr)
    local list = {}
    for line in result.stdout:gmatch("[^\n]+") do
      if not line:find("^%s") then list[#list + 1] = line end
    end
    assert.equal("one\ttwo", list[1])
    assert.matches("^false\t.*module 'tidelock.nosuch' not found", list[2])
    assert.same({ "table", "guess the namespaces\tnil", "start the program\tnil",
      "start Lua\tnil", "load timeline.trace\tnil", "outer\tnil",
      "inner\tsupervisor", "load nosuch\tnil", "load options\tnil" }, { unpack(list, 3) })
  end)
end)
