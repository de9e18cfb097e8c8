-- Of the one who calls exec and write nothing comes into the box that was not asked for.
local run = require "spec.support.run"

describe("the caller of a box", function()
  local folder

  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  local function lua(before, text)
    run.write(folder .. "/job.lua", ([[
      local box = assert(require("tidelock").spec {}:start())
      %s
      box:stop()]]):format(text))
    local result = run.run(("%s %s %s/job.lua"):format(before, run.quote(run.tidelock), folder))
    assert.same({ 0, "" }, { result.status, result.stderr }, result.stdout)
    return result.stdout
  end

  it("lends exec no supplementary groups", function()
    if run.who() ~= "root" then run.skip "needs root" end
    assert.equal("Groups:\t \n", lua("setpriv --groups 4,24",
      [[box:exec { "grep", "^Groups", "/proc/self/status" }]]))
  end)

  it("lends neither exec nor write its umask", function()
    assert.equal("0022\n644\n", lua("umask 077;", [[
      box:exec { "sh", "-c", "umask" }
      assert(box:write("/tmp/made", "x"))
      box:exec { "stat", "-c", "%a", "/tmp/made" }]]))
  end)
end)
