-- No mount(2) gets an empty string for its data: the kernel would allocate and copy a page for each
-- (SEEDS.md). A trace of every process of a run and of an exec shows it.
local run = require "spec.support.run"

-- Every mount(2) of a command and what it starts: how many, and those with an empty string.
local function mounts(words, settings)
  local path = os.tmpname()
  local all = { "strace", "-f", "-qq", "-s", "4096", "-e", "trace=mount", "-e", "signal=none",
    "-o", path }
  for _, word in ipairs(words) do all[#all + 1] = word end
  local result = run.run(all, settings)
  local count, empty = 0, {}
  for line in io.lines(path) do
    -- A call that another process interrupts is shown in two parts, its arguments in the first.
    if line:find("mount(", 1, true) and not line:find("resumed", 1, true) then
      count = count + 1
      if line:find(', ""%)') or line:find(', "" <unfinished') then empty[#empty + 1] = line end
    end
  end
  os.remove(path)
  return count, empty, result
end

describe("mount(2)", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  before_each(function()
    if not run.has "strace" then run.skip "needs strace" end
  end)

  it("gets no empty data in a run, also with everything that mounts", function()
    for _, options in ipairs { {}, { "--rw", "." }, { "--tmpfs", "/scratch", "--overlay", "." },
      { "--view", "host" }, { "--ro", "/etc" } } do
      local words = { run.tidelock, "run" }
      for _, word in ipairs(options) do words[#words + 1] = word end
      for _, word in ipairs { "--", "true" } do words[#words + 1] = word end
      local count, empty, result = mounts(words, { cwd = folder })
      assert.equal(0, result.status, result.stderr)
      assert(count > 5, table.concat(options, " ") .. ": only " .. count .. " mounts were seen")
      assert.same({}, empty)
    end
  end)

  it("gets no empty data in a box, in exec and in read", function()
    run.write(folder .. "/job.lua", [[
      local tidelock = require "tidelock"
      local box = assert(tidelock.spec {
        tidelock.op.mount { target = "/own", fstype = "tmpfs", flags = 0, at = "mounts" },
        tidelock.fs.overlay { "/usr", "/usr" } }:start())
      box:exec { "true" }:assert()
      assert(box:read "/etc/passwd")
      box:stop()]])
    local count, empty, result = mounts({ run.tidelock, folder .. "/job.lua" }, { cwd = folder })
    assert.same({ 0, "" }, { result.status, result.stderr })
    assert(count > 5, "only " .. count .. " mounts were seen")
    assert.same({}, empty)
  end)

  it("would be caught if it did", function()
    run.write(folder .. "/empty.c", [[
      #include <sys/mount.h>
      int main(void) { mount("none", "/nonexistent", "tmpfs", 0, ""); return 0; }]])
    local made = run.run({ "gcc", "-o", folder .. "/empty", folder .. "/empty.c" })
    assert.equal(0, made.status, made.stderr)
    local count, empty = mounts { folder .. "/empty" }
    assert.same({ 1, 1 }, { count, #empty })
  end)
end)
