-- What `tidelock run` exits with.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("the exit status of tidelock run", function()
  local folder

  setup(function()
    folder = run.folder()
    run.write(folder .. "/plain", "no program\n")
    run.write(folder .. "/text", "no program either\n")
    run.write(folder .. "/lost", "#!/nonexistent/interpreter\n")
    os.execute(("chmod 755 %s/text %s/lost; mkdir %s/dir"):format(folder, folder, folder))
  end)
  teardown(function() run.remove(folder) end)

  local function status(command, options)
    local result = box.run(command, options, { cwd = folder })
    return result.status, result.stderr
  end

  it("is the workload's own", function()
    for _, code in ipairs { 0, 1, 2, 42, 124, 125, 126, 127, 128, 255 } do
      for _, options in ipairs { {}, { "--no-init" } } do
        local report, result = box.report({ "sh", "-c", "exit " .. code }, options)
        assert.equal(code, result.status)
        assert.same({ "exit", code }, { report.reason, report.status })
        assert.equal(code == 0, report.ok)
      end
    end
  end)

  it("is 128 and the signal that killed it", function()
    for name, number in pairs { HUP = 1, KILL = 9, SEGV = 11, TERM = 15, ABRT = 6 } do
      local report, result = box.report { "sh", "-c", "kill -" .. name .. " $$" }
      assert.equal(128 + number, result.status)
      assert.same({ "signal", name }, { report.reason, report.signal })
      assert.matches("killed by SIG" .. name, result.stderr)
    end
  end)

  it("is 127 for a command that is not there", function()
    local code, text = status { "no-such-command" }
    assert.equal(127, code)
    assert.matches("^tidelock: no%-such%-command: not found\n", text)
    assert.equal(127, (status { "./nothing" }))
    assert.equal(127, (status { "/etc/passwd/nothing" }))
  end)

  it("is 127 and says why for a command that only the host has", function()
    local other = run.folder()
    os.execute(("cp /bin/true %s/own-tool"):format(other))
    local code, text = status { other .. "/own-tool" }
    assert.equal(127, code)
    assert.matches("not visible inside: %-%-ro " .. other:gsub("%p", "%%%0") .. "/own%-tool", text)
    run.remove(other)
  end)

  it("is 126 for one that is there and cannot be executed", function()
    for _, command in ipairs { "./plain", "./dir", "/", "./text" } do
      local code, text = status { command }
      assert.equal(126, code, command .. ": " .. text)
    end
  end)

  it("is 127 for a script whose interpreter is not there", function()
    assert.equal(127, (status { "./lost" }))
  end)

  it("is 125 for what tidelock itself refuses", function()
    for _, options in ipairs {
      { "--no-such-option" }, { "--ro", "/nonexistent" }, { "--cap-add", "FLY" },
      { "-C", "/nowhere" },
    } do
      local code, text = status({ "true" }, options)
      assert.equal(125, code, options[1])
      assert.matches("^tidelock: ", text)
    end
    assert.equal(125, run.tl({ "run" }).status)
    assert.equal(125, run.tl({ "no-such-verb" }).status)
  end)

  it("goes on past a folder of PATH where the command may not be executed", function()
    os.execute(("cp %s/plain %s/true"):format(folder, folder))
    assert.equal(0, (status({ "true" }, { "-e", "PATH=" .. folder .. ":/usr/bin" })))
    assert.equal(126, (status({ "plain" }, { "-e", "PATH=" .. folder .. ":/usr/bin" })))
  end)

  it("is 159 for a system call that a filter kills for", function()
    local path = os.tmpname()
    run.write(path, "\32\0\0\0\0\0\0\0" .. "\21\0\0\1\63\0\0\0" .. "\6\0\0\0\0\0\0\128"
      .. "\6\0\0\0\0\0\255\127")
    local report, result = box.report({ "uname" }, { "--seccomp", path })
    assert.equal(128 + 31, result.status)
    assert.same({ "seccomp", "SYS" }, { report.reason, report.signal })
    os.remove(path)
  end)
end)
