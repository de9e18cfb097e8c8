-- tidelock doctor, where all is well and where something is not: run gives the same cause there.
local box = require "spec.support.box"
local cjson = require "cjson"
local leaks = require "spec.support.leaks"
local run = require "spec.support.run"

local LINE = "^(%l+) +(%l+) +(.-) %s+(%S.*)$"
local STATUS = { ok = true, info = true, warn = true, fail = true }

local function lines_of(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n") do list[#list + 1] = line end
  return list
end

-- The checks of the text, by "group name".
local function checks_of(text)
  local checks, last = {}, nil
  for _, line in ipairs(lines_of(text)) do
    local key, value = line:match("^      (%l+): (.*)$")
    local status, group, name, found = line:match(LINE)
    if key then
      assert(last, line)[key] = value
    elseif status and STATUS[status] then
      last = { status = status, value = found }
      checks[group .. " " .. name] = last
    end
  end
  return checks
end

-- A script in which $T is tidelock, in new namespaces where this caller is root.
local function inside(options, script)
  return run.run({ "unshare", "-Ur" .. options, "sh", "-c", "T=$0\n" .. script, run.tidelock })
end

describe("tidelock doctor", function()
  local before
  setup(function() run.tl { "run", "--", "true" } end)
  before_each(function() before = leaks.snapshot() end)
  after_each(function() leaks.verify(before, 3) end)

  it("says that run works here, and each check in one line", function()
    local result = run.tl { "doctor" }
    assert.same({ 0, "" }, { result.status, result.stderr })
    local lines = lines_of(result.stdout)
    assert.same({ "", "tidelock run works here" }, { lines[#lines - 1], lines[#lines] })
    local checks, count = checks_of(result.stdout), 0
    for name, check in pairs(checks) do
      count = count + 1
      assert.not_equal("fail", check.status, name)
      if check.status == "warn" then assert.is_string(check.cause, name) end
    end
    assert(count >= 35, count)
    for _, name in ipairs { "user", "mount", "pid", "ipc", "uts", "network", "cgroup" } do
      assert.equal("ok", checks["namespaces " .. name].status)
    end
    assert.equal("ok", checks["mounts proc"].status)
    assert.matches("exited with 0", checks["run run -- true"].value)
  end)

  it("says the same as JSON", function()
    local text = checks_of(run.tl { "doctor" }.stdout)
    local result = run.tl { "doctor", "--json" }
    assert.same({ 0, "" }, { result.status, result.stderr })
    local data = cjson.decode(result.stdout)
    assert.is_true(data.works)
    local keys = { group = true, name = true, status = true, value = true, cause = true,
      remedy = true }
    for _, check in ipairs(data.checks) do
      for key, value in pairs(check) do
        assert(keys[key], key)
        assert.is_string(value)
      end
      local same = text[check.group .. " " .. check.name]
      assert(same, check.group .. " " .. check.name)
      assert.same({ check.status, check.cause, check.remedy }, { same.status, same.cause,
        same.remedy })
      text[check.group .. " " .. check.name] = nil
    end
    assert.is_nil(next(text))
  end)

  it("takes no arguments, and tells what its lines mean", function()
    local result = run.tl { "doctor", "proc" }
    assert.equal(125, result.status)
    assert.matches('doctor: "proc" is too much', result.stderr, 1, true)
    assert.equal(125, run.tl({ "doctor", "--jsno" }).status)
    result = run.tl { "doctor", "--help" }
    assert.equal(0, result.status)
    assert.matches("remedy", result.stdout)
    assert.matches("TIDELOCK-DOCTOR", run.tl({ "man", "doctor" }).stdout, 1, true)
    assert.matches("\n  doctor)", run.tl({ "completion", "bash" }).stdout, 1, true)
  end)

  -- Doctor names the check and the cause, and run the cause.
  local function both_name(result, check, why, remedy)
    local told = checks_of(result.stdout)[check]
    assert(told, result.stdout .. result.stderr)
    assert.equal("fail", told.status)
    assert.matches(why, told.cause)
    assert.matches(remedy, told.remedy, 1, true)
    assert.matches("\ntidelock run does not work here: [^\n]*" .. why, result.stdout)
    assert.matches("doctor: 1, run: 125", result.stdout, 1, true)
    local hint = result.stderr:match("\n  hint: ([^\n]+)\n$")
    assert.equal(told.cause .. ": " .. told.remedy, hint)
  end

  local BOTH = [[

    "$T" doctor; a=$?
    "$T" run -- true; echo "doctor: $a, run: $?" ]]

  it("names the limit of user namespaces", function()
    both_name(inside("", "echo 0 > /proc/sys/user/max_user_namespaces" .. BOTH), "namespaces user",
      "user.max_user_namespaces is 0 here", "sysctl -w user.max_user_namespaces=15000")
  end)

  it("names the limit of another kind", function()
    both_name(inside("", "echo 0 > /proc/sys/user/max_net_namespaces" .. BOTH),
      "namespaces network", "user.max_net_namespaces is 0 here",
      "sysctl -w user.max_net_namespaces=15000")
    -- One that is reached: the one network namespace that may be, is.
    both_name(inside("", "echo 1 > /proc/sys/user/max_net_namespaces\nunshare -n sh -c '"
      .. BOTH:gsub('"%$T"', run.tidelock) .. "'"), "namespaces network",
      "no more network namespaces: user.max_net_namespaces %(1%) is reached",
      "sysctl -w user.max_net_namespaces=15000")
  end)

  it("names what covers /proc, locked or not; a box without one runs there", function()
    local mask = "mount -t tmpfs none /proc/acpi || exit 9"
    local why = "/proc/acpi is covered by a mount of tmpfs"
    both_name(inside("m", mask .. BOTH), "mounts proc", why, "umount /proc/acpi")
    both_name(inside("m", mask .. "\nunshare -Urm sh -c '" .. BOTH:gsub('"%$T"', run.tidelock)
      .. "'"), "mounts proc", why, "--security-opt systempaths=unconfined")
    local result = inside("m", mask .. [[

      "$T" run --hide /proc -- sh -c 'echo ran; ls -A /proc'
      "$T" run --hide /proc --view host -- sh -c 'echo ran; ls -A /proc']])
    assert.same({ "ran\nran\n", "", 0 }, { result.stdout, result.stderr, result.status })
  end)

  it("names the flags of /proc that a new one would not have", function()
    if run.who() ~= "root" then run.skip "needs root" end
    local script = "T=$0\nmount -o remount,bind,noatime /proc || exit 9" .. BOTH
    both_name(run.run { "unshare", "-m", "sh", "-c", script, run.tidelock }, "mounts proc",
      "/proc is mounted without relatime", "mount -o remount,bind,relatime /proc")
  end)

  it("warns of a covered /sys, and a box has the host's then", function()
    local result = inside("m", [[
      mount -t tmpfs none /sys/firmware || exit 9
      "$T" doctor || exit 8
      "$T" run -- sh -c 'ls /sys/kernel > /dev/null && ! touch /sys/x' 2> /dev/null || exit 7
      "$T" run --json -- true]])
    assert.equal(0, result.status, result.stdout .. result.stderr)
    local check = checks_of(result.stdout)["mounts sysfs"]
    assert.equal("warn", check.status)
    assert.matches("^/sys/firmware is covered by a mount of tmpfs", check.cause)
    assert.matches("/sys is the host's", result.stderr, 1, true)
  end)

  it("warns of a caller without subordinate ids, with a range for them", function()
    local folder = run.folder()
    run.write(folder .. "/ids", "somebody:100000:65536\n")
    local result = inside("m", ([[
      mount --bind %s/ids /etc/subuid && mount --bind %s/ids /etc/subgid || exit 9
      "$T" doctor]]):format(folder, folder))
    assert.equal(0, result.status)
    local check = checks_of(result.stdout)["ids subordinate"]
    assert.equal("warn", check.status)
    assert.equal("root has no line in /etc/subuid", check.cause)
    assert.equal("usermod --add-subuids 165536-231071 --add-subgids 165536-231071 root",
      check.remedy)
    run.remove(folder)
  end)

  it("names the filter around it that has no clone3", function()
    local result = box.lua(([[
      local core = require "tidelock.core"
      local filter = assert(core.filter.compile { otherwise = "allow", bad_arch = "kill",
        unknown = "allow", rules = { { names = { "clone3" }, action = "errno:ENOSYS" } } })
      core.prctl.set_no_new_privs()
      assert(core.seccomp.set_mode_filter(filter))
      core.process.execve("/bin/sh", { "sh", "-c", %q, %q })]]):format("T=$0\n" .. BOTH,
      run.tidelock))
    both_name(result, "namespaces user", "clone3%(2%) is refused by a filter of system calls",
      "--security-opt seccomp=unconfined")
  end)

  it("tells of boxes whose supervisor is gone, and leaves them", function()
    local root = run.who() == "root"
    local result = run.run({ "unshare", root and "-m" or "-Urm", "sh", "-c", [[
      mount -t tmpfs -o mode=755 none /run && mkdir -p -m 700 /run/tidelock/boxes || exit 9
      echo '{' > /run/tidelock/boxes/1-99999999999-1.json
      "$0" doctor && ls /run/tidelock/boxes]], run.tidelock })
    assert.equal(0, result.status, result.stdout .. result.stderr)
    local check = checks_of(result.stdout)["leftovers boxes"]
    assert.equal("info", check.status)
    assert.matches("^1 on record in /run/tidelock whose supervisor is gone", check.value)
    assert.matches("\n1-99999999999-1.json\n", result.stdout, 1, true)
  end)
end)
