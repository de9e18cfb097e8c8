local errors = require "tidelock.error"
local fs = require "tidelock.fs"
local schema = require "tidelock.schema"
local spec = require "tidelock.spec"

local function in_file(name, fields)
  local s = assert(loadstring("local tidelock, fs = ...\nlocal s = tidelock { " .. fields
    .. " }\nreturn s",
    "@" .. name))
  return s(spec.new, fs)
end

local function check(mine, theirs)
  local s = in_file("job.lua", mine)
  local ok, result = pcall(s.within, s, in_file("ceiling.lua", theirs))
  if ok then assert.equal(s, result) end
  return ok, result
end

local function fits(mine, theirs)
  local ok, err = check(mine, theirs)
  assert.is_true(ok, ("{ %s } is not within { %s }: %s"):format(mine, theirs, tostring(err)))
end

local function refused(mine, theirs, expected)
  local ok, err = check(mine, theirs)
  assert.is_false(ok, ("{ %s } is within { %s }"):format(mine, theirs))
  assert.is_true(errors.is(err))
  if expected then assert.equal(expected, tostring(err)) end
end

local MINE, DEFAULT = "\n  asked for at job.lua:2", " is wider than the ceiling's "

describe("spec:within", function()
  it("names the field, both values and both lines", function()
    refused('net = "host"', 'net = "none"',
      'net: "host"' .. DEFAULT .. '"none" (ceiling.lua:2)' .. MINE)
    refused('net = "host"', "", 'net: "host"' .. DEFAULT .. '"none" (default)' .. MINE)
    refused("", 'timeout = "10m"', "timeout: no time limit (default)" .. DEFAULT
      .. "10m (ceiling.lua:2)")
    refused('timeout = "1h"', 'timeout = "10m"', "timeout: 1h" .. DEFAULT .. "10m (ceiling.lua:2)"
      .. MINE)
    refused("rlimits = { nofile = { 5, 99 } }", "rlimits = { nofile = 10 }",
      "rlimits.nofile: 5:99" .. DEFAULT .. "10 (ceiling.lua:2)" .. MINE)
    refused('fs.bind { "a", "/a" }', 'fs.bind { "a", "/a", readonly = true }',
      'fs: bind of "a" on "/a", writable' .. DEFAULT
        .. 'bind of "a" on "/a", read-only (ceiling.lua:2)' .. MINE)
    refused('capabilities = { add = { "KILL" } }', 'capabilities = { add = { "CHOWN" } }',
      'capabilities: "KILL"' .. DEFAULT .. "capabilities without it (ceiling.lua:2)" .. MINE)
    refused('net = "host", seccomp = "none", view = "host"', 'net = "none"',
      'view: "host"' .. DEFAULT
      .. '"system" (default)' .. MINE .. "\n  hint: also wider: net, seccomp")
  end)

  it("is true of a spec and itself", function()
    local all = [[net = "host", seccomp = "none", view = "none", cwd = "/a",
      env = { A = "1", B = false }, rlimits = { nofile = 5 }, share = { "ipc" },
      capabilities = { add = { "KILL" } }, timeout = 5,
      fs.bind { "a", "/a" }, fs.rw ".", fs.hide "/a/h", fs.tmpfs { "/t", size = "1M" }, user = "1",
      hostname = "h", pass_fds = { 5 }, stdin = "null", stdout = 7, require = { "drop-groups" },
      hooks = { { at = "created", call = print } }, ops = { { at = "root", op = "umask" } },
      init = false, force = true, env_keep = "all", command = { "x" }]]
    fits(all, all)
    fits("", "")
    fits('fs.overlay "img"', 'fs.overlay "img"')
  end)

  it("wants a spec", function()
    assert.truthy(tostring(select(2, pcall(function()
      local s = spec.new {}
      s:within { net = "none" }
    end))):find("^spec:within: a table is not a spec"))
  end)

  it("puts words in order", function()
    for field, words in pairs {
      net = { "none", "host" }, view = { "none", "system", "host" }, env_keep = { "none",
        "minimal", "all" },
      seccomp = { "default", "none" },
    } do
      for i, a in ipairs(words) do
        for j, b in ipairs(words) do
          local compare = i <= j and fits or refused
          compare(('%s = "%s"'):format(field, a), ('%s = "%s"'):format(field, b))
        end
      end
    end
    fits("", 'view = "system", env_keep = "minimal", seccomp = "default", net = "none"')
    refused("", 'view = "none"')
    refused("", 'env_keep = "none"')
    fits("init = true", "")
    refused("init = false", "")
    fits("", "init = false")
    refused("force = true", "")
  end)

  it("does not guess what a filter in a file allows", function()
    fits('seccomp = "/a"', 'seccomp = "/a"')
    fits('seccomp = "/a"', 'seccomp = "none"')
    refused('seccomp = "/a"', 'seccomp = "/b"')
    refused('seccomp = "/a"', "")
    refused("", 'seccomp = "/a"')
  end)

  it("bounds lists from above, and requirements from below", function()
    fits('share = { "ipc" }', 'share = { "ipc", "uts" }')
    refused('share = { "ipc" }', "")
    refused('share = { "network" }', "")
    fits('capabilities = { add = { "KILL" } }', 'capabilities = { add = { "ALL" } }')
    refused('capabilities = { add = { "ALL" } }',
      'capabilities = { add = { "ALL" }, drop = { "BPF" } }')
    refused('capabilities = { add = { "KILL" } }', "")
    fits("pass_fds = { 5 }", "pass_fds = { 5, 6 }")
    refused("pass_fds = { { fd = 7, target = 5 } }", "pass_fds = { 5 }")
    refused("pass_fds = { 5 }", "")
    fits('require = { "drop-groups" }', "")
    refused("", 'require = { "drop-groups" }')
  end)

  it("bounds limits", function()
    fits("timeout = 5", "timeout = 5")
    fits("timeout = 5", "")
    fits("rlimits = { nofile = 5 }", "rlimits = { nofile = { 5, 6 } }")
    fits("rlimits = { nofile = 5 }", 'rlimits = { nofile = "unlimited" }')
    refused('rlimits = { nofile = "unlimited" }', "rlimits = { nofile = 5 }")
    refused("", "rlimits = { nofile = 5 }")
    -- What is inherited is not known.
    refused("rlimits = { nofile = 5 }", "")
    fits("rlimits = { core = 0 }", "")
  end)

  it("lets env say what it likes, but not what the ceiling speaks of", function()
    fits('env = { A = "1" }', "")
    fits('env = { A = "1" }', 'env = { A = "1" }')
    fits("", 'env = { A = "1" }')
    fits("env = { A = false }", 'env = { A = "1" }')
    refused('env = { A = "2" }', 'env = { A = "1" }')
    refused('env = { A = "2" }', "env = { A = false }")
    fits("", "env = { SECRET = false }")
    refused("", "env = { PATH = false }")
    fits("env = { PATH = false }", "env = { PATH = false }")
    fits('env_keep = "none"', "env = { PATH = false }")
    refused('env_keep = "all"', 'env = { SECRET = false }, env_keep = "all"')
  end)

  it("refuses any difference where there is no order", function()
    refused('user = "1"', "")
    refused("", 'user = "1"')
    refused('user = "1"', 'user = "2"')
    refused("hooks = { { at = 'created', call = print } }", "")
    refused("", "hooks = { { at = 'created', call = print } }")
    refused("hooks = { { at = 'created', call = print } }",
      "hooks = { { at = 'started', call = print } }")
    refused('ops = { { at = "root", op = "umask" } }', "")
    refused("stdout = 7", "stdout = 8")
    refused("stdout = 7", "")
    refused("", 'stdout = "null"')
    fits('stdout = "capture"', 'stdout = "null"')
    fits('command = { "x" }', "")
    refused('command = { "x" }', 'command = { "y" }')
    refused("", 'command = { "y" }')
    fits('hostname = "x"', "")
    refused('hostname = "x"', 'hostname = "y"')
    refused('hostname = "x", share = { "uts" }', 'share = { "uts" }')
  end)

  it("has something to say about every field", function()
    -- A field that nobody thought of is refused when it differs.
    local examples = {
      command = '{ "x" }', cwd = '"/a"', env_keep = '"all"', view = '"host"', rootfs = '"a"',
        user = '"1"',
      net = '"host"', seccomp = '"none"', init = "false", timeout = "5", stdin = "7", stdout = "7",
      stderr = "7", force = "true", tty = "true",
      fs = '{ fs.rw "." }', share = '{ "ipc" }', hostname = '"x"',
      capabilities = '{ add = { "KILL" } }', pass_fds = "{ 5 }",
        hooks = '{ { at = "created", call = print } }',
      ops = '{ { at = "root", op = "umask" } }', require = '{ "drop-groups" }',
        rlimits = "{ nofile = 5 }", limits = "{ pids = 5 }", best_effort = "true",
      env = "{ PATH = false }",
    }
    for _, field in ipairs(schema.list) do
      local example = assert(examples[field.name], field.name)
      local one, none = field.name .. " = " .. example, ""
      local both = check(one, none) and check(none, one)
      assert.is_true(not both or field.name == "hostname", field.name)
    end
  end)
end)

describe("spec:within and files", function()
  it("wants the same source on the same target", function()
    fits('fs.bind { "a", "/a", readonly = true }', 'fs.bind { "a", "/a" }')
    fits("", 'fs.bind { "a", "/a" }')
    refused('fs.bind { "a", "/a" }', "")
    refused('fs.bind { "a/b", "/a/b" }', 'fs.bind { "a", "/a" }')
    refused('fs.bind { "a", "/b" }', 'fs.bind { "a", "/a" }')
    refused('fs.bind { "b", "/a" }', 'fs.bind { "a", "/a" }')
    refused('fs.rw "."', 'fs.ro "."')
    fits('fs.ro "."', 'fs.rw "."')
    refused('fs.rw { ".", all = true }', 'fs.rw "."')
    fits('fs.rw "/a"', 'fs.bind { "/a", "/a" }')
    refused('fs.bind { "/a", "/a" }', 'fs.rw "/a"')
    fits('fs.overlay { "a", "/a" }', 'fs.bind { "a", "/a", readonly = true }')
    refused('fs.bind { "a", "/a", optional = true }', 'fs.bind { "a", "/a" }')
  end)

  it("lets in what shows nothing of the host, within its size", function()
    fits('fs.tmpfs "/t", fs.hide "/etc/x"', "")
    fits('fs.tmpfs { "/t", size = "1M" }', 'fs.tmpfs { "/t", size = "1M" }')
    refused('fs.tmpfs { "/t", size = "2M" }', 'fs.tmpfs { "/t", size = "1M" }')
    refused('fs.tmpfs "/t"', 'fs.tmpfs { "/t", size = "1M" }')
  end)

  it("keeps what is hidden hidden", function()
    refused('fs.bind { "a", "/a" }', 'fs.bind { "a", "/a" }, fs.hide "/a/secret"')
    fits('fs.bind { "a", "/a" }, fs.tmpfs "/a/secret"',
      'fs.bind { "a", "/a" }, fs.hide "/a/secret"')
    refused("", 'fs.hide "/etc/secret"')
    refused("", 'fs.tmpfs "/opt"')
    fits('view = "none"', 'fs.tmpfs "/opt"')
    refused('fs.rw "/p"', 'fs.rw "/p", fs.ro "/p/.ci"')
    refused('fs.rw "."', 'fs.rw ".", fs.ro "./.ci"')
    refused('fs.rw "."', 'fs.rw ".", fs.tmpfs "/p/secret"')
    refused("", 'fs.bind { "empty", "/etc/ssl" }')
    fits("", 'fs.ro "/opt/x"')
    refused('fs.remove "/tmp"', "")
    refused('fs.remove "/etc/secret"', 'fs.hide "/etc/secret"')
  end)

  it("keeps the root", function()
    refused('rootfs = "/"', "")
    refused("", 'rootfs = "img"')
    refused('rootfs = "a"', 'rootfs = "b"')
    fits('view = "none"', 'rootfs = "img"')
    fits('fs.overlay "img"', 'rootfs = "img"')
    refused('rootfs = "img"', 'fs.overlay "img"')
    refused('fs.overlay { "img", size = "2G" }', 'fs.overlay { "img", size = "1G" }')
  end)

  it("keeps the directory to start in, which is shown from the host", function()
    refused('cwd = "/root"', "")
    refused('cwd = "/a"', 'fs.bind { "a", "/a" }')
    fits('cwd = "/a/b", fs.bind { "a", "/a" }', 'fs.bind { "a", "/a" }')
    refused('cwd = "/a/../b", fs.bind { "a", "/a" }', 'fs.bind { "a", "/a" }')
    refused('cwd = "/a", view = "host", fs = { { kind = "overlay", source = "/" } }',
      'view = "host"')
    fits('cwd = "/x", view = "none"', "")
    refused("", 'cwd = "/a"')
    refused('cwd = "/b"', 'cwd = "/a"')
  end)
end)
