-- Hooks and operations of one's own: each stage, the order of undo, what a failure leaves.
local box = require "spec.support.box"
local run = require "spec.support.run"

-- a..e, one for each stage in which Lua runs, two in `created`; each is logged, and its undo.
local head = [[
  local log = {}
  local function hook(name, at)
    return tidelock.hook { at = at, name = name,
      function(state)
        log[#log + 1] = ("%s:%s:%s"):format(name, state.stage, state.pid and "pid" or "-")
      end,
      undo = function() log[#log + 1] = "-" .. name end }
  end
  local function show() print(table.concat(log, " ")) log = {} end
  local spec = tidelock.spec { hook("a", "prepare"), hook("b", "created"), hook("c", "started"),
    hook("d", "stopped"), hook("e", "created") }
]]

local BEGUN, ENDED = "a:prepare:- b:created:pid e:created:pid c:started:pid",
  "d:stopped:- -e -d -c -b -a"

local function both(text) return box.both(head .. text) end

describe("hooks", function()
  it("are called at their stages and undone in reverse, around a run and around a box", function()
    assert.equal(("%s %s\n%s\n\n%s\n"):format(BEGUN, ENDED, BEGUN, ENDED), box.both(head .. [[
      spec:run { "true" }
      show()
      local box = assert(spec:start())
      show()
      box:exec { "true" }
      show()
      box:stop()
      box:stop()
      show()]], nil, true))
  end)

  it("that fail stop the start, and those before it are undone", function()
    for _, failing in ipairs { [[error "not today"]], [[return nil, "not today"]] } do
      assert.equal("nil\ttrue\ttrue\na:prepare:- b:created:pid e:created:pid -e -b -a\n", both(([[
        local box, err = tidelock.spec { spec,
          tidelock.hook { function() %s end, at = "created", name = "bad" }, hook("f", "created")
        }:start()
        print(box, tostring(err):find("not today", 1, true) ~= nil,
          tostring(err):find("script.lua:14", 1, true) ~= nil)
        show()]]):format(failing)))
    end
  end)

  it("are undone when set-up fails after them", function()
    local result = both [[
      print(tidelock.spec { spec, tidelock.op.sysctl { "net.none", "1", at = "root" } }
        :run { "true" }.reason)
      show()
      print(tidelock.spec { spec, tidelock.op.sysctl { "net.none", "1", at = "root" } }:start())
      show()]]
    assert.matches("^setup\n" .. (BEGUN .. " " .. ENDED):gsub("%-", "%%-") .. "\nnil\t", result)
    assert.matches("\na:prepare:%- b:created:pid e:created:pid %-e %-b %-a\n$", result)
  end)

  it("that fail once the box is there are a note, and the rest is done", function()
    assert.equal(("true\n%s\n"):format("the hook x at started failed: late"), both [[
      local report = tidelock.spec { spec,
        tidelock.hook { function() return nil, "late" end, at = "started", name = "x" } }
        :run { "true" }
      print(report.ok)
      for _, note in ipairs(report.notes) do print(note.text) end]])
  end)

  it("have a pid that is the box's, while it waits", function()
    assert.equal("true\ttrue\n", both [[
      local seen
      local box = assert(tidelock.spec { tidelock.hook { at = "created",
        function(state) seen = { state.pid, io.open("/proc/" .. state.pid .. "/stat") ~= nil } end,
      } }:start())
      print(seen[1] == box:pid(), seen[2])]])
  end)

  it("refuse other stages and what is no function", function()
    local text = both [[
      print((tostring(select(2, pcall(tidelock.hook, { function() end, at = "root" })))))
      print((tostring(select(2, pcall(tidelock.hook, { "echo", at = "created" })))))
      print((tostring(select(2, pcall(tidelock.hook, { function() end, at = "strated" })))))]]
    assert.matches("no Lua runs in the child", text, 1, true)
    assert.matches('did you mean "started"?', text, 1, true)
  end)
end)

describe("operations of one's own", function()
  it("are carried out in the child, in run and for a box", function()
    assert.equal("1 mine 77 66\n1 mine 77 66\ntrue\n", both [[
      local spec = tidelock.spec {
        tidelock.op.sysctl { "net.ipv4.ip_forward", "1", at = "root" },
        tidelock.op.sethostname { "mine", at = "mounts" },
        tidelock.op.umask { 6 * 8 + 6, at = "confine" },
        tidelock.op.rlimit { resource = 7, soft = 77, hard = 77, at = "confine" },
      }
      local words = { "sh", "-c",
        "echo $(cat /proc/sys/net/ipv4/ip_forward) $(hostname) $(ulimit -n) $(umask | tail -c 3)" }
      spec:run(words)
      local box = assert(spec:start())
      box:exec(words)
      box:write("/tmp/file", "x")
      print(box:exec { "true" }.ok)]])
  end)

  it("of the stage confine belong to the box once, those of a process to each", function()
    assert.equal("made 77\nmade 77\n", both [[
      local box = assert(tidelock.spec {
        tidelock.op.mkdir { "/tmp/made", tonumber("755", 8), at = "confine" },
        tidelock.op.umask { tonumber("77", 8), at = "confine" },
      }:start())
      for _ = 1, 2 do
        box:exec { "sh", "-c", "echo $(cd /tmp; ls -d made) $(umask | tail -c 3)" }
      end]])
  end)

  it("that fail are told with their line", function()
    assert.matches("^set net.none to 1: ENOENT .-\n  asked for at script.lua:13\n", both [[
      print(tidelock.spec { tidelock.op.sysctl { "net.none", "1", at = "root" } }
        :run { "true" }:why())]])
  end)

  it("refuse unknown names, stages and fields", function()
    local text = both [[
      local function why(f, ...) print((tostring(select(2, pcall(f, ...))))) end
      why(function() tidelock.op.syctl { "a", "b", at = "root" } end)
      why(tidelock.op.sysctl, { "a", at = "root" })
      why(tidelock.op.sysctl, { "a", "b", at = "created" })
      why(tidelock.op.sysctl, { "a", "b", at = "root", nonsense = 1 })]]
    assert.matches('did you mean "sysctl"?', text, 1, true)
    assert.matches("op.sysctl.value: is missing", text, 1, true)
    assert.matches("nonsense", text, 1, true)
  end)

  it("and hooks are shown by explain, each with its line", function()
    local folder = run.folder()
    run.write(folder .. "/ci.lua", [[
local tidelock = require "tidelock"
return tidelock.spec {
  tidelock.op.sysctl { "net.ipv4.ip_forward", "1", at = "root" },
  tidelock.op.umask { 63, at = "confine" },
  tidelock.op.sethostname { name = "mine", at = "mounts" },
  tidelock.hook { function() end, at = "created", name = "address" },
  tidelock.hook { function() end, at = "prepare" },
  tidelock.hook { function() end, at = "started", name = "tell" },
  tidelock.hook { function() end, at = "stopped", name = "sweep" },
}
]])
    local result = run.tl({ "explain", "ci.lua", "--", "true" }, { cwd = folder })
    run.remove(folder)
    local shown = {}
    for line in result.stdout:gmatch("[^\n]+") do
      local text = line:match("^[%d ]+(.* %(ci%.lua:%d+%))$")
      if text then shown[#shown + 1] = text end
    end
    assert.same({
      "host    prepare  call the Lua function hook 2  (ci.lua:7)",
      "parent  created  call the Lua function address  (ci.lua:6)",
      "child   mounts   set the host name to mine  (ci.lua:5)",
      "child   root     set net.ipv4.ip_forward to 1  (ci.lua:3)",
      "child   confine  set the umask to 0077  (ci.lua:4)",
      "host    started  call the Lua function tell  (ci.lua:8)",
      "host    stopped  call the Lua function sweep  (ci.lua:9)",
    }, shown)
  end)
end)
