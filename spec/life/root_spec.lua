-- Roots of one's own: --rootfs, --view, -C and what must be asked for twice.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("--rootfs", function()
  local root

  -- A small root: a static program is not at hand everywhere, so the host's loader is copied too.
  setup(function()
    root = run.folder()
    assert(run.run(([[cd %s && mkdir -p bin etc lib tmp work && cp /bin/sh /bin/cat /bin/ls bin/ &&
      for f in $(ldd /bin/sh /bin/cat /bin/ls | grep -o '/[^ ]*' | sort -u); do
        mkdir -p .$(dirname $f) && cp $f .$f; done
      echo 'box:x:0:0::/work:/bin/sh' > etc/passwd; echo mine > etc/name
      ln -s /etc escape; ln -s ../../../../../../etc relative; ln -s /etc/passwd tmp/link]])
      :format(root)).status == 0)
  end)

  teardown(function() run.remove(root) end)

  it("becomes the root, and the host's files are not there", function()
    assert.equal("mine", box.prints("cat /etc/name", { "--rootfs", root }))
    assert.not_equal(0, box.sh("cat /etc/hostname", { "--rootfs", root }).status)
    assert.not_equal(0, box.sh("ls /usr/bin", { "--rootfs", root }).status)
  end)

  it("is read-only, and writable with --rw /", function()
    assert.not_equal(0, box.sh("echo x > /work/f", { "--rootfs", root }).status)
    box.prints("echo x > /work/f", { "--rootfs", root, "--rw", "/" })
    assert.equal("x\n", run.read(root .. "/work/f"))
    os.remove(root .. "/work/f")
  end)

  it("is written to and left as it was with --overlay /", function()
    assert.equal("x", box.prints("echo x > /work/f; cat /work/f",
      { "--rootfs", root, "--overlay", "/" }))
    assert.is_nil(run.read(root .. "/work/f"))
  end)

  it("has a /dev, a /proc and a /tmp of the box", function()
    assert.equal("1", box.prints("echo x > /tmp/f && echo x > /dev/null && read a b < /proc/1/stat"
      .. " && echo $a", { "--rootfs", root, "--overlay", "/" }))
  end)

  it("keeps a mount target inside when a symlink of it leads out", function()
    for _, target in ipairs { "/escape/name", "/relative/name" } do
      run.write("/tmp/tl-source", "bound\n")
      local result = box.sh("cat /etc/name", {
        "--rootfs", root, "--bind", "/tmp/tl-source:" .. target .. ":ro" })
      assert.equal("bound\n", result.stdout, result.stderr)
      assert.not_equal("bound\n", run.read("/etc/name"))
      assert.equal("mine\n", run.read(root .. "/etc/name"))
    end
    os.remove "/tmp/tl-source"
  end)

  it("makes no file on the host for a target that is not there", function()
    local before = run.run("ls -R " .. root).stdout
    local result = box.sh("true", { "--rootfs", root, "--tmpfs", "/missing/dir" })
    assert.equal(125, result.status)
    assert.matches("/missing", result.stderr)
    assert.equal(before, run.run("ls -R " .. root).stdout)
  end)

  it("looks the command up in its own PATH", function()
    assert.equal(127, box.run({ "make" }, { "--rootfs", root }).status)
  end)
end)

describe("--view", function()
  local folder

  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  it("host shows all of the host, read-only", function()
    local other = run.folder()
    run.write(other .. "/file", "seen\n")
    os.execute("chmod 644 " .. other .. "/file")
    assert.equal("seen", box.prints("cat " .. other .. "/file", { "--view", "host" },
      { cwd = folder }))
    assert.not_equal(0, box.sh("echo x > " .. other .. "/file", { "--view", "host" },
      { cwd = folder }).status)
    assert.not_equal(0, box.sh("echo x > /var/x", { "--view", "host" }, { cwd = folder }).status)
    run.remove(other)
  end)

  it("none shows nothing but what is asked for", function()
    local result = box.run({ "/usr/bin/ls", "/", "/usr" }, {
      "--view", "none", "--ro", "/usr", "--bind", "/usr/lib:/lib:ro",
      "--bind", "/usr/lib64:/lib64:ro",
    }, { cwd = folder })
    assert.equal(0, result.status, result.stderr)
    assert.same({ "dev", "lib", "lib64", "proc", "sys", "tmp", "usr" },
      box.sorted(result.stdout:match("^/:\n(.-)\n\n")))
    assert.equal(127, box.run({ "/usr/bin/ls" }, { "--view", "none" }).status)
  end)

  it("system is the default", function()
    assert.equal(box.prints "ls /", box.prints("ls /", { "--view", "system" }))
  end)
end)

describe("the directory to start in", function()
  local folder

  before_each(function()
    folder = run.folder()
    os.execute("mkdir " .. folder .. "/sub")
  end)
  after_each(function() run.remove(folder) end)

  it("-C, --cwd, -w and --workdir change it", function()
    for _, option in ipairs { "-C", "--cwd", "-w", "--workdir" } do
      assert.equal("/usr/lib", box.prints("pwd", { option, "/usr/lib" }, { cwd = folder }))
    end
    assert.equal(folder .. "/sub", box.prints("pwd", { "-C", "sub" }, { cwd = folder }))
    assert.equal(folder, box.prints("pwd", { "-C", ".." }, { cwd = folder .. "/sub" }))
  end)

  it("is $HOME, with a note, where the caller's is not to be shown", function()
    for _, where in ipairs { "/", "/tmp", "/run" } do
      local report = box.report({ "sh", "-c", "test \"$PWD\" = \"$HOME\"" }, nil, { cwd = where })
      assert.equal(0, report.status, where)
      assert.matches("current directory " .. where .. " is not bound", report.notes[1].text)
    end
  end)

  it("shows a cwd that is a symlink by its real place or its name, with its content", function()
    run.write(folder .. "/sub/f", "here\n")
    os.execute(("ln -s %s/sub %s/link"):format(folder, folder))
    assert.equal("here", box.prints("cat f", nil, { cwd = folder .. "/link" }))
  end)
end)

describe("what gives too much away", function()
  it("is refused without --force: --rw / and --rw of the home", function()
    local home = run.run "getent passwd $(id -u) | cut -d: -f6".stdout:gsub("\n", "")
    for _, path in ipairs { "/", home } do
      if run.run("test -d " .. path).status == 0 then
        local result = box.sh("true", { "--rw", path })
        assert.equal(125, result.status, path)
        assert.matches("%-%-force", result.stderr)
      end
    end
  end)

  it("is done with --force", function()
    local folder = run.folder()
    local result = run.tl({ "run", "--force", "--view", "host", "--rw", "/", "--", "sh", "-c",
      "echo x > " .. folder .. "/forced" }, { cwd = folder })
    if run.who() == "root" then
      -- The box's root is a stranger to the host's: what it may write is what strangers may.
      assert.equal(0, box.sh("true", { "--force", "--view", "host", "--rw", "/" }).status)
    else
      assert.equal("x\n", run.read(folder .. "/forced"), result.stderr)
    end
    run.remove(folder)
  end)

  it("is SYS_ADMIN, which is refused without --force too", function()
    assert.equal(125, box.sh("true", { "--cap-add", "SYS_ADMIN" }).status)
    assert.equal(0, box.sh("true", { "--cap-add", "SYS_ADMIN", "--force" }).status)
  end)
end)
