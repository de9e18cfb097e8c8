-- CVE-2022-31214 (firejail): joining goes by a pid, and the attacker's process has that pid, in a
-- container of the attacker's making. A box is joined by the pidfd that its own start gave, and by
-- nothing that a process can be made to look like. Only exec joins: run and bundles make their own.
local run = require "spec.support.run"

-- In a pid namespace of its own, where the next pid can be chosen, as it can be by waiting
-- elsewhere.
local function in_namespace(text)
  local folder = run.folder()
  run.write(folder .. "/script.lua", text)
  local result = run.run({ "env", "-C", "/usr", ("HOME=%s"):format(folder), "unshare",
    run.who() == "root" and "-pfm" or "-Urpfm", "--mount-proc", run.tidelock,
    folder .. "/script.lua" }, { timeout = 30 })
  run.remove(folder)
  return result
end

-- take(pid): a process with this very pid, in namespaces of its own, if it is to be had.
local TOOLS = [[
local tidelock = require "tidelock"
local core = require "tidelock.core"
local function printed(command)
  local pipe = io.popen(command)
  local text = pipe:read "*a"
  pipe:close()
  return text
end
local function take(pid)
  local file = assert(io.open("/proc/sys/kernel/ns_last_pid", "w"))
  file:write(tostring(pid - 1))
  file:close()
  local fake = core.process.child(function()
    os.execute "mount --make-rprivate / && mount -t tmpfs fake /mnt && echo fake > /mnt/marker"
    os.execute "exec sleep 20"
  end, { "mount" })
  return fake, fake and fake:pid()
end
]]

describe("a process that got the pid of a box's PID 1", function()
  it("is not joined, while the box is still there nor after it was stopped", function()
    local result = in_namespace(TOOLS .. [[
      local box = assert(tidelock.spec {}:start())
      local pid = box:pid()
      box:exec { "true" }:assert()
      os.execute("kill -9 " .. pid)
      box:wait(5)
      -- It is not reaped before its box is stopped: nobody gets its pid.
      local fake, got = take(pid)
      print("taken early", got == pid)
      fake:kill(9)
      local report = box:exec { "cat", "/mnt/marker" }
      print(report.reason, report:why():match "the box [^\n]*" ~= nil)
      box:stop()
      for _ = 1, 50 do
        fake, got = take(pid)
        if got == pid then break end
        fake:kill(9)
      end
      print("taken", got == pid)
      for _ = 1, 3 do
        report = box:exec { "cat", "/mnt/marker" }
        print(report.reason, (report:why():match "the box [^\n]*"))
      end
      print(box:read "/mnt/marker")
      fake:kill(9)]])
    assert.same({ 0, "" }, { result.status, result.stderr }, result.stdout)
    assert.equal("taken early\tfalse\nsetup\ttrue\ntaken\ttrue\n"
      .. ("setup\tthe box was stopped\n"):rep(3), result.stdout:match "^(.*)nil[^\n]*\n$",
      result.stdout)
  end)

  it("is joined by who goes by the pid: the attack works", function()
    local result = in_namespace(TOOLS .. [[
      local box = assert(tidelock.spec {}:start())
      local pid = box:pid()
      box:stop()
      local fake, got
      for _ = 1, 50 do
        fake, got = take(pid)
        if got == pid then break end
        fake:kill(9)
      end
      assert(got == pid)
      for _ = 1, 200 do
        if io.open("/proc/" .. pid .. "/root/mnt/marker") then break end
        os.execute "sleep 0.02"
      end
      print(printed("nsenter -t " .. pid .. " -m cat /mnt/marker"))
      fake:kill(9)]])
    assert.matches("^fake\n", result.stdout, result.stderr)
  end)

  it("is nothing that the command line can name: there is no option that takes a pid", function()
    for _, verb in ipairs { "run", "explain" } do
      local help = run.tl { verb, "--help" }.stdout
      assert.matches("usage:", help, 1, true)
      assert.is_nil(help:lower():match "%f[%a]pid%f[%A] of")
      assert.is_nil(help:match "%-%-join")
    end
  end)
end)
