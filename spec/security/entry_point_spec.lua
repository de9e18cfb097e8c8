-- CVE-2019-5736 and CVE-2024-21626 in one: execve looks a program up, and the interpreter that a
-- script or a program names, before it closes any descriptor. An image whose entry point is a link
-- to /proc/self/fd/N/../.., where N is a directory of the host that the runtime still holds, runs a
-- program of the host; as an ordinary user it may then write it by way of /proc/self/exe. init
-- closes what it holds before that.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local FIRST, LAST = 3, 40
local UP = "/../../../../../../../.."

describe("a program of the host", function()
  local folder, root, victim

  -- Says so when it runs, whatever the name by which it is found.
  local PROGRAM = [[
#include <fcntl.h>
#include <stdio.h>
int main(void) {
  puts("a program of the host runs");
  return open("/proc/self/exe", O_RDONLY) < 0;
}]]

  setup(function()
    folder = run.folder()
    root = ways.rootfs(folder .. "/root")
    victim = folder .. "/victim"
    run.write(folder .. "/victim.c", PROGRAM)
    local built = run.run { "gcc", "-static", "-o", victim, folder .. "/victim.c" }
    assert.equal(0, built.status, built.stderr)
    run.write(folder .. "/empty.c", "int main(void) { return 0; }\n")
    local script = { "cd " .. root .. " || exit 1" }
    for fd = FIRST, LAST do
      local path = ("/proc/self/fd/%d%s%s"):format(fd, UP, victim)
      script[#script + 1] = ("ln -s %s link-%d; printf '#!%s\\n' > script-%d; chmod 755 script-%d")
        :format(path, fd, path, fd, fd)
    end
    -- One is enough to see that an ELF interpreter is looked up in the same way.
    script[#script + 1] = ("gcc -Wl,--dynamic-linker=/proc/self/fd/17%s%s -o interpreter-17 %s")
      :format(UP, victim, folder .. "/empty.c")
    local made = run.run(table.concat(script, "\n"))
    assert.same({ 0, "" }, { made.status, made.stderr })
  end)
  teardown(function() run.remove(folder) end)

  it("says so when it is run", function()
    assert.equal("a program of the host runs\n", run.run({ victim }).stdout)
  end)

  for _, way in ipairs(ways.list()) do
    it("is not run by " .. way.name .. " through a descriptor that init holds", function()
      local attempts = {}
      local function attempt(command, settings)
        settings.folder = folder
        local words = way.words(command, settings)
        for i, word in ipairs(words) do words[i] = run.quote(word) end
        attempts[#attempts + 1] = table.concat(words, " ")
      end
      for fd = FIRST, LAST do
        -- A bind more, so that there are sources of each kind.
        local binds = { { folder, "/mnt", readonly = true } }
        attempt({ "/link-" .. fd }, { rootfs = root, binds = binds })
        attempt({ "/script-" .. fd }, { rootfs = root })
        if way.name ~= "bundle" then
          attempt({ ("/proc/self/fd/%d%s%s"):format(fd, UP, victim) }, {})
        end
      end
      attempt({ "/interpreter-17" }, { rootfs = root })
      local result = run.run(table.concat(attempts, "\n") .. "\nexit 9",
        { cwd = "/usr", timeout = 60 })
      assert.equal(9, result.status)
      assert.is_nil(result.stdout:find("a program of the host", 1, true))
      assert(select(2, result.stderr:gsub("not found", "")) >= #attempts - 1, result.stderr)
    end)
  end

  it("is run where the runtime keeps a directory of the host open: the attack works", function()
    for _, name in ipairs { "link", "script" } do
      local result = run.run({ "bash", "-c", ("exec 17< /tmp; exec %s enter %s / /%s-17"):format(
        ways.naive(folder), root, name) })
      assert.equal("a program of the host runs\n", result.stdout, result.stderr)
    end
  end)
end)
