-- core.prctl: each in a child, for most cannot be taken back.
local child = require "spec.support.child"
local core = require "tidelock.core"
local run = require "spec.support.run"

local prctl = core.prctl

local function status(field)
  return run.read("/proc/self/status"):match("\n" .. field .. ":%s*(%S+)")
end

describe("core.prctl", function()
  it("no_new_privs", function()
    assert.same({ false, true, true, "1" }, { child.call(function()
      return prctl.get_no_new_privs(), prctl.set_no_new_privs(), prctl.get_no_new_privs(),
        status "NoNewPrivs"
    end) })
    assert.is_false(prctl.get_no_new_privs())
  end)

  it("dumpable, child_subreaper and keepcaps are switches", function()
    for _, name in ipairs { "dumpable", "child_subreaper", "keepcaps" } do
      local set, get = prctl["set_" .. name], prctl["get_" .. name]
      assert.same({ true, true, true, false, true, true }, { child.call(function()
        return set(true), get(), set(false), get(), set(), get()
      end) }, name)
      assert.has_error(function() set(1) end)
    end
  end)

  it("a subreaper gets the orphans", function()
    assert.is_true((child.call(function()
      assert(prctl.set_child_subreaper())
      local r, w = core.process.pipe()
      local middle = core.process.child(function()
        core.process.child(function()
          r:read(1)
          return 9
        end)
      end)
      assert(middle:wait(5))
      w:write "x"
      return core.process.waitid("all").status == 9
    end)))
  end)

  it("pdeathsig, by name", function()
    assert.same({ false, true, "TERM", true, "RTMIN+2", true, false }, { child.call(function()
      return prctl.get_pdeathsig(), prctl.set_pdeathsig "TERM", prctl.get_pdeathsig(),
        prctl.set_pdeathsig "RTMIN+2", prctl.get_pdeathsig(), prctl.set_pdeathsig(),
        prctl.get_pdeathsig()
    end) })
    assert.same({ nil, "EINVAL", 22 }, { prctl.set_pdeathsig(99) })
    assert.has_error(function() prctl.set_pdeathsig "TERMINATE" end)
  end)

  it("securebits, by name", function()
    local two = { "noroot", "no_cap_ambient_raise" }
    assert.same({ {}, true, two, true, {} }, { child.call(function()
      return prctl.get_securebits(),
        prctl.set_securebits { "noroot", "no_cap_ambient_raise" }, prctl.get_securebits(),
        prctl.set_securebits {}, prctl.get_securebits()
    end, { "user" }) })
    assert.same({ nil, "EPERM", 1 }, { child.call(function()
      core.capability.capset { effective = {} }
      return prctl.set_securebits "noroot"
    end, { "user" }) })
    assert.has_error(function() prctl.set_securebits "no_root" end)
    assert.has_error(function() prctl.set_securebits() end)
  end)

  it("name", function()
    assert.same({ true, "a name of fifte", "a name of fifte\n" }, { child.call(function()
      return prctl.set_name "a name of fifteen", prctl.get_name(), run.read "/proc/self/comm"
    end) })
  end)

  it("mdwe forbids new executable memory, and Lua goes on", function()
    local before, done, after, refused, sum = child.call(function()
      local ffi = require "ffi"
      ffi.cdef [[void *mmap(void *, size_t, int, int, int, long);
        int mprotect(void *, size_t, int);]]
      local page = ffi.C.mmap(nil, 4096, 3, 0x22, -1, 0)
      local first, ok, code = prctl.get_mdwe(), prctl.set_mdwe()
      if not ok then return first, code end
      local total = 0
      for i = 1, 1e6 do total = total + i % 7 end
      return first, ok, prctl.get_mdwe(), ffi.C.mprotect(page, 4096, 5) == -1, total
    end)
    if done == "EINVAL" then return end -- before Linux 6.3
    assert.same({ {}, true, { "refuse_exec_gain" }, true }, { before, done, after, refused })
    assert.equal(2999998, sum)
    assert.has_error(function() prctl.set_mdwe "all" end)
  end)

  it("hide_self_exe is unavailable, and sets no other thing by its number", function()
    assert.same({ nil, "unavailable" }, { prctl.hide_self_exe() })
    assert.same({}, prctl.get_mdwe() or {})
  end)
end)
