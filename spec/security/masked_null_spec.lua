-- CVE-2025-31133: what is to be hidden is covered by the container's /dev/null, which the image has
-- replaced by a link: the file that it leads to is bound there, writable. Here directories get an
-- empty tmpfs, and files the host's null, held before the root is touched and checked to be the
-- character device 1:3.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a replaced /dev/null", function()
  local folder, victim

  setup(function()
    folder = run.folder()
    victim = folder .. "/victim"
    run.write(victim, "precious\n")
    os.execute("chmod 666 " .. victim)
  end)
  teardown(function() run.remove(folder) end)

  local REPLACED = {
    ["a link to the host"] = "ln -s %s dev/null", ["a link inside"] = "ln -s /etc/group dev/null",
    ["a file"] = "cp /etc/hostname dev/null; : %s", ["a directory"] = "mkdir dev/null; : %s",
    ["a fifo"] = "mkfifo dev/null; : %s",
    ["a link to the core pattern"] = "ln -s /proc/sys/kernel/core_pattern dev/null; : %s",
  }

  local function mounts_of(text)
    local found = {}
    for root, target in text:gmatch "%d+ %d+ %S+ (%S+) (/secret[^ ]*) " do found[target] = root end
    return found
  end

  for what, script in pairs(REPLACED) do
    for _, way in ipairs(ways.list()) do
      it(("(%s) is not what hides things in %s"):format(what, way.name), function()
        local name = (what .. way.name):gsub("%A", "-")
        local root = ways.rootfs(folder .. "/" .. name)
        local made = run.run(script:gsub("%%s", victim) .. "; echo hidden > secret; mkdir secrets; "
          .. "echo hidden > secrets/x", { cwd = root })
        assert.equal(0, made.status, made.stderr)
        local result = way.run({ "sh", "-c", "cat /secret /secrets/x; echo owned > /secret; "
          .. "cat /proc/self/mountinfo" }, { folder = folder, rootfs = root,
          options = { "--hide", "/secret", "--hide", "/secrets" },
          fields = "tidelock.fs.hide '/secret', tidelock.fs.hide '/secrets',",
          config = function(config)
            local masked = config.linux.maskedPaths
            masked[#masked + 1], masked[#masked + 2] = "/secret", "/secrets"
          end })
        assert.equal("precious\n", run.read(victim))
        assert.equal("hidden\n", run.read(root .. "/secret"))
        assert.is_nil(result.stdout:find("hidden", 1, true))
        assert.equal(0, result.status, result.stderr)
        assert.same({ ["/secret"] = "/null", ["/secrets"] = "/" }, mounts_of(result.stdout))
      end)
    end
  end

  it("of the host itself is refused, in a view of it where it is a file", function()
    if run.who() ~= "root" then run.skip "needs root" end
    for _, way in ipairs(ways.list()) do
      local words = way.words({ "true" }, { folder = folder })
      local result = run.run { "unshare", "-m", "--propagation", "private", "sh", "-c",
        'mount --bind "$0" /dev/null && exec "$@" 2>&1', victim, unpack(words) }
      assert.equal(125, result.status, result.stdout)
      assert.matches("/dev/null", result.stdout, 1, true)
      assert.equal("precious\n", run.read(victim))
    end
  end)

  it("is bound, and written through, by a runtime that trusts it: the attack works", function()
    local root = ways.rootfs(folder .. "/naive-root")
    os.execute(("ln -s %s %s/dev/null; echo hidden > %s/secret"):format(victim, root, root))
    local result = run.run { ways.naive(folder), "null", root, "secret", "owned\n" }
    assert.equal(0, result.status, result.stderr)
    assert.equal("owned\n", run.read(victim):sub(1, 6))
    run.write(victim, "precious\n")
  end)
end)
