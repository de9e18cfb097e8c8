-- CVE-2017-5226 (bubblewrap): what runs inside types into the terminal of its caller (TIOCSTI), who
-- then runs it as a command outside. A box has the caller's terminal as its streams unless it gets
-- one of its own; the filter refuses the calls, and without the filter the session of its own does.
local run = require "spec.support.run"
local terminal = require "spec.support.terminal"
local ways = require "spec.support.ways"

describe("what is typed from inside (TIOCSTI)", function()
  local folder, attack, t

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
  end)
  teardown(function() run.remove(folder) end)
  after_each(function()
    if t then t:close() end
    t = nil
  end)

  -- Runs the words, then reads what a shell would read next: a line, or nothing within 0.2 s.
  local function typed(words)
    local quoted = {}
    for i, word in ipairs(words) do quoted[i] = run.quote(word) end
    t = terminal.start({ "bash", "-c", table.concat(quoted, " ") .. [[; echo "ended $?"
      if read -r -t 0.2 line; then echo "read <$line>"; else echo "read nothing"; fi]] },
      { cwd = folder })
    t:expect "tried 24"
    t:expect "ended 0"
    local read = t:expect "read ([^\r]+)"
    t:wait()
    return read
  end

  it("reaches the caller where nothing is between: the attack works", function()
    if run.read "/proc/sys/dev/tty/legacy_tiocsti" ~= "1\n" then
      run.skip "needs a kernel with TIOCSTI"
    end
    assert.matches("^<owned%-outside", typed { folder .. "/tools/attack", "type",
      "owned-outside\n" })
  end)

  for _, way in ipairs(ways.list()) do
    for _, unfiltered in ipairs { false, true } do
      it(("does not reach the caller's terminal from %s, %s"):format(way.name,
        unfiltered and "without a filter" or "by default"), function()
        assert.equal("nothing", typed(way.words({ "/attack/attack", "type", "owned-outside\n" },
          { folder = folder, binds = { attack }, unfiltered = unfiltered })))
        assert.is_nil(t.screen:find("pushed [1-9]"))
      end)
    end
  end

  it("does not reach the caller from a box with a terminal of its own", function()
    local words = ways.list()[1].words({ "/attack/attack", "type", "owned-outside\n" },
      { folder = folder, binds = { attack }, unfiltered = true, tty = true })
    assert.equal("nothing", typed(words))
  end)
end)
