-- The one line that tells why a workload may have failed, from facts.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("the hint after a failure", function()
  local folder, other

  setup(function()
    folder, other = run.folder(), run.folder()
    run.write(other .. "/file", "x\n")
  end)
  teardown(function()
    run.remove(folder)
    run.remove(other)
  end)

  local function hint(command, options)
    local report, result = box.report(command, options, { cwd = folder })
    return report.hint, result.stderr, report
  end

  local connect = { "perl", "-MIO::Socket::INET", "-e",
    "IO::Socket::INET->new(PeerAddr => '192.0.2.1:80') or die" }

  it("says that the network is off when a packet had no route", function()
    local text, stderr = hint(connect)
    assert.matches("network is off", text)
    assert.matches("%-%-net host", text)
    assert.matches("tidelock: hint: the network is off", stderr)
  end)

  it("says nothing of the network when none was tried", function()
    assert.is_nil((hint { "false" }))
    assert.is_nil((hint { "sh", "-c", "echo network unreachable >&2; exit 1" }))
  end)

  it("names a path of the host's that the command names and the box has not", function()
    local text = hint { "cat", other .. "/file" }
    assert.matches("is the host's, and /tmp in the sandbox is its own", text)
    assert.matches("--ro " .. other .. "/file", text, 1, true)
    assert.is_nil((hint { "cat", other .. "/nowhere" }))
    assert.is_nil((hint({ "sh", "-c", "exit 1", other .. "/file" }, { "--ro", other })))
  end)

  it("says that a file would be on a read-only mount", function()
    local text = hint { "touch", "./made" }
    assert.matches("read%-only", text)
    assert.matches("--rw", text, 1, true)
    assert.is_nil((hint({ "sh", "-c", "exit 1", "./made" }, { "--rw", "." })))
  end)

  it("is silent when the command was good, and with -q", function()
    local text, stderr = hint { "sh", "-c", "cat " .. other .. "/file; touch x; true" }
    assert.is_nil(text)
    assert.not_matches("hint", stderr)
    text, stderr = hint({ "touch", "./made" }, { "-q" })
    assert.matches("read%-only", text)
    assert.not_matches("hint", stderr)
  end)
end)
