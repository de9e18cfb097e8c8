-- CVE-2019-14271: a process of the host that has entered the container's root loads a library from
-- there, for a name service or an encoding, and runs the image's code with the host's rights. What
-- enters a box is init, static and without a libc; users are looked up by reading a file, and files
-- go in and out by descriptors. The library's host is stock luajit here as well, which does load
-- libraries, and does so before.
local box = require "spec.support.box"
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a library of the image", function()
  local folder, root

  -- Wherever a loader or a name service could look.
  local PLACES = { "lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/gconv", "usr/local/lib", "usr/local/lib/lua/5.1" }
  local NAMES = { "libnss_evil.so.2", "libnss_files.so.2", "libnss_compat.so.2", "libgcc_s.so.1",
    "libidn2.so.0", "libcap.so.2", "libseccomp.so.2", "UTF-16.so", "core.so", "evil.so",
    "ld-linux-x86-64.so.2" }

  setup(function()
    folder = run.folder()
    root = ways.rootfs(folder .. "/root")
    run.write(folder .. "/evil.c", [[
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
  static const char text[] = "a library of the image runs\n";
  if (write(2, text, sizeof(text) - 1) < 0) _exit(99);
}]])
    local script = { "gcc -shared -fPIC -o evil.so evil.c || exit 1" }
    for _, place in ipairs(PLACES) do
      script[#script + 1] = "mkdir -p root/" .. place
      for _, name in ipairs(NAMES) do
        script[#script + 1] = ("ln -f evil.so root/%s/%s"):format(place, name)
      end
    end
    script[#script + 1] = "echo /lib/evil.so > root/etc/ld.so.preload"
    script[#script + 1] = "printf 'passwd: evil\\ngroup: evil\\nhosts: evil\\n' > "
      .. "root/etc/nsswitch.conf; printf 'joe:x:0:0:joe:/:/bin/sh\\n' >> root/etc/passwd"
    local made = run.run(table.concat(script, "\n"), { cwd = folder })
    assert.same({ 0, "" }, { made.status, made.stderr })
  end)
  teardown(function() run.remove(folder) end)

  for _, way in ipairs(ways.list()) do
    it("is not loaded by anything that puts a command in, by " .. way.name, function()
      for _, settings in ipairs { {}, { tty = way.name ~= "exec" or nil },
        { options = { "--user", "joe" }, exec = run.who() == "root" and "user = 'joe'" or nil } } do
        settings.folder, settings.rootfs = folder, root
        local result = way.run({ "echo", "in" }, settings)
        assert.equal("in", result.stdout:match "%a+", result.stderr)
        assert.equal("", result.stderr)
      end
    end)
  end

  it("is not loaded for files that go in and out, by tidelock or by stock luajit", function()
    local text = ([[
      local box = assert(tidelock.spec { rootfs = %q, tidelock.fs.tmpfs "/mnt" }:start())
      for _ = 1, 3 do
        assert(box:write("/mnt/file", "x"))
        assert(box:read "/etc/passwd")
        assert(box:copy_in("/etc/hostname", "/mnt/name"))
        assert(box:copy_out("/mnt/name", "/dev/null") == nil)
        box:exec { "true", user = %s }:assert()
      end
      box:stop()
      print "done"]]):format(root, run.who() == "root" and "'joe'" or "nil")
    -- box.both() raises if anything is said on the standard error.
    assert.equal("done\n", box.both(text))
  end)

  it("is loaded by a runtime that looks a user up after chroot: the attack works", function()
    local bare = ways.rootfs(folder .. "/bare")
    run.run(("mkdir -p lib/x86_64-linux-gnu && cp ../evil.so lib/x86_64-linux-gnu/libnss_evil.so.2 "
      .. "&& cp %s/etc/nsswitch.conf etc/"):format(root), { cwd = bare })
    local result = run.run { ways.naive(folder), "user", bare, "joe" }
    assert.matches("a library of the image runs\n", result.stderr, 1, true)
  end)
end)
