-- The options of `tidelock run` that change the view of files.
local box = require "spec.support.box"
local run = require "spec.support.run"

local folder, data

-- An own current directory, and a directory beside it with a file and a folder.
local function prepare()
  folder, data = run.folder(), run.folder()
  run.write(data .. "/file", "of the host\n")
  os.execute("mkdir " .. data .. "/sub")
  run.write(data .. "/sub/deep", "deep\n")
end

local function clean()
  run.remove(folder)
  run.remove(data)
end

local function sh(script, options) return box.sh(script, options, { cwd = folder }) end
local function prints(script, options) return box.prints(script, options, { cwd = folder }) end

describe("binds", function()
  before_each(prepare)
  after_each(clean)

  it("--ro shows a directory at its own path and keeps it from changes", function()
    assert.equal("of the host\ndeep", prints(("cat %s/file %s/sub/deep"):format(data, data),
      { "--ro", data }))
    local result = sh(("echo x > %s/file; echo x > %s/new"):format(data, data), { "--ro", data })
    assert.matches("Read%-only file system", result.stderr)
    assert.equal("of the host\n", run.read(data .. "/file"))
    assert.is_nil(run.read(data .. "/new"))
  end)

  it("--ro shows a single file and nothing beside it", function()
    assert.equal("of the host\nfile", prints(("cat %s/file; ls %s"):format(data, data),
      { "--ro", data .. "/file" }))
  end)

  it("--rw makes a directory writable", function()
    prints(("echo new > %s/new; echo x > %s/sub/deep; rm %s/file"):format(data, data, data),
      { "--rw", data })
    assert.equal("new\n", run.read(data .. "/new"))
    assert.equal("x\n", run.read(data .. "/sub/deep"))
    assert.is_nil(run.read(data .. "/file"))
  end)

  it("--rw . makes the current directory writable, --rw of another leaves it read-only", function()
    prints("echo x > made", { "--rw", "." })
    assert.equal("x\n", run.read(folder .. "/made"))
    assert.not_equal(0, sh("echo x > again", { "--rw", data }).status)
  end)

  it("--bind shows a source somewhere else, writable unless :ro", function()
    prints("cat /src/file && echo new > /src/new", { "--bind", data .. ":/src" })
    assert.equal("new\n", run.read(data .. "/new"))
    assert.not_equal(0, sh("echo x > /src/file", { "--bind", data .. ":/src:ro" }).status)
    assert.equal("of the host\n", run.read(data .. "/file"))
    prints("echo more > /src/more", { "--bind", data .. ":/src:rw" })
    assert.equal("more\n", run.read(data .. "/more"))
  end)

  it("--bind puts a file on a path that is not there yet", function()
    assert.equal("of the host", prints("cat /run/a/b/c",
      { "--bind", data .. "/file:/run/a/b/c:ro" }))
  end)

  it("--bind takes a colon in a path after a backslash", function()
    os.execute("mkdir " .. data .. "/a:b")
    run.write(data .. "/a:b/file", "colon\n")
    assert.equal("colon", prints("cat /x:y/file", { "--bind", data .. "/a\\:b:/x\\:y" }))
  end)

  it("-v is docker's volume where its argument has a colon", function()
    assert.equal("of the host", prints("cat /src/file", { "-v", data .. ":/src:ro" }))
    assert.equal("of the host", prints("cat /src/file", { "-v" .. data .. ":/src:ro" }))
  end)

  it("the later of two on one target counts", function()
    assert.equal("deep", prints("ls /src", { "--bind", data .. ":/src",
      "--bind", data .. "/sub:/src" }))
  end)

  it("a bind over a system directory's file does not touch the host's", function()
    assert.equal("of the host", prints("cat /etc/hostname", {
      "--bind", data .. "/file:/etc/hostname:ro" }))
    assert.not_equal("of the host\n", run.read("/etc/hostname"))
  end)

  it("a symlink in a bind leads where it leads inside, not on the host", function()
    os.execute(("ln -s /etc/passwd %s/link; ln -s %s/nothing %s/out"):format(data, folder, data))
    assert.equal("root", prints("sed -n 's/:.*//p;q' /src/link", { "--bind", data .. ":/src:ro" }))
    assert.not_equal(0, sh("cat /src/out", { "--bind", data .. ":/src:ro" }).status)
  end)

  it("a nested mount of the host comes along, read-only too", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local result = run.run(([[unshare -m --propagation private sh -c '
      mount -t tmpfs none "$0/sub" && echo nested > "$0/sub/n" &&
      exec "$1" run --ro "$0" -- sh -c "cat $0/sub/n; echo x > $0/sub/n"' %s %s]]):format(
      data, run.quote(run.tidelock)))
    assert.equal("nested\n", result.stdout)
    assert.matches("Read%-only", result.stderr)
  end)
end)

describe("--tmpfs, --overlay and --hide", function()
  before_each(prepare)
  after_each(clean)

  it("--tmpfs gives an empty writable directory in memory", function()
    assert.equal("tmpfs\nx", prints("ls /scratch; stat -f -c %T /scratch; echo x > /scratch/f"
      .. " && ls /scratch | sed s/f/x/", { "--tmpfs", "/scratch" }))
  end)

  it("--tmpfs covers a directory of the host", function()
    assert.equal("", prints("ls " .. data, { "--ro", data, "--tmpfs", data }))
    assert.equal("of the host\n", run.read(data .. "/file"))
  end)

  it("--tmpfs takes a size and keeps to it", function()
    local result = sh("head -c 1M /dev/zero > /scratch/a && echo fits; "
      .. "head -c 4M /dev/zero > /scratch/b || echo full", { "--tmpfs", "/scratch:2M" })
    assert.equal("fits\nfull\n", result.stdout)
  end)

  it("--overlay makes a directory writable and throws the changes away", function()
    assert.equal("changed\nnew\ndeep", prints(([[cd %s && echo changed > file && echo new > new &&
      cat file new && cat sub/deep && rm -r sub && ! ls sub 2>/dev/null]]):format(data),
      { "--overlay", data }))
    assert.equal("of the host\n", run.read(data .. "/file"))
    assert.equal("deep\n", run.read(data .. "/sub/deep"))
    assert.is_nil(run.read(data .. "/new"))
  end)

  it("--overlay puts a directory's writable copy on another target", function()
    assert.equal("of the host\nx", prints("cat /work/file; echo x > /work/x; cat /work/x",
      { "--overlay", data .. ":/work" }))
    assert.is_nil(run.read(data .. "/x"))
  end)

  it("--overlay . makes the current directory writable for the time of the run", function()
    assert.equal("x", prints("echo x > f; cat f", { "--overlay", "." }))
    assert.is_nil(run.read(folder .. "/f"))
  end)

  it("--hide shows nothing at a path, be it a file or a directory", function()
    assert.equal("", prints(("cat %s/file; ls %s/sub"):format(data, data),
      { "--ro", data, "--hide", data .. "/file", "--hide", data .. "/sub" }))
    assert.equal("", prints("cat /etc/passwd", { "--hide", "/etc/passwd" }))
  end)

  it("--hide cannot be undone by what may write around it", function()
    local result = sh(([[cd %s; rm -rf sub; mv sub moved; rmdir sub; cat moved/deep sub/deep
      mv file f2; rm -f file; cat f2 file]]):format(data),
      { "--rw", data, "--hide", data .. "/file", "--hide", data .. "/sub" })
    assert.equal("", result.stdout)
    assert.equal("of the host\n", run.read(data .. "/file"))
    assert.equal("deep\n", run.read(data .. "/sub/deep"))
  end)
end)
