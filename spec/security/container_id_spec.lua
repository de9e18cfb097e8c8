-- A container id such as ../x, with a NUL or of 5,000 bytes, is a path in the state directory.
-- There are no ids here yet: the name of a box is made of its supervisor's pid, start time and a
-- count, and nobody gives one. What is read back is a file of that directory, whose name and
-- contents are checked before anything that they name is touched.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local HOSTILE = { "../x", "..", "a/b", "/x", ".x", "a\nb", ("a"):rep(5000), "-x", "1-1-1/../../x" }

describe("the name of a box", function()
  it("is made here, of digits and hyphens", function()
    local state, core = require "tidelock.state", require "tidelock.core"
    local first, second = state.new_name(core), state.new_name(core)
    assert.matches("^%d+%-%d+%-%d+$", first)
    assert.not_equal(first, second)
  end)

  it("is nothing that can be given", function()
    for _, verb in ipairs { "run", "explain" } do
      local help = run.tl({ verb, "--help" }).stdout
      for _, option in ipairs { "--name", "--id", "--state", "--root " } do
        assert.is_nil(help:find(option, 1, true), option)
      end
    end
    local folder = run.folder()
    for _, fields in ipairs { "name = '../x'", "id = '../x'", "state = '../x'" } do
      local result = ways.list()[2].run({ "echo", "ran" }, { folder = folder, fields = fields })
      assert.same({ "unknown field", "" }, { result.stderr:match "unknown field", result.stdout })
    end
    -- A word behind a bundle is the command, not a name.
    for _, name in ipairs(HOSTILE) do
      local words = ways.list()[3].words({ "true" }, { folder = folder })
      words[#words + 1] = name
      local result = run.run(words)
      assert.is_true(result.status == 125 or result.status == 126 or result.status == 127,
        result.stdout)
    end
    run.remove(folder)
  end)
end)

describe("a record in the state directory", function()
  it("that names something else is removed, and what it names is not touched", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local folder = run.folder()
    local victim = "/sys/fs/cgroup/pids/tl-spec-" .. folder:match "%w+$"
    if run.run({ "mkdir", victim }).status ~= 0 then run.skip "needs cgroup v1 controllers" end
    local name = victim:match "[^/]+$"
    local here = run.run("readlink /proc/self/ns/pid").stdout:gsub("\n", "")
    local records = folder .. "/records"
    os.execute("mkdir -m 700 " .. records)
    run.write(folder .. "/precious", "precious\n")
    local function record(file, box, cgroup, tops)
      run.write(records .. "/" .. file, require("cjson").encode {
        name = box, cgroup = cgroup, pid = 4000000, start = "1", pid_namespace = here,
        cgroups = tops or { "/sys/fs/cgroup/pids" } })
    end
    local n = 0
    for _, path in ipairs { "../pids/" .. name, "./" .. name, "tidelock/../" .. name, "",
      "/" .. name, name .. "/", "tidelock/\0/../../" .. name, ".." } do
      n = n + 1
      local box = ("4000000-1-%d"):format(n)
      record(box .. ".json", box, path)
    end
    record("4000000-2-1.json", "4000000-2-2", name) -- another's name
    record("4000000-2-3.json", "4000000-2-3", name, { "/etc", folder, "relative" })
    record("1.json", "1", name)
    run.write(records .. "/4000000-3-1.json", "{ no json")
    os.execute(("ln -s %s/precious %s/4000000-4-1.json"):format(folder, records))
    -- The state directory of root, for the length of one run only.
    local result = run.run { "unshare", "-m", "--propagation", "private", "sh", "-c",
      [[mkdir -p /run/tidelock
        mount -t tmpfs -o mode=700 none /run/tidelock && mkdir -m 700 /run/tidelock/boxes &&
        cp -a "$0"/. /run/tidelock/boxes || exit 1
        sleep 30 & s=$!
        echo $s > "$1/tasks"
        "$2" run --pids 50 -- true || exit 1
        kill -0 $s && echo alive; ls "$1/tasks"; kill $s; ls /run/tidelock/boxes]],
      records, victim, run.tidelock }
    os.execute("sleep 0.1; rmdir " .. victim)
    assert.equal("precious\n", run.read(folder .. "/precious"))
    assert.matches("^alive\n" .. victim:gsub("%p", "%%%0") .. "/tasks\n", result.stdout,
      result.stderr)
    run.remove(folder)
  end)
end)
