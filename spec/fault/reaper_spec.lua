-- PID 1 of a box gives up what it no longer needs beside the workload, or the box ends; and a start
-- with the launcher's descriptors on every number.
local inject = require "spec.support.inject"
local run = require "spec.support.run"

describe("PID 1 that cannot give up its rights", function()
  it("takes the box with it", function()
    local job = { "run", "--", "sleep", "0.3" }
    local tried, forked = 0, false
    for _, call in ipairs(inject.list(job)) do
      if call.role == inject.init then
        local confines = call.name == "close_range" or call.name == "capset" or call.name == "prctl"
        if forked and confines then
          tried = tried + 1
          local result = inject.fail(call, "EPERM", job)
          assert.not_equal(0, result.status, ("%s #%d"):format(call.name, call.occurrence))
        end
        forked = forked or call.name == "clone"
      end
    end
    assert(tried >= 4, tried)
  end)
end)

describe("a caller with descriptors on any numbers", function()
  it("starts a box all the same", function()
    for last = 3, 16 do
      local opens = { "10<&-" } -- a shell's own
      for fd = 3, last do opens[#opens + 1] = fd .. "</dev/null" end
      local result = run.run { "bash", "-c", "exec " .. table.concat(opens, " ") .. "; "
        .. run.quote(run.tidelock) .. " run -- true" }
      assert.same({ 0, "" }, { result.status, result.stderr }, "up to " .. last)
    end
  end)
end)
