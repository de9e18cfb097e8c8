-- What each mount of a box allows, by its own flags: whose ids the files have is another matter,
-- and would hide here that a flag is gone.
local box = require "spec.support.box"
local run = require "spec.support.run"

-- By target: the set of its mount's flags, of the uppermost one.
local function mounts(options, settings)
  local found = {}
  local text = box.prints("cat /proc/self/mountinfo", options, settings)
  for target, flags, kind in text:gmatch "%S+ %S+ %S+ %S+ (%S+) (%S+)[^\n]- %- (%S+)[^\n]*" do
    found[target] = { kind = kind }
    for flag in flags:gmatch "[^,]+" do found[target][flag] = true end
  end
  return found
end

-- The host's devices, the null one over each hidden file, and the box's own /dev.
local function has_devices(target, flags)
  return flags.kind == "devtmpfs" or target == "/dev" or target == "/dev/pts"
end

describe("the mounts of a box", function()
  local folder
  setup(function()
    folder = run.folder()
    os.execute("mkdir " .. folder .. "/hidden")
  end)
  teardown(function() run.remove(folder) end)

  local function each(options)
    local list = mounts(options, { cwd = folder })
    for _, target in ipairs { "/", "/usr", "/proc", "/sys", "/dev", "/tmp", "/dev/pts" } do
      assert(list[target], target)
    end
    return list
  end

  it("take no set-uid programs, and no devices but those that are there", function()
    for _, options in ipairs { {}, { "--rw", "." }, { "--ro", "." }, { "--overlay", "/opt" },
      { "--tmpfs", "/scratch" }, { "--hide", folder .. "/hidden" } } do
      for target, flags in pairs(each(options)) do
        local hides = flags.kind == "devtmpfs" and not target:match "^/dev/"
        assert(flags.nosuid or hides, target .. " is not nosuid")
        assert(flags.nodev or has_devices(target, flags), target .. " is not nodev")
      end
    end
  end)

  it("of the kernel's own file systems run no programs", function()
    local list = each {}
    for _, target in ipairs { "/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/proc/sys" } do
      assert(list[target].noexec, target)
    end
  end)

  it("are read-only where the host is shown, and where something is hidden", function()
    local list = each { "--hide", folder .. "/hidden" }
    for _, target in ipairs { "/", "/usr", "/etc", "/sys", folder, folder .. "/hidden", "/proc/sys",
      "/proc/irq", "/sys/firmware" } do
      assert(list[target] and list[target].ro, target)
    end
  end)

  it("have what is mounted below a bind read-only, too", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local result = run.run({ "unshare", "--mount", "--propagation", "private", "sh", "-c",
      "mkdir -p sub && mount -t tmpfs none sub && mount -t tmpfs none /usr/src && "
        .. run.quote(run.tidelock) .. " run -- grep -E '/sub|/usr/src' /proc/self/mountinfo" },
      { cwd = folder })
    assert.equal("", result.stderr)
    local count = 0
    for flags in result.stdout:gmatch "%S+ %S+ %S+ %S+ %S+ (%S+)[^\n]*\n" do
      assert.matches("^ro,nosuid,nodev", flags)
      count = count + 1
    end
    assert(count >= 2, result.stdout)
  end)
end)

describe("a file system that cannot show other ids", function()
  it("is bound with the same flags, and is no peer of the host's mount either", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local folder = run.folder()
    local result = run.run({ "unshare", "--mount", "--propagation", "private", "sh", "-c",
      "mkdir sub && mount -t ramfs -o mode=755 none sub && mount --make-shared sub && "
        .. run.quote(run.tidelock) .. " run --ro sub -- grep '/sub ' /proc/self/mountinfo" },
      { cwd = folder })
    run.remove(folder)
    assert.matches("/sub ro,nosuid,nodev,[^\n]* %- ramfs", result.stdout)
    assert.not_matches("idmapped", result.stdout)
    assert.not_matches("shared:", result.stdout)
  end)
end)

describe("an operation of one's own", function()
  it("makes a directory with its mode, a link, and a domain name", function()
    assert.equal("700\n/usr\nof.its.own\n", box.both [[
      tidelock.spec { ops = {
        { at = "mounts", op = "mkdir", fields = { target = "/own", mode = 448 } },
        { at = "mounts", op = "symlink", fields = { target = "/link", to = "/usr" } },
        { at = "root", op = "setdomainname", fields = { name = "of.its.own" } },
      } }:run { "sh", "-c",
        "stat -c %a /own; readlink /link; cat /proc/sys/kernel/domainname" }:assert()]])
  end)
end)

describe("an overlay with a limit", function()
  it("takes no more than that", function()
    assert.equal("1\n", box.both [[
      local layer = tidelock.fs.overlay { "/opt", "/opt", upper = "tmpfs:4M" }
      tidelock.spec { layer }:run { "sh", "-c",
        "head -c 8M /dev/zero 2>&1 > /opt/x | grep -c 'No space'" }:assert()]])
  end)
end)
