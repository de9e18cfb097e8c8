-- CVE-2026-30892: `exec -u 1` was read as 0:0. A user is a whole decimal number, or a name of the
-- root's own /etc/passwd, whose numbers are read as strictly; everything else is refused, and what
-- is taken is what the process is.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local LARGEST = 4294967294

describe("a user given as text", function()
  local identity = require "tidelock.normalise.identity"

  -- What may pass: its number written out is the very text.
  local function verify(text)
    local id = identity.parse_id(text)
    if id then
      assert(id >= 0 and id <= LARGEST and id % 1 == 0, text)
      assert.equal(text, ("%.0f"):format(id))
    else
      assert(not text:find "^%d+$" or text:find "^0." or #text > 10 or tonumber(text) > LARGEST,
        text .. " is refused")
    end
    return id ~= nil
  end

  it("is exactly the number that it spells, or refused: 50000 texts", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or os.time()
    math.randomseed(seed)
    local letters = "00112345678999 +-.,:xXeEbo\t\n\0_aF"
    local taken = 0
    for _ = 1, 50000 do
      local text = {}
      for i = 1, math.random(0, 12) do
        -- Mostly digits, so that there is something to take.
        local n = math.random(3) > 1 and math.random(12) or math.random(#letters)
        text[i] = letters:sub(n, n)
      end
      if verify(table.concat(text)) then taken = taken + 1 end
    end
    assert(taken > 1000, ("seed %d: only %d were taken"):format(seed, taken))
  end)

  it("is taken or refused at the borders", function()
    for text, good in pairs {
      ["0"] = true, ["1"] = true, ["4294967294"] = true, ["4294967295"] = false,
      ["4294967296"] = false, ["18446744073709551616"] = false, ["00"] = false, ["01"] = false,
      ["-1"] = false, ["+1"] = false, [" 1"] = false, ["1 "] = false, ["1\n"] = false,
      ["0x1"] = false, ["1e3"] = false, ["1.0"] = false, [""] = false, ["1\0"] = false,
    } do
      assert.equal(good, verify(text), text)
    end
  end)
end)

describe("the user of a process", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  local ID = { "sh", "-c", "echo $(id -u):$(id -g)" }

  for _, way in ipairs(ways.list()) do
    it("is the one that was asked for in " .. way.name, function()
      local who = run.who() == "root"
      for _, user in ipairs(who and { "1", "0", "1:1", "10", "1:0", "65534:1" } or { "0" }) do
        local want = user:find ":" and user or user .. ":" .. user
        -- A bare number has the group that /etc/passwd says, on this host its own.
        local result = way.run(ID, { folder = folder, rootfs = way.name ~= "bundle"
          and ways.rootfs(folder .. "/root-" .. way.name .. user:gsub(":", "-")) or nil,
          user = (who or way.name ~= "exec") and user or nil,
          fields = not who and "user = '0'," or nil })
        assert.equal(want .. "\n", result.stdout, user .. result.stderr)
      end
    end)
  end

  it("is refused where it is no number and no name, by run and exec", function()
    for _, way in ipairs(ways.filtered()) do
      for _, user in ipairs { "1x", "+1", " 1", "1 ", "0x0", "01", "1:", ":1", "1:1:1", "-1",
        "4294967295", "4294967296", "1\n", "1e0", "", "0:0x0", "1:-0" } do
        local result = way.run(ID, { folder = folder, user = user })
        assert.same({ 125, "" }, { result.status, result.stdout }, ("%q"):format(user))
      end
    end
  end)

  it("is refused where it is no number, by a bundle", function()
    for _, value in ipairs { 1.5, -1, 4294967295, 4294967296, 2 ^ 53, "1", "0", true } do
      for _, name in ipairs { "uid", "gid" } do
        local way = ways.list()[3]
        local result = way.run(ID, { folder = folder, config = function(config)
          config.process.user[name] = value
        end })
        assert.same({ 125, "" }, { result.status, result.stdout }, tostring(value))
      end
    end
  end)

  -- The image's own /etc/passwd, which may be anything.
  local LINES = { "evil:x:4294967296:0::/:", "evil:x:0x0:0::/:", "evil:x:-1:0::/:", "evil:x::0::/:",
    "evil:x: 0:0::/:", "evil:x:+0:0::/:", "evil:x:00:0::/:", "evil:x:1:4294967296::/:",
    "evil:x:18446744073709551616:0::/:", "evil", "evil:x", "evil:x:1", "#evil:x:0:0::/:",
    "evil:x:0.0:0::/:", "evil:x:1e1:0::/:" }

  it("is no name whose line in the root's /etc/passwd is malformed", function()
    local root = ways.rootfs(folder .. "/root")
    for _, line in ipairs(LINES) do
      run.write(root .. "/etc/passwd", line .. "\n")
      for _, way in ipairs(ways.filtered()) do
        local result = way.run(ID, { folder = folder, rootfs = root, user = "evil" })
        assert.same({ 125, "" }, { result.status, result.stdout }, line)
      end
    end
  end)

  it("is looked up in the root alone, whatever its /etc/passwd is", function()
    local root = ways.rootfs(folder .. "/hostile")
    run.write(folder .. "/passwd", "evil:x:0:0::/:\n")
    for _, script in ipairs { "ln -s %s/passwd etc/passwd",
      "ln -s ../../../../../../..%s/passwd etc/passwd", "mkfifo etc/passwd; : %s",
      "mkdir etc/passwd; : %s", "truncate -s 1G etc/passwd; : %s", "ln -s passwd etc/passwd; : %s",
      "ln -s /proc/self/fd/0 etc/passwd; : %s" } do
      os.execute(("cd %s && rm -rf etc/passwd && "):format(root) .. script:format(folder))
      for _, way in ipairs(ways.filtered()) do
        local result = way.run(ID, { folder = folder, rootfs = root, user = "evil" },
          { stdin = "evil:x:0:0::/:\n" })
        assert.is_false(result.timed_out)
        assert.same({ 125, "" }, { result.status, result.stdout }, script)
      end
    end
  end)
end)
