-- CVE-2026-41579, CVE-2026-47766, CVE-2026-88264, CVE-2026-88265: the root's /dev is a link, or
-- /dev/null, /dev/console, /dev/fd, /dev/ptmx are, and the runtime makes or opens files through
-- them on the host. Here everything in /dev is made in a directory that was resolved in the root,
-- no last name is followed, and a node that is there already is taken only if it is the very
-- device.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a root whose /dev leads elsewhere", function()
  local folder, victim

  before_each(function()
    folder = run.folder()
    victim = folder .. "/victim"
    os.execute(("mkdir -m 777 %s && echo precious > %s/null && chmod 666 %s/null"):format(victim,
      victim, victim))
  end)
  after_each(function() run.remove(folder) end)

  local function is_untouched()
    assert.equal("null\nprecious\n", run.run(("ls %s; cat %s/null"):format(victim, victim)).stdout)
  end

  local LINKS = {
    ["an absolute link"] = "rmdir dev; ln -s %s dev",
    ["a link that climbs"] = "rmdir dev; ln -s ../../../../../../../..%s dev",
    ["a link by way of /proc/1/root"] = "rmdir dev; ln -s /proc/1/root%s dev",
    ["a link by way of /proc/self/fd"] = "rmdir dev; ln -s /proc/self/fd/17/../../../../..%s dev",
    ["links in /dev"] = "for f in null zero tty console ptmx pts shm mqueue fd stdin; do "
      .. "ln -s %s/$f dev/$f; done",
    ["files in /dev"] = "for f in null zero tty console ptmx fd stdin; do echo fake > dev/$f; "
      .. "done; ln -s %s dev/pts",
  }

  local SEE = "for f in null zero full; do [ -c /dev/$f ] || echo \"no $f\"; done; "
    .. "echo x > /dev/null; [ ! -f /dev/null ] || echo \"a file\""

  for what, script in pairs(LINKS) do
    for _, way in ipairs(ways.list()) do
      for _, bare in ipairs { false, true } do
        -- Without a tmpfs on /dev the nodes are to be made in what the root has there.
        if not bare or way.name == "bundle" then
          it(("(%s) gets nothing of the host for %s%s"):format(what, way.name,
            bare and " without a mount on /dev" or ""), function()
            local root = ways.rootfs(folder .. "/root")
            assert.equal(0, run.run(script:format(victim), { cwd = root }).status)
            local result = way.run({ "sh", "-c", SEE }, { folder = folder, rootfs = root,
              tty = what == "links in /dev" and way.name ~= "exec" and not bare or nil,
              config = bare and function(config)
                local kept = {}
                for _, mount in ipairs(config.mounts) do
                  if not mount.destination:find "^/dev" then kept[#kept + 1] = mount end
                end
                config.mounts = kept
              end or nil })
            is_untouched()
            -- It starts with devices that are devices, with none, or not at all.
            if result.status == 0 then
              local seen = result.stdout:gsub("\r", "")
              assert(seen == "" or seen == "no null\nno zero\nno full\n", seen)
            else
              assert.equal(125, result.status, result.stdout .. result.stderr)
            end
          end)
        end
      end
    end
  end

  it("gets a file of the host made where it is opened by name: the attack works", function()
    local root = ways.rootfs(folder .. "/root")
    os.execute(("rmdir %s/dev && ln -s %s %s/dev"):format(root, victim, root))
    local result = run.run { ways.naive(folder), "create", root, "dev/console" }
    assert.equal(0, result.status, result.stderr)
    assert.equal("created\n", run.read(victim .. "/console"))
  end)
end)
