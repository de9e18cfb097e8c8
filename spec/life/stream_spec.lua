-- Standard input, output and error of `tidelock run`.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("the standard streams", function()
  local tl = run.quote(run.tidelock)

  it("stdin reaches the workload from a pipe", function()
    assert.equal("hello\n", run.run("echo hello | " .. tl .. " run -- cat").stdout)
    assert.equal("hello\n", box.run({ "cat" }, nil, { stdin = "hello\n" }).stdout)
  end)

  it("a large amount passes unchanged both ways", function()
    local sum = "head -c 8000000 /dev/zero | tr '\\0' x | "
    assert.equal(run.run(sum .. "cksum").stdout,
      run.run(sum .. tl .. " run -- cat | cksum").stdout)
  end)

  it("stdout and stderr stay apart", function()
    local result = box.sh "echo out; echo err >&2"
    assert.same({ "out\n", "err\n" }, { result.stdout, result.stderr })
  end)

  it("the exit status comes through a pipe", function()
    assert.equal("0 5", run.run { "bash", "-c", "true | " .. tl
      .. " run -- sh -c 'exit 5'; echo -n ${PIPESTATUS[*]}" }.stdout)
  end)

  it("a reader that goes away ends the workload by SIGPIPE", function()
    local result = run.run { "bash", "-c", tl .. " run -- yes | head -1; echo ${PIPESTATUS[0]}" }
    assert.equal("y\n141\n", result.stdout)
    assert.matches("killed by SIGPIPE", result.stderr)
  end)

  it("streams that are closed do no harm and let nothing in", function()
    for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" } do
      local folder = run.folder()
      local result = run.run(("%s run --rw . -- sh -c 'ls -l /proc/$$/fd > fds; exit 4' %s"):format(
        tl, closed), { cwd = folder })
      assert.equal(4, result.status, closed)
      local list = run.read(folder .. "/fds")
      assert.is_nil(list:match("memfd") or list:match("anon_inode") or list:match("/ns/"), list)
      run.remove(folder)
    end
  end)

  it("a full output device is the workload's own failure", function()
    local result = run.run(tl .. " run -- sh -c 'echo x' > /dev/full")
    assert.not_equal(0, result.status)
  end)
end)
