-- CVE-2026-31431: AF_ALG and splice wrote into the page cache of files that were only readable. The
-- family is refused, but for a bundle, whose filter is that of its config.json; and what a box
-- executes of tidelock is a copy of its own (self_exe_spec).
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a socket of AF_ALG", function()
  local folder, attack

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
  end)
  teardown(function() run.remove(folder) end)

  local function try(way, settings)
    settings.folder, settings.binds = folder, { attack }
    return way.run({ "/attack/attack", "algorithm" }, settings)
  end

  local NO = " Address family not supported by protocol\n"
  local REFUSED = "socket" .. NO .. "wide socket" .. NO .. "socketpair" .. NO
  -- A kernel without AF_ALG says the same; this it says only if the filter does.
  local BY_FILTER = REFUSED .. "impossible socket" .. NO

  for _, way in ipairs(ways.filtered()) do
    for what, caps in pairs { ["by default"] = {}, ["with capabilities"] = { "SYS_ADMIN",
      "NET_ADMIN", "NET_RAW" } } do
      it(("cannot be had in %s, %s"):format(way.name, what), function()
        local result = try(way, { caps = caps[1] and caps })
        assert.equal(BY_FILTER, result.stdout, result.stderr)
      end)
    end
  end

  it("cannot be had in a bundle whose config.json refuses it", function()
    local printed = try(ways.list()[3], { config = function(config)
      config.linux.seccomp = {
        defaultAction = "SCMP_ACT_ALLOW", architectures = { "SCMP_ARCH_X86_64" },
        syscalls = { { names = { "socket", "socketpair" }, action = "SCMP_ACT_ERRNO", errnoRet = 97,
          args = { { index = 0, value = 38, op = "SCMP_CMP_EQ" } } } },
      }
    end }).stdout
    assert.matches("impossible socket" .. NO, printed, 1, true)
    assert.is_nil(printed:match "[^\n]*made a socket")
  end)

  it("is the kernel's to refuse without a filter", function()
    local printed = try(ways.list()[1], { unfiltered = true }).stdout
    assert.matches("impossible socket Invalid argument\n", printed, 1, true)
  end)

  it("is had without a filter: the attack works", function()
    local printed = try(ways.list()[1], { unfiltered = true }).stdout
    if printed:find(REFUSED, 1, true) then run.skip "needs a kernel with AF_ALG" end
    assert.matches("bound a hash\n", printed, 1, true)
  end)
end)
