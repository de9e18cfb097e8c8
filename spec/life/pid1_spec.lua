-- What PID 1 of a box still is and may, once it only reaps: little, and nothing of the host.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("PID 1 beside the workload", function()
  local status = {}

  setup(function()
    for name, value in box.prints "cat /proc/1/status":gmatch "(%w+):[ \t]*([^\n]*)" do
      status[name] = value
    end
  end)

  local function of(name) return status[name] end

  it("may signal other uids, and gain nothing", function()
    for _, set in ipairs { "CapPrm", "CapEff" } do
      assert.equal("0000000000000020", of(set), set) -- CAP_KILL
    end
    assert.equal("0000000000000000", of "CapInh")
    assert.equal("0000000000000000", of "CapAmb")
    assert.equal("1", of "NoNewPrivs")
  end)

  it("has no id of the host's, and none that it could go back to", function()
    for _, name in ipairs { "Uid", "Gid" } do
      local id = of(name):match "^%d+"
      assert.equal(("%s\t%s\t%s\t%s"):format(id, id, id, id), of(name))
    end
  end)

  it("ends what the workload has left, and counts it, before it tells the end", function()
    local report = box.report { "sh", "-c", "(while :; do :; done) & sleep 0.4" }
    assert(report.usage.user > 0.1, report.usage.user)
  end)

  it("leads a session of its own, and takes signals only when it reads them", function()
    assert.equal("1 1", box.prints "cut -d ' ' -f 5,6 /proc/1/stat")
    assert.equal("fffffffffffbfeff", of "SigBlk")
  end)

  it("holds the link and its signals and no other descriptor", function()
    -- Only the host's root may look, by way of SYS_PTRACE: PID 1 is not dumpable.
    if run.who() ~= "root" then run.skip "needs root" end
    local folder = run.folder()
    local list = box.prints("for f in /proc/1/fd/*; do readlink $f; done",
      { "--cap-add", "SYS_PTRACE", "--force", "--rw", ".", "--tmpfs", "/scratch" },
      { cwd = folder })
    run.remove(folder)
    assert.equal("anon_inode:[signalfd]\nsocket:",
      (table.concat(box.sorted(list), "\n"):gsub("%[%d+%]", "")))
  end)
end)

describe("the root of a box", function()
  it("is read-only, small, and takes no devices and no set-uid programs", function()
    local line = box.prints "grep ' / / ' /proc/self/mountinfo"
    local words = {}
    for word in line:gmatch "[^ ,]+" do words[word] = true end
    for _, word in ipairs { "ro", "nosuid", "nodev", "size=1024k" } do
      assert(words[word], word .. ": " .. line)
    end
  end)
end)
