--- Filters from a file: what is wrong with one is said before anything is started.

local filter = require("tidelock.core").filter
local default = require("tidelock.seccomp.default")
local required = require("tidelock.seccomp.required")

local function policy(action)
  return assert(filter.compile({
    otherwise = "allow", bad_arch = "kill", unknown = "allow",
    rules = { { names = { "execve" }, action = action } },
  }))
end

describe("a filter from elsewhere", function()
  local path

  local function write(bytes)
    local file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
  end

  local function refused(bytes, why)
    write(bytes)
    local loaded, message = required.load_file(path, filter)
    assert.is_nil(loaded)
    assert.matches(why, message, 1, true)
    assert.equal(1, (message:find(path, 1, true)))
  end

  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  it("is taken as it is when it lets execve through", function()
    for _, bytes in ipairs({ filter.compile(default.policy({})), policy("log") }) do
      write(bytes)
      assert.equal(bytes, required.load_file(path, filter))
    end
  end)

  it("is refused when it would stop the command from starting", function()
    refused(policy("kill"), "for execve it kills the process")
    refused(policy("kill_thread"), "for execve it kills the thread")
    refused(policy("trap"), "for execve it sends SIGSYS")
    refused(policy("errno:EACCES"), "for execve it fails with errno 13")
    refused(policy("trace:1"), "for execve it asks a tracer, and there is none")
    refused(policy("notify"), "for execve it asks a supervisor, and there is none")
    assert.is_true(required.check(policy("notify"), filter, true))
  end)

  it("is refused when it is no filter", function()
    refused("", "the file is empty")
    refused("#!/bin/sh\n", "10 bytes")
    refused("#!/bin/sh\nexit 0", "instruction 0 is not an operation")
    refused(("\6\0\0\0\0\0\255\127"):rep(4097), "more than 4096 instructions")
    refused(("\6\0\0\0\0\0\255\127"):rep(3) .. ("\32\0\0\0\0\0\0\0"), "instruction 3 is the last")
  end)

  it("is refused when it cannot be read", function()
    local loaded, message = required.load_file("/nonexistent/filter", filter)
    assert.is_nil(loaded)
    assert.matches("/nonexistent/filter: No such file", message, 1, true)
    loaded, message = required.load_file("/tmp", filter)
    assert.is_nil(loaded)
    assert.matches("/tmp: Is a directory", message, 1, true)
  end)
end)
