-- Who the box is on the host: owners of files, ranges of ids, --user.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("the identity of a box", function()
  local folder

  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  local function prints(script, options) return box.prints(script, options, { cwd = folder }) end
  local function owner(path)
    return (run.run("stat -c %u:%g " .. folder .. "/" .. path).stdout:gsub("\n", ""))
  end
  local caller = run.run("echo $(id -u):$(id -g)").stdout:gsub("\n", "")

  it("lets files that it writes come out owned by the caller", function()
    prints("echo x > made; mkdir dir; ln -s x link; touch dir/deep", { "--rw", "." })
    for _, path in ipairs { "made", "dir", "link", "dir/deep" } do
      assert.equal(caller, owner(path), path)
    end
  end)

  it("sees the caller's files as its own, closed ones too", function()
    run.write(folder .. "/closed", "mine\n")
    os.execute(("chmod 600 %s/closed; mkdir -m 700 %s/private; echo in > %s/private/f")
      :format(folder, folder, folder))
    assert.equal(caller .. "\nmine\nin", prints "stat -c %u:%g closed; cat closed private/f")
  end)

  it("starts in a current directory of mode 0700", function()
    os.execute("chmod 700 " .. folder)
    assert.equal(folder, prints "pwd")
    prints("echo x > f", { "--rw", "." })
    assert.equal(caller, owner "f")
    os.execute("chmod 755 " .. folder)
  end)

  it("does not make git suspicious of the owner", function()
    if not run.has "git" then run.skip "needs git" end
    run.run("git init -q .", { cwd = folder })
    local result = box.sh("git status --short", nil, { cwd = folder })
    assert.equal(0, result.status, result.stderr)
  end)

  it("owns what is in memory: $HOME, /tmp, /dev/shm", function()
    local id = prints "id -u"
    assert.equal(id .. "\n" .. id, prints "stat -c %u \"$HOME\"; touch /tmp/f; stat -c %u /tmp/f")
  end)

  it("is root's alone in a range of 65536 ids that no other box has", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local map = "tr -s ' ' < /proc/self/uid_map"
    local result = box.during(folder, map .. " > first; " .. map:gsub("uid", "gid")
      .. " >> first; echo > ready; until [ -e go ]; do sleep 0.01; done",
      run.quote(run.tidelock) .. " run -- sh -c \"" .. map .. "; " .. map:gsub("uid", "gid")
      .. "\"; echo > go")
    assert.equal(0, result.status, result.stderr)
    local first = run.read(folder .. "/first")
    local base, count = first:match("^ 0 (%d+) (%d+)\n")
    local other = result.outside:match("^ 0 (%d+) 65536\n")
    assert.equal("65536", count)
    assert(other, result.outside)
    assert(math.abs(base - other) >= 65536, base .. " and " .. other)
    assert(tonumber(base) >= 65536)
  end)

  it("runs on the host under other ids than root's", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local number = "8" .. tostring(os.time()):sub(-6)
    local result = box.during(folder, "echo > ready; sleep " .. number,
      ("stat -c %%u $(grep -lsz '^%s$' /proc/[0-9]*/cmdline | sed 's/cmdline//'); kill $p"):format(
        number))
    for uid in result.outside:gmatch("%d+") do assert(tonumber(uid) >= 65536, uid) end
    assert.matches("%d", result.outside)
  end)

  it("is an ordinary user's own id on the host, mapped to itself", function()
    if run.who() == "root" then run.skip "needs an ordinary user" end
    assert.equal(caller:match("%d+"), prints "sed 's/^ *\\([0-9]*\\) .*/\\1/;q' /proc/self/uid_map"
      :gsub("^0$", caller:match("%d+")))
    assert.equal("deny\n", run.has_subids() and "deny\n"
      or box.sh("cat /proc/self/setgroups").stdout)
  end)
end)

describe("--user", function()
  local folder

  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  local function id(user)
    local result = box.sh("echo $(id -u):$(id -g):$(id -G)", { "--user", user }, { cwd = folder })
    return result.stdout:gsub("\n", ""), result
  end

  it("0 makes the caller root inside", function()
    assert.equal("0:0:0", (id "0"))
    assert.equal("0:0:0", (id "root"))
  end)

  it("takes the caller's own name and number", function()
    local name, uid = run.run("id -un; id -u").stdout:match("^(%S+)\n(%d+)")
    assert.equal(uid, (id(name)):match("^%d+"))
    assert.equal(uid, (id(uid)):match("^%d+"))
  end)

  it("takes any user and group where there are ids for them", function()
    if run.who() ~= "root" and not run.has_subids() then run.skip "needs subordinate ids" end
    assert.equal("33:33:33", (id "33:33"))
    assert.equal("4711:4712:4712", (id "4711:4712"))
    local daemon = run.run("id -u daemon; id -g daemon").stdout:match("^(%d+)")
    assert.equal(daemon, (id "daemon"):match("^%d+"))
  end)

  it("maps the one id of a caller without subordinate ids to any number", function()
    if run.who() == "root" or run.has_subids() then run.skip "needs no subordinate ids" end
    assert.equal("33:33:33", (id "33:33"))
    assert.equal("4711:4712:4712", (id "4711:4712"))
  end)

  it("gives the user a home and no capabilities left over", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local home = run.run("getent passwd daemon | cut -d: -f6").stdout:gsub("\n", "")
    local text = box.prints("echo $HOME; sed -n 's/Cap[IPEA][a-z]*:\\s*//p' /proc/self/status",
      { "--user", "daemon" }, { cwd = folder })
    assert.equal(home, text:match("^[^\n]*"))
    for set in text:gmatch("%x%x%x%x%x%x+") do assert.equal(("0"):rep(16), set) end
  end)

  it("keeps an added capability for a user that is not root", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert.equal("0000000000001000", box.prints("sed -n 's/CapEff:\\s*//p' /proc/self/status",
      { "--user", "4711", "--cap-add", "NET_ADMIN" }, { cwd = folder }))
  end)

  it("refuses an unknown name and an id out of range", function()
    for _, user in ipairs { "no-such-user", "4294967295", "0:no-such-group" } do
      local _, result = id(user)
      assert.equal(125, result.status, user)
      assert.matches("user", result.stderr)
    end
  end)
end)
