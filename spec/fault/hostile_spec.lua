-- Hostile plans: init as the real binary, and the validator behind core.plan.
local core = require "tidelock.core"
local plans = require "spec.support.plan"
local run = require "spec.support.run"

local message = "tidelock-init: there is no plan here to carry out\n"

-- A plan that the harness can carry out to its end: its id map has no setgroups and one id.
local function plan_bytes()
  local _, ops, prepared = plans.default { cwd = "/usr" }
  local kept = {}
  for _, op in ipairs(ops) do
    if op.op ~= "setgroups" then
      if op.op == "mount" and op.fstype == "devpts" then op.data = op.data:gsub(",gid=5", "") end
      if op.op == "setresuid" then op.uid = 0 elseif op.op == "setresgid" then op.gid = 0 end
      kept[#kept + 1] = op
    end
  end
  return core.plan.pack(kept, { given = #prepared.given })
end

describe("init", function()
  local folder, harness, init
  local seed = tonumber(os.getenv "TIDELOCK_SEED") or os.time() % 100000

  setup(function()
    folder = run.folder()
    harness, init = folder .. "/hostile", folder .. "/init"
    local built = run.run({ "gcc", "-std=gnu11", "-O1", "-D_GNU_SOURCE", "-o", harness,
      "spec/support/hostile.c", "core/plan/check.c" }, { timeout = 60 })
    assert(built.status == 0, built.stderr)
    local source = run.tidelock:match("^(.*)/") .. "/init"
    assert(os.execute(("cp %s %s"):format(run.quote(source), init)) == 0)
    run.write(folder .. "/plan", plan_bytes())
  end)
  teardown(function() run.remove(folder) end)

  local function feed(...)
    return run.run({ harness, init, folder .. "/plan", ... }, { timeout = 60 })
  end

  it("does nothing without a link, a sealed plan and a page, whatever its arguments", function()
    for _, case in ipairs { "nothing", "no-arguments", "interpreter", "file", "folder", "pipe",
      "no-files", "one-file", "many-files", "swapped", "unsealed", "half-sealed",
      "writable", "shrinkable", "growable", "empty", "short-page", "read-only-page", "huge" } do
      local result = feed(case)
      assert.equal("125 0 " .. message, result.stdout, case .. ": " .. result.stderr)
    end
  end)

  it("leaves without a word when the supervisor is gone before the plan", function()
    assert.equal("125 0 ", feed("hung-up").stdout)
  end)

  local function counted(...)
    local result = feed(...)
    assert.equal(0, result.status, ("seed %d\n%s%s"):format(seed, result.stdout, result.stderr))
    local refused, failed, ended, bad = result.stdout:match(
      "refused (%d+) failed (%d+) ended (%d+) bad (%d+)")
    assert.equal("0", bad, result.stderr)
    return tonumber(refused), tonumber(failed), tonumber(ended)
  end

  it("survives 3000 changed plans, and acts on none that the validator refuses", function()
    local refused, failed, ended = counted("mutate", tostring(seed), "3000")
    assert.equal(3000, refused + failed + ended)
    assert(refused > 500 and failed > 5 and ended > 100,
      ("refused %d, failed %d, ended %d: the changes are not what they should be"):format(
        refused, failed, ended))
  end)

  it("refuses 1000 plans of random bytes", function()
    assert.equal(1000, (counted("random", tostring(seed), "1000")))
  end)
end)

describe("core.plan.check", function()
  local bytes = plans.default()

  local words = { "\0\0\0\0", "\255\255\255\255", "\255\255\255\127", "\1\0\0\0" }

  local function changed()
    local list = { bytes }
    for _ = 1, math.random(3) do
      local text = table.concat(list)
      local at = math.random(#text)
      local kind = math.random(4)
      if kind == 1 then
        list = { text:sub(1, at - 1), string.char(math.random(0, 255)), text:sub(at + 1) }
      elseif kind == 2 then
        list = { text:sub(1, at) }
      elseif kind == 3 then
        local word = words[math.random(#words)]
        at = at - at % 4
        list = { text:sub(1, at), word, text:sub(at + 5) }
      else
        local record = 64 + 32 * math.random(0, 80)
        local other = 64 + 32 * math.random(0, 80)
        list = { text:sub(1, record), text:sub(other + 1, other + 32), text:sub(record + 33) }
      end
    end
    return table.concat(list)
  end

  it("answers to 10000 changed plans, and unpack agrees with it", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or os.time()
    math.randomseed(seed)
    local good, refused = 0, 0
    for _ = 1, 10000 do
      local text = changed()
      local fine, fault = core.plan.check(text)
      if fine then
        good = good + 1
        assert.is_table(core.plan.unpack(text))
      else
        refused = refused + 1
        assert(type(fault.index) == "number" and type(fault.why) == "string" and #fault.why > 5)
        if refused % 50 == 0 then assert.has_error(function() core.plan.unpack(text) end) end
      end
    end
    assert(good > 100 and refused > 1000,
      ("seed %d: %d good, %d refused"):format(seed, good, refused))
  end)

  it("answers to any string", function()
    for _, text in ipairs { "", "\0", ("\0"):rep(63), ("\0"):rep(64), ("\0"):rep(65),
      bytes:sub(1, 64), ("TDLPLAN1"):rep(100), bytes .. bytes } do
      assert.is_nil((core.plan.check(text)))
    end
    assert.is_true(core.plan.check(bytes))
  end)
end)
