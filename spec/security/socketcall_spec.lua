-- The system calls of i386 hide a socket's family behind a pointer (socketcall), where no rule on
-- families looks; x32 is a second table beside the 64-bit one. Neither is to be had in a box. A
-- bundle has the filter of its config.json: a rule on families there holds for all of these too.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local AF_NETLINK, AF_VSOCK = 16, 40

describe("a socket of a family that is refused", function()
  local folder, attack

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
  end)
  teardown(function() run.remove(folder) end)

  local function try(way, family, unfiltered)
    return way.run({ "/attack/attack", "socketcall", tostring(family) },
      { folder = folder, binds = { attack }, unfiltered = unfiltered })
  end

  for _, way in ipairs(ways.filtered()) do
    it("cannot be had by socketcall, i386 or x32 in " .. way.name, function()
      for _, family in ipairs { AF_VSOCK, AF_NETLINK } do
        local result = try(way, family)
        assert.equal(0, result.status, result.stderr)
        for _, call in ipairs { "socketcall", "i386 socket", "x32 socket" } do
          assert.matches("\n" .. call .. " Function not implemented\n", "\n" .. result.stdout)
        end
      end
      -- The family itself is refused, and one that is allowed is not.
      assert.matches("\nsocket Address family not supported", try(way, AF_VSOCK).stdout)
      assert.matches("\nsocket made a socket\n", try(way, AF_NETLINK).stdout)
    end)
  end

  -- As engines write it, for the three kinds of system calls, and for one.
  local function refuse(architectures)
    return function(config)
      config.linux.seccomp = {
        defaultAction = "SCMP_ACT_ALLOW", architectures = architectures,
        syscalls = { { names = { "socket" }, action = "SCMP_ACT_ERRNO", errnoRet = 97,
          args = { { index = 0, value = AF_NETLINK, op = "SCMP_CMP_EQ" } } } },
      }
    end
  end

  it("cannot be had by socketcall, i386 or x32 in a bundle whose config.json refuses it", function()
    for _, architectures in ipairs { { "SCMP_ARCH_X86_64" },
      { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" } } do
      local result = ways.list()[3].run({ "/attack/attack", "socketcall", tostring(AF_NETLINK) },
        { folder = folder, binds = { attack }, config = refuse(architectures) })
      assert.is_nil(result.stdout:match "[^\n]*made a socket")
      -- Another kind of calls than those named kills.
      assert.equal(#architectures == 1 and 128 + 31 or 0, result.status, result.stderr)
    end
  end)

  it("is had by socketcall without a filter: the attack works", function()
    local result = try(ways.list()[1], AF_NETLINK, true)
    if result.status ~= 0 then run.skip "needs a kernel with 32-bit system calls" end
    assert.matches("^socketcall made a socket\ni386 socket made a socket\n", result.stdout)
  end)
end)
