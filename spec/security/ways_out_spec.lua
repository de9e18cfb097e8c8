-- Ways out of a box, or into the caller, that were once open.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("the old root", function()
  it("is not where PID 1 stands, even for who may look (SYS_PTRACE)", function()
    local folder = run.folder()
    run.write(folder .. "/host-file", "x\n")
    local result = box.sh("readlink /proc/1/cwd; ls /proc/1/cwd/ /proc/1/cwd/../..",
      { "--cap-add", "SYS_PTRACE", "--force" }, { cwd = folder })
    assert.equal("/", result.stdout:match("^[^\n]*"))
    assert.not_matches("host%-file", result.stdout)
    assert.not_matches("boot", result.stdout)
    run.remove(folder)
  end)

  it("is not under an overlay root", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local folder = run.folder()
    os.execute(("mkdir -p %s/root/bin && cp /bin/busybox %s/root/bin/sh"):format(folder, folder))
    local result = box.sh("cat /proc/self/mountinfo; stat / /..",
      { "--rootfs", folder .. "/root", "--overlay", "/" })
    assert.not_matches(" / / rw[^\n]*ext4", result.stdout)
    run.remove(folder)
  end)
end)

describe("a word of the command", function()
  it("is never run as Lua outside, though -- follows", function()
    local folder = run.folder()
    run.write(folder .. "/make", 'io.open("' .. folder .. '/escaped", "w"):close()\n')
    run.run({ run.tidelock, "run", "make", "--", "-j4" }, { cwd = folder })
    assert.is_nil(run.read(folder .. "/escaped"))
    run.remove(folder)
  end)
end)

describe("--report", function()
  it("writes to the file that was there before, not through a link made inside", function()
    local folder = run.folder()
    run.write(folder .. "/victim", "precious\n")
    run.run({ run.tidelock, "run", "--rw", ".", "--report", "r.json", "--", "ln", "-sf",
      folder .. "/victim", "r.json" }, { cwd = folder })
    assert.equal("precious\n", run.read(folder .. "/victim"))
    run.remove(folder)
  end)

  it("that cannot be written is told before anything runs", function()
    local folder = run.folder()
    local result = run.run({ run.tidelock, "run", "--rw", ".", "--report", "no/such/r.json", "--",
      "touch", "ran" }, { cwd = folder })
    assert.equal(125, result.status)
    assert.matches("--report: \"no/such/r.json\"", result.stderr, 1, true)
    assert.is_nil(run.read(folder .. "/ran"))
    run.remove(folder)
  end)
end)

describe("git's files in a writable directory", function()
  local folder
  before_each(function()
    folder = run.folder()
    run.run("git init -q . && mkdir -p e/sub && cd e/sub && git init -q .", { cwd = folder })
  end)
  after_each(function() run.remove(folder) end)

  local function inside(script, cwd)
    return run.run({ run.tidelock, "run", "--rw", folder, "--", "sh", "-c", script },
      { cwd = folder .. (cwd or "") })
  end

  it("cannot be moved together with a directory above them", function()
    inside(("cd /; mv %s/e/sub %s/e/old; mv %s/e %s/f"):format(folder, folder, folder, folder),
      "/e/sub")
    assert.is_string(run.read(folder .. "/e/sub/.git/config"))
    assert.is_nil(run.read(folder .. "/e/old/.git/config"))
  end)

  it("are reported where they make git look elsewhere", function()
    local result = inside "mkdir .evil; echo ../.evil > .git/commondir"
    assert.matches("written from inside[^\n]*%.git/commondir", result.stderr)
  end)

  it("are not said to be written when they were not", function()
    run.run("mv .git real && ln -s real .git", { cwd = folder })
    assert.not_matches("written from inside", inside("true").stderr)
  end)

  it("are found beneath the directory and through no link, however fast it is swapped", function()
    local secret = run.folder()
    run.run(("echo keep > %s/config; chmod 666 %s/config; ln -s %s .swap"):format(secret, secret,
      secret), { cwd = folder })
    local swap = folder .. "/swap"
    run.write(swap .. ".c", [[
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  for (long i = 0; i < atol(argv[1]); i++)
    renameat2(AT_FDCWD, ".git", AT_FDCWD, ".swap", RENAME_EXCHANGE);
  return argc == 0;
}]])
    assert.equal(0, run.run({ "gcc", "-O1", "-o", swap, swap .. ".c" }).status)
    run.run("./swap 3000000 & p=$!; for i in $(seq 40); do " .. run.quote(run.tidelock)
      .. " run --rw . -- sh -c 'echo x >> .git/config' 2>/dev/null; done; kill $p; wait",
      { cwd = folder, timeout = 30 })
    assert.equal("keep\n", run.read(secret .. "/config"))
    run.remove(secret)
  end)
end)

describe("what the helper of the clone changes", function()
  it("does not reach the box: its processors are the caller's", function()
    local want = run.run("grep Cpus_allowed_list /proc/self/status").stdout
    for _ = 1, 40 do
      assert.equal(want, box.prints "grep Cpus_allowed_list /proc/self/status" .. "\n")
    end
  end)
end)

describe("a caller's function that raises", function()
  it("does not leave the box running", function()
    local script = os.tmpname()
    run.write(script, [[
      local tidelock = require "tidelock"
      local good = pcall(tidelock.run, { "sh", "-c", "echo x; sleep 20",
        stdout = function() error "no" end })
      local children = io.open("/proc/self/task/" .. tidelock.core.process.getpid() .. "/children")
      print(good, children:read "*a")]])
    os.rename(script, script .. ".lua")
    local result = run.run({ run.tidelock, script .. ".lua" })
    assert.equal("false\t\n", result.stdout, result.stderr)
    os.remove(script .. ".lua")
  end)
end)

describe("a closed standard input", function()
  it("is no place for a descriptor of init's", function()
    local script = os.tmpname()
    run.write(script, [[
      local r = require("tidelock").spec { stdin = 5 }:run { "cat" }
      assert(r.ok, r:why())]])
    os.rename(script, script .. ".lua")
    local result = run.run(("printf hello > %s.in; %s %s.lua 5<%s.in <&-"):format(script,
      run.quote(run.tidelock), script, script))
    assert.equal("hello", result.stdout, result.stderr)
    os.remove(script .. ".lua")
    os.remove(script .. ".in")
  end)
end)
