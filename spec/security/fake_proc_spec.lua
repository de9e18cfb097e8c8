-- CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2025-52881: a runtime writes
-- a label or a sysctl to what it takes for the kernel's file, and that is a file of the image's, or
-- another of the kernel's: /proc is a link, or something is mounted over it. There are no labels
-- here; sysctls are written through a procfs that nobody else can reach, by exact names, and no
-- mount of the user's may lie in /proc.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local SYSCTL = "/sys/net/ipv4/ip_forward"

describe("a fake /proc", function()
  local folder, roots

  local FAKE = [[mkdir -p $1/sys/net/ipv4 $1/self/attr $1/1/attr $1/thread-self/attr &&
    for f in sys/net/ipv4/ip_forward self/attr/exec self/attr/current self/oom_score_adj \
      thread-self/attr/exec self/uid_map self/setgroups; do echo fake > $1/$f; done
    chmod -R a+rwX $1]]

  -- Each root lies in another way about what /proc is.
  local LIES = {
    link = "rmdir proc; sh -c '%s' sh fake; ln -s fake proc",
    ["link-out"] = "rmdir proc; ln -s ../../fake-outside proc",
    directory = "sh -c '%s' sh proc",
    ["link-to-self"] = "rmdir proc; sh -c '%s' sh fake; ln -s /proc/../fake proc",
    ["sys-is-a-link"] = "sh -c '%s' sh proc; mv proc/sys real; ln -s /real proc/sys",
  }

  setup(function()
    folder, roots = run.folder(), {}
    run.run { "sh", "-c", FAKE, "sh", folder .. "/fake-outside" }
    for name, script in pairs(LIES) do
      roots[name] = ways.rootfs(folder .. "/" .. name)
      local made = run.run(script:format((FAKE:gsub("%$1", "\"$1\""):gsub("'", ""))),
        { cwd = roots[name] })
      assert.equal(0, made.status, made.stderr)
    end
  end)
  teardown(function() run.remove(folder) end)

  -- Every file that could have been taken for the kernel's holds what it held.
  local function is_untouched()
    local found = run.run(("find %s -path '*/bin' -prune -o -type f \\( -name ip_forward -o "
      .. "-name exec -o -name current -o -name oom_score_adj -o -name uid_map -o -name setgroups "
      .. "\\) -print -exec cat {} +"):format(folder)).stdout
    local files = 0
    for line in found:gmatch "[^\n]+" do
      if line:sub(1, 1) == "/" then files = files + 1 else assert.equal("fake", line) end
    end
    assert(files >= 5 * 7, "only " .. files .. " files were looked at")
  end

  for _, way in ipairs(ways.list()) do
    it("gets no sysctl that " .. way.name .. " writes, and no label", function()
      for name, root in pairs(roots) do
        local result = way.run({ "sh", "-c", "cat /proc" .. SYSCTL }, { folder = folder,
          rootfs = root, options = { folder .. "/sysctl.lua" },
          fields = "tidelock.op.sysctl { 'net.ipv4.ip_forward', '1', at = 'mounts' },",
          config = function(config)
            config.linux.sysctl = { ["net.ipv4.ip_forward"] = "1" }
            config.process.oomScoreAdj = 100
          end })
        -- Inside it is the kernel's own that was written, if it started at all.
        if not name:find "^link%-" or result.status == 0 then
          assert.same({ 0, "1\n" }, { result.status, result.stdout }, name .. result.stderr)
        end
        is_untouched()
      end
    end)
  end

  setup(function()
    run.write(folder .. "/sysctl.lua", [[
      local tidelock = require "tidelock"
      return tidelock.spec {
        tidelock.op.sysctl { "net.ipv4.ip_forward", "1", at = "mounts" } }]])
  end)

  it("gets what is written by name after chroot: the attack works", function()
    local root = ways.rootfs(folder .. "/naive-root")
    run.run { "sh", "-c", FAKE, "sh", root .. "/proc" }
    local result = run.run { ways.naive(folder), "write", root, "/proc" .. SYSCTL, "owned\n" }
    assert.equal(0, result.status, result.stderr)
    assert.equal("owned\n", run.read(root .. "/proc" .. SYSCTL))
    os.execute("rm -r " .. run.quote(root))
  end)
end)

describe("a mount over the kernel's files", function()
  local folder

  setup(function() folder = run.folder() end)
  teardown(function() run.remove(folder) end)

  for _, way in ipairs(ways.list()) do
    for _, target in ipairs { "/proc", "/proc/self/attr", "/proc/sys/net", "/proc/./self",
      "//proc/self/", "/proc/self/attr/exec" } do
      it(("on %s is refused by %s"):format(target, way.name), function()
        local result = way.run({ "true" }, { folder = folder,
          binds = { { folder, target } } })
        assert.equal(125, result.status, result.stdout)
        assert(result.stderr:find("lies in /proc", 1, true)
          or result.stderr:find("would be no procfs", 1, true), result.stderr)
      end)
    end
  end

  it("is refused too where it climbs there", function()
    for _, way in ipairs(ways.list()) do
      local result = way.run({ "true" }, { folder = folder, binds = { { folder,
        "/tmp/../proc/self" } } })
      assert.equal(125, result.status, result.stdout)
      assert(result.stderr:find("climbs with ..", 1, true)
        or result.stderr:find("a target without ", 1, true), result.stderr)
    end
  end)

  it("through a link of the root does not lie in /proc either", function()
    local root = ways.rootfs(folder .. "/root")
    os.execute(("ln -s /proc/self %s/innocent; ln -s proc/sys %s/other"):format(root, root))
    for _, way in ipairs(ways.list()) do
      for _, target in ipairs { "/innocent/attr", "/other/net", "/innocent/../sys" } do
        local result = way.run({ "cat", "/proc/self/mountinfo" }, { folder = folder, rootfs = root,
          binds = { { folder, target } } })
        for line in result.stdout:gmatch "[^\n]+" do
          local at = line:match "^%d+ %d+ %S+ %S+ (%S+)"
          assert(not at:match "^/proc/.*net$" and not at:match "^/proc/.*attr$", line)
        end
        assert.equal(125, result.status, result.stdout)
      end
    end
  end)
end)

describe("the name of a sysctl", function()
  it("leads nowhere but below /proc/sys", function()
    local folder = run.folder()
    for i, name in ipairs { "net..ipv4.ip_forward", "../sysrq-trigger", "net/../../sysrq-trigger",
      "net.ipv4.ip_forward/../../../kernel/hostname", "/sysrq-trigger", "net", "net.",
      ("net."):rep(80) } do
      local script = ("%s/%d.lua"):format(folder, i)
      run.write(script, ([[
        local tidelock = require "tidelock"
        local report = tidelock.spec {
          tidelock.op.sysctl { %q, "h", at = "mounts" } }:run { "true" }
        print(report.reason)]]):format(name))
      local result = run.run { run.tidelock, script }
      assert.matches("setup\n$", result.stdout .. (result.stderr ~= "" and "setup\n" or ""),
        name .. result.stderr)
    end
    run.remove(folder)
  end)
end)
