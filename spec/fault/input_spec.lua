-- Bad input: a clear error that names the field or the option, the right status, nothing left.
local box = require "spec.support.box"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

-- The status, and a message of tidelock's own that has these words and no stack trace.
local function refused(result, status, ...)
  assert.equal(status, result.status, result.stderr)
  assert.matches("^tidelock: ", result.stderr)
  assert.not_matches("stack traceback", result.stderr)
  assert(#result.stderr < 2000, "the message has " .. #result.stderr .. " bytes")
  for _, word in ipairs { ... } do
    assert(result.stderr:find(word, 1, true),
      ("no %q in the message\n%s"):format(word, result.stderr))
  end
end

describe("bad input", function()
  local folder, before

  setup(function()
    run.tl { "run", "--", "true" }
    folder = run.folder()
    before = leaks.snapshot()
  end)
  teardown(function()
    leaks.verify(before)
    run.remove(folder)
  end)

  local function tl(...) return run.tl({ ... }, { cwd = folder }) end
  local function option(...)
    local words = { "run", ... }
    words[#words + 1] = "--"
    words[#words + 1] = "true"
    return run.tl(words, { cwd = folder })
  end
  local function file(text)
    run.write(folder .. "/spec.lua", text)
    return tl("run", "spec.lua", "--", "true")
  end

  describe("in a spec file", function()
    it("that is not there, is a folder or cannot be read", function()
      refused(tl("run", "nowhere.lua", "--", "true"), 125, "nowhere.lua")
      os.execute("mkdir -p " .. folder .. "/dir.lua")
      refused(tl("run", "dir.lua", "--", "true"), 125, "dir.lua")
      if run.who() == "user" then
        run.write(folder .. "/closed.lua", "return 1")
        os.execute("chmod 0 " .. folder .. "/closed.lua")
        refused(tl("run", "closed.lua", "--", "true"), 125, "closed.lua")
      end
    end)

    it("that is no Lua, throws, returns nothing or something else", function()
      refused(file "this is not Lua", 125, "spec.lua:1")
      refused(file "error 'own words'", 125, "spec.lua:1", "own words")
      refused(file "error({ code = 1 })", 125, "spec.lua")
      refused(file "return nil", 125, "spec.lua", "no spec")
      refused(file "return { net = 'none' }", 125, "spec.lua", "no spec")
      refused(file "return 7", 125, "spec.lua", "no spec")
      refused(file "\27LJ\2\10\0", 125, "spec.lua")
    end)

    it("with a field that is unknown, mistyped or out of bounds names field and line", function()
      local head = "local t = require 'tidelock'\nreturn t.spec { "
      for text, words in pairs {
        ["comand = { 'true' }"] = { "comand", "command" },
        ["timeout = 'soon'"] = { "timeout" }, ["timeout = -1"] = { "timeout" },
        ["timeout = {}"] = { "timeout" }, ["cwd = 7"] = { "cwd" },
        ["command = 'true'"] = { "command" }, ["command = {}"] = { "command" },
        ["command = { 'a', nil, 'b' }"] = { "command" },
        ["command = { 'a\\0b' }"] = { "command" }, ["env = { 'A=1' }"] = { "env" },
        ["env = { A = 1 }"] = { "env.A" }, ["env = { ['A=B'] = 'x' }"] = { "env" },
        ["env = { A = 'x\\0y' }"] = { "env.A" }, ["net = 'wifi'"] = { "net", "none" },
        ["view = 'all'"] = { "view" }, ["user = -1"] = { "user" }, ["user = 1.5"] = { "user" },
        ["hostname = ('x'):rep(65)"] = { "hostname" }, ["rlimits = { nofiles = 3 }"] = { "nofile" },
        ["capabilities = { add = { 'NET_ADMN' } }"] = { "NET_ADMIN" },
        ["share = { 'net' }"] = { "share", "network" }, ["fs = { { kind = 'x' } }"] = { "fs" },
        ["pass_fds = { { fd = 1 } }"] = { "pass_fds" }, ["seccomp = 'strict'"] = { "seccomp" },
        ["stdout = 'file'"] = { "stdout" }, ["init = 'no'"] = { "init" },
        ["hooks = { { at = 'mounts', call = print } }"] = { "hooks" },
        ["require = { 'luck' }"] = { "require" },
      } do
        refused(file(head .. text .. " }"), 125, "spec.lua:2", unpack(words))
      end
      refused(file(head .. "ops = { { at = 'root', op = 'fly' } } }"), 125, "fly", "spec.lua")
      refused(file(head .. "ops = { { at = 'root', op = 'umask', fields = { mode = 'x' } } } }"),
        125, "umask.mode", "spec.lua")
    end)
  end)

  describe("on the command line", function()
    it("that is empty or has unknown options", function()
      refused(tl("run"), 125, "command")
      refused(tl("run", "--"), 125, "command")
      refused(option "--nett", 125, "--nett", "--net")
      refused(option "-Z", 125, "-Z")
      refused(tl("run", "--timeout"), 125, "--timeout")
      refused(option "--json=yes", 125, "--json")
    end)

    it("with values that are none", function()
      for name, values in pairs {
        ["--timeout"] = { "", "x", "-1s", "1e999", "5 apples", "nan", "0x10",
          "999999999999999999999h" },
        ["--net"] = { "", "all" }, ["--view"] = { "", "full" },
        ["--rlimit"] = { "", "nofile", "nofile=", "nofile=x", "nofile=5:3", "nofiles=3",
          "nofile=-1" },
        ["--cap-add"] = { "", "FLY", "NET_ADMN", "CAP_" }, ["--cap-drop"] = { "FLY" },
        ["--share"] = { "", "pid", "mount", "user", "net", "time" },
        ["--bind"] = { "", "/usr", ":", "/usr:", ":/x", "/usr:/x:rx", "/usr:/x:ro:y", "/usr:x",
          "/usr:/a/../../b", "/nowhere:/x", "/usr:/", "/usr:/proc/x", "/usr:/proc" },
        ["--tmpfs"] = { "", "x", "/x:12parsecs", "/x:1MB", "/", "/proc/x", "/x/../.." },
        ["--ro"] = { "", "/nowhere" }, ["--rw"] = { "", "/nowhere", "/" },
        ["--overlay"] = { "", "/nowhere", "/etc/passwd", "/" },
        ["--hide"] = { "", "x", "/a/../.." },
        ["--rootfs"] = { "", "/nowhere", "/etc/passwd", "/" },
        ["-C"] = { "", "/nowhere", "/etc/passwd" },
        ["--hostname"] = { "", "a b", "a/b", ("x"):rep(65) },
        ["--seccomp"] = { "", "/nowhere", "/etc/passwd", "strict" },
        ["--pass-fd"] = { "", "x", "77", "3:", "-1", "99999999999", "3:1", "3:2000" },
        ["-e"] = { "", "=x" }, ["--env-file"] = { "", "/nowhere", "/" },
        ["--report"] = { "", "fd:x", "fd:" }, ["--require"] = { "", "luck" },
      } do
        for _, value in ipairs(values) do
          local result = option(name, value)
          assert.equal(125, result.status, name .. " " .. value .. ": " .. result.stderr)
          refused(result, 125)
        end
      end
    end)

    it("with a user that is none", function()
      for _, user in ipairs { "", "-1", "0x0", "1:", ":1", " 1", "1 ", "+1", "1.0", "1e3", "00",
        "01", "4294967295", "4294967296", "99999999999999999999", "1:2:3", "no-such-user",
        "root:nogrp",
        "1:-1", "0\n", "root\t", "1,2" } do
        refused(option("--user", user), 125, "user")
      end
    end)

    it("with bytes that are no text are shown without harm", function()
      for _, text in ipairs { "\255\254", "\195\40", "\27[2J", "a\nb", "\226\128\174x" } do
        local result = option("--view", text)
        refused(result, 125, "--view")
        assert.is_nil(result.stderr:find("[\27\255]"))
      end
      -- And where any bytes are fine, they come through.
      assert.equal("\255\254\195\40", box.prints("printf %s \"$A\"", { "-e", "A=\255\254\195\40" }))
    end)
  end)

  describe("in the command", function()
    it("that is empty or a folder or not executable", function()
      refused(tl("run", "--", ""), 125, "command")
      refused(tl("run", "--", "/usr"), 126, "/usr")
      refused(tl("run", "--", "/etc/passwd"), 126, "/etc/passwd")
      refused(tl("run", "--", "/nowhere"), 127, "/nowhere")
      refused(tl("run", "--", ("x"):rep(300)), 125, "ENAMETOOLONG")
      refused(tl("run", "--", "/" .. ("x/"):rep(3000)), 125, "ENAMETOOLONG")
    end)

    it("with arguments of a megabyte in all works, or says that they are too much", function()
      run.write(folder .. "/big.lua", [[
        local words = { "sh", "-c", "echo $#", "x" }
        for i = 1, 11 do words[#words + 1] = ("a"):rep(100000) end
        local report = require("tidelock").run(words)
        print(report.code, (report:why():match("^[^\n]*")))]])
      local result = tl(folder .. "/big.lua")
      assert.matches("^11\n0\texited with status 0", result.stdout)
    end)

    it("with more than the kernel takes says so", function()
      run.write(folder .. "/big.lua", [[
        local words = { "true" }
        for i = 1, 100 do words[#words + 1] = ("a"):rep(120000) end
        local report = require("tidelock").run(words)
        print(report.code, (report:why():gsub("\n", " ")))]])
      local result = tl(folder .. "/big.lua")
      assert.matches("^125\t", result.stdout)
      assert.matches("larger than the kernel takes", result.stdout)
    end)

    it("with one argument of 200 kB says which limit that is over", function()
      run.write(folder .. "/long.lua", [[
        require("tidelock").run { "true", ("a"):rep(200000) }]])
      refused(tl(folder .. "/long.lua"), 125, "command", "200000", "one argument", "long.lua:1")
    end)
  end)

  describe("in the mounts", function()
    it("of which there are ten thousand is an error that says so, or works", function()
      run.write(folder .. "/many.lua", [[
        local t = require "tidelock"
        local parts = {}
        for i = 1, 10000 do parts[i] = t.fs.tmpfs { "/tmp/m/" .. i } end
        parts.command = { "true" }
        local report = t.spec(parts):run()
        print(report.code, #report:why() < 2000, (report:why():gsub("\n", " ")))]])
      local result = run.tl({ folder .. "/many.lua" }, { cwd = folder, timeout = 30 })
      assert.matches("^125\ttrue\tfs: 10000 mounts", result.stdout)
    end)

    it("of which there are four hundred works, of binds too", function()
      run.write(folder .. "/many.lua", [[
        local t = require "tidelock"
        local parts = {}
        for i = 1, 200 do
          parts[i] = t.fs.tmpfs { "/tmp/m/" .. i }
          parts[200 + i] = t.fs.bind { "/usr/bin", "/tmp/b/" .. i, readonly = true }
        end
        parts.command = { "true" }
        local report = t.spec(parts):run()
        print(report.code, report:why())]])
      assert.equal("0\texited with status 0\n", tl(folder .. "/many.lua").stdout)
    end)

    it("that cover an earlier one names both", function()
      refused(option("--tmpfs", "/a/b", "--tmpfs", "/a"), 125, "/a/b", "cover")
    end)

    it("whose target is a link that leads round in circles", function()
      os.execute(("mkdir -p %s/r/tmp; ln -s loop %s/r/loop"):format(folder, folder))
      refused(option("--rootfs", folder .. "/r", "--tmpfs", "/loop/x"), 125)
    end)

    it("whose path is longer than the kernel takes", function()
      refused(option("--tmpfs", "/" .. ("x/"):rep(3000)), 125)
      refused(option("--tmpfs", "/" .. ("x"):rep(300)), 125)
      refused(option("--ro", "/" .. ("x/"):rep(3000)), 125)
    end)
  end)
end)
