-- Each operation of the default plan with a system call made to fail in turn
-- (spec/support/faults.lua).
local faults = require "spec.support.faults"
local inject = require "spec.support.inject"

describe("a system call that fails", function()
  it("is reported by the operation that made it, and leaves nothing", function()
    faults.each_fails({ "run", "--", "true" }, 51)
  end)

  it("is so, too, when init opens a terminal", function()
    local own = { ioctl = true, fstatfs = true, sendmsg = true, dup3 = true }
    faults.each_fails({ "run", "-t", "--", "true" }, 8, function(call)
      return call.role == inject.init and own[call.name]
    end)
  end)
end)
