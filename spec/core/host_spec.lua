-- core.host: facts of the host, compared with what other programs say.
local core = require "tidelock.core"
local run = require "spec.support.run"

local host = core.host

describe("core.host", function()
  local folder

  setup(function()
    folder = run.folder()
    run.write(folder .. "/file", "content\n")
    os.execute(("cd %s && ln -s file link && ln -s nowhere broken && mkfifo fifo && chmod 640 file")
      :format(folder))
  end)
  teardown(function() run.remove(folder) end)

  it("stat tells type, owner, mode and identity, with or without following", function()
    local uid, gid, ino = run.run("stat -c '%u %g %i' " .. folder .. "/file").stdout:match(
      "(%d+) (%d+) (%d+)")
    local stat = host.stat(folder .. "/link")
    assert.same({ "file", tonumber(uid), tonumber(gid), 416, tonumber(ino) },
      { stat.type, stat.uid, stat.gid, stat.mode, stat.ino })
    assert.equal("link", host.stat(folder .. "/link", false).type)
    assert.equal("fifo", host.stat(folder .. "/fifo").type)
    assert.equal("dir", host.stat(folder).type)
    local null = host.stat "/dev/null"
    assert.same({ "char", 0x103 }, { null.type, null.rdev })
    assert.same({ nil, "ENOENT", 2 }, { host.stat(folder .. "/broken") })
    assert.same({ nil, "ENOTDIR", 20 }, { host.stat(folder .. "/file/x") })
  end)

  it("readlink and realpath", function()
    assert.equal("file", host.readlink(folder .. "/link"))
    assert.same({ nil, "EINVAL", 22 }, { host.readlink(folder .. "/file") })
    assert.equal(folder .. "/file", host.realpath(folder .. "/./link"))
    assert.same({ nil, "ENOENT", 2 }, { host.realpath(folder .. "/broken") })
    assert.equal(run.run("pwd -P").stdout, host.getcwd() .. "\n")
  end)

  it("ids and environ are this process's", function()
    local ids = host.ids()
    assert.equal(run.run("id -u; id -g").stdout, ids.euid .. "\n" .. ids.egid .. "\n")
    assert.equal(tonumber((run.read "/proc/sys/kernel/cap_last_cap")), ids.last_cap)
    local found
    for _, text in ipairs(host.environ()) do found = found or text:match("^PATH=(.*)$") end
    assert.equal(os.getenv "PATH", found)
  end)

  it("read gives at most what it is asked for, and errors as values", function()
    assert.equal("content\n", host.read(folder .. "/file"))
    assert.equal("cont", host.read(folder .. "/file", 4))
    assert.equal("", host.read("/dev/null"))
    assert.equal("", host.read(folder .. "/fifo"), "a FIFO without a writer must not block")
    assert.same({ nil, "ENOENT", 2 }, { host.read(folder .. "/none") })
    assert.same({ nil, "EISDIR", 21 }, { host.read(folder) })
    assert.equal(1048576, #host.read "/dev/zero")
  end)

  it("read_in_root never leaves the root", function()
    os.execute(("cd %s && mkdir -p r/etc && echo own > r/etc/name && ln -s /etc/name r/abs && "
      .. "ln -s ../../../../file r/up && ln -s /proc/self/root r/magic"):format(folder))
    local root = folder .. "/r"
    assert.equal("own\n", host.read_in_root(root, "/etc/name"))
    assert.equal("own\n", host.read_in_root(root, "/abs"))
    assert.is_nil((host.read_in_root(root, "/up")))
    assert.is_nil((host.read_in_root(root, "/../file")))
    assert.is_nil((host.read_in_root("/", "/proc/self/root/etc/passwd")))
  end)

  it("rlimit gives soft and hard limits", function()
    local soft, hard = host.rlimit(7)
    local function text(value) return tostring(value) end
    assert.equal(run.run("ulimit -Sn; ulimit -Hn").stdout, text(soft) .. "\n" .. text(hard) .. "\n")
    assert.same({ nil, "EINVAL", 22 }, { host.rlimit(99) })
  end)

  it("range_lock gives a number that nobody else holds, until it is closed", function()
    local path = folder .. "/ranges"
    local first, a = host.range_lock(path, 3, 5)
    local second, b = host.range_lock(path, 3, 5)
    local third, c = host.range_lock(path, 3, 5)
    local seen = { [first] = true, [second] = true, [third] = true }
    assert(seen[0] and seen[1] and seen[2])
    assert.same({ nil, "EAGAIN", 11 }, { host.range_lock(path, 3, 0) })
    b:close()
    assert.equal(second, (host.range_lock(path, 3, 0)))
    a:close()
    c:close()
    os.execute(("ln -s %s/file %s/linked"):format(folder, folder))
    assert.is_nil((host.range_lock(folder .. "/linked", 3)))
    assert.has_error(function() host.range_lock(path, 0) end)
  end)

  it("access answers for the effective ids", function()
    assert.is_true(host.access(folder .. "/file"))
    assert.is_true(host.access(folder .. "/file", "w"))
    assert.is_false(host.access(folder .. "/file", "x"))
    assert.is_true(host.access("/bin/sh", "x"))
    assert.is_false(host.access(folder .. "/none"))
  end)
end)
