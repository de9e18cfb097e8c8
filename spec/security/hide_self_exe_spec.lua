-- prctl.hide_self_exe: proposed four times and never merged, so it is known by name only. The
-- numbers that its versions had belong to other things now: 65 would forbid writable and executable
-- memory, which breaks a JIT, 67 would merge memory pages (SEEDS.md).
local run = require "spec.support.run"

local function prctl()
  return require("tidelock.core").prctl
end

describe("prctl.hide_self_exe", function()
  it("is unavailable here, and says so", function()
    assert.same({ nil, "unavailable" }, { prctl().hide_self_exe() })
  end)

  it("makes no system call that a later kernel could take for something else", function()
    if not run.has "strace" then run.skip "needs strace" end
    local path = os.tmpname()
    run.write(path, 'print(require("tidelock.core").prctl.hide_self_exe())\n')
    os.execute(("mv %s %s.lua"):format(path, path))
    local result = run.run({ "strace", "-f", "-qq", "-e", "trace=prctl", run.tidelock,
      path .. ".lua" })
    os.remove(path .. ".lua")
    assert.equal("nil\tunavailable\n", result.stdout)
    for call in result.stderr:gmatch "prctl%(([^\n]*)" do
      assert(not call:match "^0x4[1-4]" and not call:match "MDWE" and not call:match "MEMORY_MERGE"
        and not call:match "HIDE", call)
    end
  end)

  it("is not what protects: the program of a box is a sealed copy with or without it", function()
    local result = run.tl { "run", "--force", "--cap-add", "SYS_PTRACE", "--", "readlink",
      "/proc/1/exe" }
    assert.equal("/memfd:tidelock-init (deleted)\n", result.stdout, result.stderr)
  end)
end)
