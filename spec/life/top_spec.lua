-- tidelock top: on a terminal, and where there is none.
local run = require "spec.support.run"
local running = require "spec.support.running"
local terminal = require "spec.support.terminal"

local ENTER, LEAVE = "\27%[%?1049h\27%[%?25l\27%[%?7l", "\27%[%?7h\27%[%?25h\27%[%?1049l"

describe("tidelock top", function()
  local started, t

  setup(function() started = running.start({ "--timeout", "2m" }, "sleep 100; : watched") end)
  teardown(function()
    started:close()
    run.tl { "doctor", "--repair" }
  end)
  after_each(function()
    if t then t:close() end
    t = nil
  end)

  local function top(words, options)
    -- What the caller of the specs ignores (nohup) would be ignored by top, too.
    local all = { "env", "--default-signal=HUP,INT,QUIT,TERM", run.tidelock, "top" }
    for _, word in ipairs(words or {}) do all[#all + 1] = word end
    t = terminal.start(all, options or { columns = 150 })
    return t
  end

  -- The last frame that is on the screen as a whole: its lines as they are shown.
  local function frame()
    local last
    for text in t.screen:gmatch("\27%[H(.-)\27%[J") do last = text end
    local lines = {}
    for line in ((last or "") .. "\r\n"):gmatch("(.-)\27%[K\r\n") do lines[#lines + 1] = line end
    return lines
  end

  local function restored(status)
    t:expect(LEAVE)
    assert.equal(status, t:wait())
    assert.equal(t.before, t:modes())
    assert.is_nil(t.screen:match(LEAVE .. "(.+)"))
  end

  it("draws on a screen of its own, again and again, until q", function()
    top { "-d", "200ms" }
    t:expect(ENTER)
    t:eventually(function() return t:is_raw() end, "raw")
    for _ = 1, 3 do t:expect("\27%[H[^\27]*tidelock top: ") end
    t:expect "watched"
    -- Overwritten line by line, and nothing is cleared before it is.
    assert.is_nil(t.screen:find("\27%[2J"))
    t:send "q"
    restored(0)
  end)

  it("ends by Ctrl-C, and by signals, with the terminal as it was", function()
    top()
    t:expect "watched"
    t:send "\3"
    restored(0)
    for number, status in pairs { [2] = 130, [15] = 143, [1] = 129, [3] = 131 } do
      t:close()
      top()
      t:expect "watched"
      t:kill(number)
      restored(status)
    end
  end)

  it("gives the modes back when it is killed", function()
    top()
    t:expect "watched"
    t:kill(9)
    t:eventually(function() return t:modes() == t.before end, "restored", 2)
    assert.equal(137, t:wait())
  end)

  it("fits the window, and looks anew when that changes or a key is pressed", function()
    top({ "-d", "1h" }, { rows = 6, columns = 60 })
    t:expect "\27%[J"
    local lines = frame()
    assert(#lines >= 4 and #lines <= 6, #lines)
    for _, line in ipairs(lines) do assert(#line <= 60, line) end
    t:resize(40, 30)
    t:expect "\27%[J"
    for _, line in ipairs(frame()) do assert(#line <= 30, line) end
    t:send "x"
    t:expect "\27%[J"
    t:send "\27[A"
    t:expect "\27%[J"
    t:send "q"
    restored(0)
  end)

  local function shell()
    t = terminal.start({ "bash", "--norc", "-i" },
      { columns = 150, env = { PS1 = "outer> ", TERM = "dumb" } })
    t:expect "outer> $"
  end

  it("stops by Ctrl-Z with the terminal as it was, and comes back by fg", function()
    shell()
    t:send(run.quote(run.tidelock) .. " top -d 200ms\r")
    t:expect "watched"
    for _ = 1, 2 do
      t:send "\26"
      t:expect(LEAVE)
      t:expect "Stopped"
      t:expect "outer> $"
      t:send "stty -a | grep -o ' icanon'; echo out''side\r"
      t:expect " icanon\r\noutside"
      t:send "fg\r"
      t:expect(ENTER)
      t:expect "watched"
      t:eventually(function() return t:is_raw() end, "raw")
    end
    t:send "q"
    t:expect(LEAVE)
    t:expect "outer> $"
    t:send "exit\r"
    assert.equal(0, t:wait())
  end)

  it("leaves the terminal alone in the background, and takes it at fg", function()
    shell()
    t:send(run.quote(run.tidelock) .. " top -d 100ms &\r")
    t:expect "outer> $"
    t:send "sleep 0.5; echo mi''ne\r"
    t:expect "mine\r\n"
    assert.is_nil(t.screen:find(ENTER))
    t:send "fg\r"
    t:expect(ENTER)
    t:expect "watched"
    t:send "q"
    t:expect "outer> $"
    t:send "exit\r"
    assert.equal(0, t:wait())
  end)

  it("ends with the boxes that it was asked for", function()
    local other = running.start({}, "sleep 100; : other")
    top { "-d", "100ms", other.id }
    t:expect ": other"
    assert.is_nil(t.screen:find "watched")
    other:close()
    restored(0)
    run.tl { "doctor", "--repair" }
  end)

  it("prints one look below the other where its output is no terminal", function()
    local result = run.tl { "top", "-n", "3", "-d", "100ms", started.id }
    assert.same({ 0, "" }, { result.status, result.stderr })
    assert.is_nil(result.stdout:find("\27", 1, true))
    local _, looks = result.stdout:gsub("tidelock top: 1 sandbox, ", "")
    assert.equal(3, looks)
    assert.matches("\n" .. started.id .. " [^\n]* sh %-c 'sleep 100; : watched'\n", result.stdout)
    local began = run.run { "sh", "-c", [["$0" top -d 1h > out & p=$!
      until [ -s out ]; do sleep 0.02; done; kill $p; wait $p; echo $?; rm out]], run.tidelock }
    assert.equal("143\n", began.stdout)
  end)

  it("ends quietly when nobody reads it any more", function()
    local result = run.run(run.quote(run.tidelock) .. " top -d 100ms | head -1")
    assert.matches("^tidelock top: ", result.stdout)
    assert.same({ false, "" }, { result.timed_out, result.stderr })
  end)
end)
