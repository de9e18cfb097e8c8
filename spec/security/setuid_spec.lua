-- CVE-2026-41163 (bubblewrap): a sandbox that is installed setuid is ptraced, or told what to do,
-- by whoever starts it. tidelock is never that: it refuses where its ids differ, or where the
-- program file has capabilities, before it knows whether it is to run, to exec by a script, or a
-- bundle.
local run = require "spec.support.run"

describe("tidelock with more rights than its caller", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  local function copy(of, change)
    local path = folder .. "/" .. change:match "^%a+"
    assert.equal(0, run.run(("cp %s %s && %s %s"):format(run.quote(of), path, change, path)).status)
    return path
  end

  local function as_user(words)
    return run.run({ "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
      unpack(words) }, { cwd = "/usr" })
  end

  local CHANGES = { "chmod 4755", "chmod 2755", "chmod 6755", "setcap cap_sys_admin+ep",
    "setcap cap_dac_override,cap_setuid+p" }

  for _, change in ipairs(CHANGES) do
    it("refuses to run after " .. change, function()
      if run.who() ~= "root" then run.skip "needs root" end
      local tidelock = copy(run.tidelock, change)
      run.write(folder .. "/script.lua", "print(io.open('/etc/shadow'))\n")
      for _, words in ipairs { { "run", "--", "echo", "ran" }, { folder .. "/script.lua" },
        { "--version" } } do
        local result = as_user { tidelock, unpack(words) }
        assert.equal("tidelock: refuses to run setuid, setgid or with file capabilities\n",
          result.stderr)
        assert.same({ 125, "" }, { result.status, result.stdout })
      end
    end)

    it("would have had another's rights after " .. change, function()
      if run.who() ~= "root" then run.skip "needs root" end
      local cat = copy("/bin/cat", change)
      local words = { cat, "/proc/self/status" }
      local status = as_user(words).stdout
      local more = status:match "CapPrm:%s*(%x+)" ~= ("0"):rep(16)
        or status:match "Uid:%s*%d+%s+(%d+)" ~= "65534"
        or status:match "Gid:%s*%d+%s+(%d+)" ~= "65534"
      assert.is_true(more, status)
    end)
  end

  it("runs as the user who calls it, also with ambient capabilities", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local tidelock = copy(run.tidelock, "chmod 755")
    local result = run.run({ "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
      "--inh-caps", "+chown", "--ambient-caps", "+chown", tidelock, "run", "--", "echo", "ran" },
      { cwd = "/usr" })
    assert.same({ 0, "ran\n" }, { result.status, result.stdout }, result.stderr)
  end)

  it("is not installed setuid", function()
    for line in io.lines "Makefile" do
      assert.is_nil(line:match "install.*%-m%s*[2467]%d%d%d")
      assert.is_nil(line:match "setcap")
    end
  end)
end)
