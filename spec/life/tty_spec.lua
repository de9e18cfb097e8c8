-- A box on a terminal of its own, driven from the terminal around it.
local box = require "spec.support.box"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"
local terminal = require "spec.support.terminal"

local KEY = { C = "\3", D = "\4", Z = "\26" }
local KILL, TERM, TSTP, HUP = 9, 15, 20, 1

describe("tidelock run -t", function()
  local t

  after_each(function()
    if t then t:close() end
    t = nil
  end)

  local function start(words, options)
    t = terminal.tidelock(words, options)
    return t
  end

  local function sh(script, options)
    local words = { "-t" }
    for _, word in ipairs(options or {}) do words[#words + 1] = word end
    for _, word in ipairs { "--", "sh", "-c", script } do words[#words + 1] = word end
    return start(words)
  end

  local function ends(status)
    assert.equal(status, t:wait(), t.screen)
    assert.equal(t.before, t:modes())
  end

  -- An interactive shell, and the prompt that shows that it listens.
  local function shell(command, options)
    options = options or {}
    options.env = { TERM = "dumb" }
    start({ "-t", "-e", "PS1=ready> ", "--", unpack(command) }, options)
    t:expect "ready> $"
  end

  -- Types a line, waits for what it prints, and for the prompt where one is to come.
  local function types(line, expected, prompt)
    t:send(line .. "\r")
    if expected then t:expect(expected) end
    if prompt then t:expect(prompt .. "$") end
  end

  it("is a terminal on all three streams, and the controlling one", function()
    sh [[tty; tty <&1; tty <&2; echo by name > /dev/tty; ps -o tty= -p $$; exit 7]]
    t:expect "/dev/pts/0\r\n/dev/pts/0\r\n/dev/pts/0\r\nby name\r\n%S*pts/0"
    ends(7)
  end)

  it("is the user's own", function()
    sh "test -O /dev/pts/0 -a -w /dev/pts/0 && echo mine > /dev/pts/0; stat -c %t:%T /dev/pts/0"
    t:expect "mine\r\n88:0"
    ends(0)
  end)

  it("is another user's own, too", function()
    if run.who() ~= "root" then run.skip "needs root" end
    sh("id -u; test -O /dev/pts/0 && echo mine > /dev/pts/0", { "--user", "4711" })
    t:expect "4711\r\nmine"
    ends(0)
  end)

  it("echoes what is typed, and ends at ^D", function()
    start { "-t", "--", "cat" }
    t:send "hello\r"
    t:expect "hello\r\nhello\r\n"
    t:send(KEY.D)
    ends(0)
  end)

  it("has the caller's size, modes and TERM from its first moment on", function()
    start({ "-t", "--", "sh", "-c", "stty size; echo $TERM" },
      { rows = 33, columns = 111, env = { TERM = "vt220" } })
    t:expect "33 111\r\nvt220\r\n"
    ends(0)
  end)

  it("gets the window's new size, and SIGWINCH", function()
    sh "trap 'stty size' WINCH; echo set; while :; do sleep 0.02; done"
    t:expect "set"
    t:resize(40, 132)
    t:expect "40 132"
    t:resize(10, 20)
    t:expect "10 20"
    t:send(KEY.C)
    ends(130)
  end)

  it("leaves Ctrl-C to the box: it ends what runs there and not the shell", function()
    shell { "bash", "--norc", "-i" }
    assert.is_true(t:is_raw())
    -- A ^C between two commands is bash's own matter.
    types([[sh -c 'echo g""o; exec sleep 60']], "go\r\n")
    t:send(KEY.C)
    t:expect "ready> $"
    types("echo status $?", "status 130", "ready> ")
    types "exit 4"
    ends(4)
  end)

  it("has job control: Ctrl-Z, fg", function()
    shell { "bash", "--norc", "-i" }
    types([[sh -c 'echo g""o; exec cat']], "go\r\n")
    types("one", "one\r\none\r\n")
    t:send(KEY.Z)
    t:expect "Stopped"
    t:expect "ready> $"
    types("echo on t''op", "on top\r\n", "ready> ")
    types("fg", "cat'\r\n")
    types("two", "two\r\ntwo\r\n")
    t:send(KEY.D)
    t:expect "ready> $"
    types "exit 3"
    ends(3)
  end)

  it("passes a megabyte of output on, and every byte of it", function()
    sh "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo the end"
    t:expect("x\r\nthe end\r\n", 20)
    ends(0)
    assert.equal(1000000, select(2, t.screen:gsub("x", "")))
  end)

  it("passes on what is printed at the very last", function()
    for _ = 1, 5 do
      sh "head -c 20000 /dev/zero | tr '\\0' y; printf last"
      ends(0)
      assert.equal(20004, #t.screen)
      t:close()
    end
  end)

  it("takes a large paste while it prints as much", function()
    sh "stty -echo; echo set; (head -c 300000 /dev/zero | tr '\\0' z; echo) & wc -c; wait"
    t:expect "set"
    local line = ("p"):rep(99) .. "\r"
    t:send(line:rep(2000))
    t:send(KEY.D)
    t:expect("200000\r\n", 20)
    ends(0)
    assert.equal(300000, select(2, t.screen:gsub("z", "")))
  end)

  it("waits for a slow reader without losing anything", function()
    sh "head -c 200000 /dev/zero | tr '\\0' s; exit 9"
    os.execute "sleep 0.2"
    ends(9)
    assert.equal(200000, select(2, t.screen:gsub("s", "")))
  end)

  it("restores the modes when the command is killed", function()
    sh "echo up; kill -KILL $$"
    t:expect "up"
    ends(137)
  end)

  it("restores the modes when set-up fails, and when the command is not there", function()
    start { "-t", "--", "no-such-command" }
    t:expect "not found"
    ends(127)
    t:close()
    start { "-t", "--tmpfs", "/dev/pts", "--", "true" }
    t:expect "ENOENT"
    ends(125)
  end)

  it("restores the modes and leaves nothing when tidelock is killed", function()
    local before = leaks.snapshot()
    sh "echo up; sleep 60"
    t:expect "up"
    assert.is_true(t:is_raw())
    t:kill(KILL)
    t:eventually(function() return t:modes() == t.before end, "restored", 2)
    assert.equal(137, t:wait())
    t:close()
    t = nil
    leaks.verify_killed(before)
  end)

  it("leaves nothing when it ends as it should, not even the one who watches", function()
    local before = leaks.snapshot()
    sh "sleep 60 & echo up"
    ends(0)
    t:close()
    t = nil
    leaks.verify(before, 0.2)
  end)

  it("ends at SIGTERM, also when the command ignores it", function()
    start { "-t", "--", "cat" }
    t:eventually(function() return t:is_raw() end, "raw")
    t:kill(TERM)
    ends(143)
    t:close()
    sh "trap '' TERM HUP; echo set; while :; do sleep 0.05; done"
    t:expect "set"
    t:kill(TERM)
    ends(137)
  end)

  it("ends when the terminal hangs up", function()
    local before = leaks.snapshot()
    start { "-t", "--", "cat" }
    t:eventually(function() return t:is_raw() end, "raw")
    t:hang_up()
    local status = 0
    local good = pcall(function() status = t:wait(5) end)
    assert.is_true(good)
    assert.equal(128 + HUP, status)
    t:close()
    t = nil
    leaks.verify(before)
  end)

  local function outer_shell()
    t = terminal.start({ "bash", "--norc", "-i" }, { env = { PS1 = "outer> ", TERM = "dumb" } })
    t:expect "outer> $"
  end

  it("can be stopped and continued by its caller's shell", function()
    outer_shell()
    types(run.quote(run.tidelock) .. " run -t -e 'PS1=inner> ' -- bash --norc -i", "\ninner> $")
    assert.is_true(t:is_raw())
    local pid = run.read(("/proc/%d/task/%d/children"):format(t.pid, t.pid)):match "%d+"
    t:kill(TSTP, tonumber(pid))
    t:expect "Stopped"
    t:expect "outer> $"
    types("stty -a | grep -o ' icanon'; echo out''side", " icanon\r\noutside\r\n", "outer> ")
    t:resize(50, 90)
    types "fg"
    t:eventually(function() return t:is_raw() end, "raw")
    types("stty size; echo in''side", "50 90\r\ninside\r\n", "inner> ")
    types("exit 6", "outer> $")
    types("echo status $?; exit", "status 6")
    assert.equal(0, t:wait())
  end)

  it("in the background leaves the terminal alone, and takes it at fg", function()
    outer_shell()
    types(run.quote(run.tidelock) .. " run -t -- sh -c 'echo st\"\"arted; cat' &", "started\r+\n")
    types("echo mi''ne", "mine\r\n", "outer> ")
    types("fg", "cat'\r\n")
    t:eventually(function() return t:is_raw() end, "raw")
    types("yours", "yours\r\nyours\r\n")
    t:send(KEY.D)
    t:expect "outer> $"
    types "exit"
    assert.equal(0, t:wait())
  end)

  it("does not outlive its caller's terminal, in the background or on the way to the front",
    function()
      local before = leaks.snapshot()
      for round = 1, 6 do
        outer_shell()
        types(run.quote(run.tidelock) .. " run -t -- sh -c 'echo st\"\"arted; cat' &",
          "started\r+\n")
        if round % 2 == 0 then
          types("fg", "cat'\r\n")
          os.execute("sleep " .. round / 60)
        end
        t:close()
        t = nil
      end
      leaks.verify(before, 3)
    end)
end)

describe("a terminal of the box's own", function()
  local t

  after_each(function()
    if t then t:close() end
    t = nil
  end)

  -- What `tty` says to a shell of which nobody said whether it is to have one.
  local function tty(words, shell)
    t = terminal.tidelock(words)
    if shell then t:send "tty; exit\r" end
    local name = t:expect("([^\r\n]*pts/%d+)\r\n", 5)
    t:wait()
    t:close()
    return name
  end

  it("is the default of a shell without arguments", function()
    assert.equal("/dev/pts/0", tty({ "-e", "PS1=", "--", "sh" }, true))
    assert.equal("/dev/pts/0", tty({ "-e", "PS1=", "--", "/bin/bash" }, true))
  end)

  it("is not the default of anything else, and --no-tty refuses it", function()
    -- Its name is the host's, which is not there inside.
    for _, words in ipairs { { "--", "sh", "-c", "ls -l /proc/self/fd/0" },
      { "--", "ls", "-l", "/proc/self/fd/0" } } do
      t = terminal.tidelock(words)
      t:expect "%-> [^\r\n]*pts"
      assert.is_false(t:is_raw())
      t:wait()
      t:close()
    end
    t = terminal.tidelock { "--no-tty", "--", "sh" }
    t:send "test -e /dev/pts/0 || echo n''one; exit\r"
    t:expect "none"
    t:wait()
  end)

  it("is not the default where one of the streams is no terminal", function()
    local tl = run.quote(run.tidelock)
    for _, line in ipairs { tl .. " run -- sh </dev/null", tl .. " run -- sh >out </dev/tty",
      tl .. " run -- sh 2>err" } do
      local folder = run.folder()
      t = terminal.start({ "bash", "-c", line .. " & wait; echo over" }, { cwd = folder })
      t:send "test -e /dev/pts/0 && echo y''es; exit\r"
      t:expect "over"
      assert.is_nil(t.screen:find("yes", 1, true), line)
      t:close()
      run.remove(folder)
    end
  end)

  it("is what explain and --dry-run show, and only then", function()
    t = terminal.tidelock { "--dry-run", "--", "sh" }
    t:expect "make a pty the controlling terminal"
    t:wait()
    assert.is_nil(run.tl({ "explain", "--", "sh" }).stdout:find(" a pty", 1, true))
    assert.is_truthy(run.tl({ "explain", "-t", "--", "true" }).stdout:find(" a pty", 1, true))
  end)

  it("without a terminal outside is 24 by 80 and fed from stdin", function()
    -- In one write: the echo of the input may come at any time.
    local result = run.tl({ "run", "-t", "--", "sh", "-c",
      "printf '%s %s\\n' $(tty) \"$(stty size)\"; cat" }, { stdin = "some\ntext" })
    assert.equal(0, result.status)
    assert.matches("/dev/pts/0 24 80\r\n", result.stdout)
    assert.matches("text$", result.stdout)
    result = run.tl({ "run", "-t", "--", "sh" }, { stdin = "echo o''ne\nexit 5\n" })
    assert.equal(5, result.status)
    assert.matches("one\r\n", result.stdout)
  end)

  it("ends its input as often as it is asked for", function()
    local result = run.tl({ "run", "-t", "--", "sh", "-c",
      "cat >/dev/null; cat; cat; echo e''nd" }, { stdin = "x\n" })
    assert.equal(0, result.status)
    assert.matches("end\r\n$", result.stdout)
    result = run.tl({ "run", "-t", "--", "bash", "--norc", "-i" }, { stdin = "true\n" })
    assert.equal(0, result.status)
    assert.equal(0, run.run(run.quote(run.tidelock) .. " run -t -- cat <&-").status)
  end)

  it("has one output, of which nothing is lost in a pipe or a file", function()
    local tl = run.quote(run.tidelock)
    assert.equal("out\r\nerr\r\n", run.tl({ "run", "-t", "--", "sh", "-c",
      "echo out; echo err >&2" }).stdout)
    local many = tl .. " run -t -- sh -c 'head -c 500000 /dev/zero | tr \"\\0\" x; printf y' "
    assert.equal("500001\n", run.run(many .. "| { sleep 0.1; wc -c; }").stdout)
    local folder = run.folder()
    run.run(many .. "> out; " .. tl .. " run -t -- printf z >> out", { cwd = folder })
    assert.equal(500002, #run.read(folder .. "/out"))
    run.remove(folder)
  end)

  it("ends with whoever reads its output", function()
    local result = run.run(run.quote(run.tidelock) .. " run -t -- yes | head -1")
    assert.equal("y\r\n", result.stdout)
    assert.is_false(result.timed_out)
  end)

  it("is where TIOCSTI types, if anywhere", function()
    local script = [[perl -e 'for (split //, "echo evil\n") {
      ioctl(STDIN, 0x5412, $_) or die "$!\n" } print "typed\n"']]
    t = terminal.tidelock { "-t", "--", "sh", "-c", script }
    t:expect "not permitted"
    t:wait()
    t:close()
    -- Without the filter: the box's own terminal takes it where the kernel lets it be done at all,
    -- and the caller's is none of the box's.
    local allowed = (run.read "/proc/sys/dev/tty/legacy_tiocsti" or "1"):find "1"
    local said = { ["-t"] = allowed and "typed" or "error", ["--no-tty"] = "not permitted" }
    for option, printed in pairs(said) do
      t = terminal.start { "bash", "--norc", "-c", ("%s run %s --seccomp none -- sh -c %s; "
        .. "read -t 0.1 line; echo \"got [$line]\""):format(run.quote(run.tidelock), option,
        run.quote(script)) }
      t:expect(printed)
      t:expect "got %[%]"
      t:wait()
      t:close()
    end
  end)
end)

describe("spec:run with tty", function()
  local t, folder

  before_each(function() folder = run.folder() end)
  after_each(function()
    if t then t:close() end
    t = nil
    run.remove(folder)
  end)

  local function script(text, stock)
    run.write(folder .. "/script.lua", "local tidelock = require 'tidelock'\n" .. text)
    t = terminal.start({ stock and "luajit" or run.tidelock, folder .. "/script.lua" },
      { env = stock and box.library() or nil, cwd = folder })
  end

  it("does as the command line does, by tidelock and by stock luajit", function()
    for _, stock in ipairs { false, true } do
      script([[local report = tidelock.run { "sh", "-c", "tty; read a; echo got $a; exit 3",
        tty = true }
        print("status", report.status)]], stock)
      t:expect "/dev/pts/0"
      assert.is_true(t:is_raw())
      t:send "text\r"
      t:expect "got text\r\nstatus\t3\r\n"
      assert.equal(0, t:wait())
      assert.equal(t.before, t:modes())
      t:close()
    end
  end)

  it("restores the terminal before a signal ends the script", function()
    script [[tidelock.run { "cat", tty = true } print "not reached"]]
    t:eventually(function() return t:is_raw() end, "raw")
    t:kill(TERM)
    assert.equal(128 + TERM, t:wait())
    assert.equal(t.before, t:modes())
    assert.is_nil(t.screen:find("not reached", 1, true))
  end)

  it("forks nobody", function()
    script [[tidelock.run { "cat", tty = true }]]
    t:eventually(function() return t:is_raw() end, "raw")
    local children = run.read(("/proc/%d/task/%d/children"):format(t.pid, t.pid))
    assert.matches("^%d+ $", children) -- the box's init
    t:send(KEY.D)
    assert.equal(0, t:wait())
  end)

  it("has no other streams", function()
    script [[print(tidelock.run { "true", tty = true, stdout = "capture" }:why())]]
    t:expect 'stdout: "capture" cannot be had with tty'
    t:expect "script.lua:2"
    t:wait()
  end)
end)
