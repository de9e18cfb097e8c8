local options = require "tidelock.options"
local schema = require "tidelock.schema"

local function parse(line, context)
  local words = {}
  for word in line:gmatch "%S+" do words[#words + 1] = word end
  return options.parse(words, nil, context)
end

local function fields(line, context)
  local result = parse(line, context).spec:fields()
  result.command = nil
  return result
end

local function mount(line)
  local list = fields(line).fs
  assert.equal(1, #list)
  return list[1]
end

local function refused(line, expected, context)
  local ok, err = pcall(parse, line, context)
  assert.is_false(ok, line .. " was accepted")
  assert.equal(expected, tostring(err))
end

describe("options.parse: which word is what", function()
  local function words(line)
    local parsed = parse(line)
    return table.concat({ parsed.script or "-", unpack(parsed.command) }, " ")
  end

  it("begins the command at the first word that is none of its own", function()
    assert.equal("- make -j2 --net", words "--net host make -j2 --net")
    assert.equal("-", words "")
    assert.equal("- -", words "-")
  end)

  it("takes a first word that ends in .lua for a spec", function()
    assert.equal("ci.lua", words "ci.lua")
    assert.equal("ci.lua make -j2 test", words "--json ci.lua make -j2 test")
    assert.equal("ci.lua make", words "ci.lua --json make")
    assert.equal("ci.lua x.lua", words "ci.lua x.lua")
    assert.equal("- sh ci.lua", words "sh ci.lua")
  end)

  it("ends its own words at --", function()
    assert.equal("- ci.lua", words "-- ci.lua")
    assert.equal("- --net", words "-- --net")
    -- A word of the command is no spec, whatever follows it: it would be run as Lua, outside.
    assert.equal("- make -- -j4", words "make -- -j4")
    assert.equal("- ./spec --json -- make --", words "./spec --json -- make --")
    assert.equal("ci.lua make -- x", words "ci.lua make -- x")
    refused("a.lua b.lua -- x", 'spec: "b.lua" is a second spec file, after "a.lua" '
      .. "(accepted: one spec file)\n  hint: a command that is followed by -- is written after "
        .. "another --")
  end)

  it("gives the command to the spec, too", function()
    local parsed = parse "-- make test"
    assert.same({ "make", "test" }, parsed.spec:fields().command)
    assert.equal("the command line", parsed.spec:where "command")
    assert.is_nil(parse("ci.lua").spec:fields().command)
  end)

  it("takes arguments in every form", function()
    for _, line in ipairs { "--cwd /a x", "--cwd=/a x", "-C /a x", "-C/a x", "-C=/a x", "-w /a x",
      "--workdir /a x" } do
      assert.equal("/a", fields(line).cwd)
    end
    assert.equal("", fields("--env A= x").env.A)
    assert.equal("b=c", fields("--env=A=b=c x").env.A)
  end)

  it("refuses unknown options, missing and superfluous arguments", function()
    refused("--bnid a:b", "--bnid: unknown option (accepted: what --help lists)\n  hint: did "
      .. "you mean --bind?")
    refused("--zzzzzz", "--zzzzzz: unknown option (accepted: what --help lists)")
    refused("-z", "-z: unknown option (accepted: what --help lists)")
    refused("-qz", "-z: unknown option (accepted: what --help lists)")
    refused("--net", "--net: has no argument (accepted: none|host)")
    refused("-C", "-C: has no argument (accepted: DIR)")
    refused("--json=yes", '--json: "yes" is too much: the option takes no argument (accepted: '
      .. '--json)')
  end)
end)

describe("options of the command", function()
  it("are settings", function()
    assert.same({ json = true, quiet = true, dry_run = true, verbose = true, help = true },
      parse("--json -q --dry-run --verbose -h").settings)
    assert.same({ report = { path = "out.json" } }, parse("--report out.json").settings)
    assert.same({ report = { fd = 5 } }, parse("--report fd:5").settings)
    refused("--report fd:x", '--report: "fd:x" is not a descriptor (accepted: FILE|fd:N)')
  end)

  it("tell -v with a volume from -v alone", function()
    assert.same({ verbose = true }, parse("-v -- true").settings)
    assert.same({ verbose = true }, parse("-v true").settings)
    assert.same({ verbose = true, quiet = true }, parse("-qv").settings)
    assert.same({}, parse("-v a:/b true").settings)
    assert.equal("/b", mount("-v a:/b").target)
    assert.equal("/b", mount("-va:/b").target)
    assert.equal("/b", mount("--volume a:/b").target)
  end)
end)

describe("options of files", function()
  it("are mounts with the option as their origin", function()
    assert.same({ kind = "ro", source = ".", at = "--ro" }, mount "--ro .")
    assert.same({ kind = "rw", source = ".", all = false, at = "--rw" }, mount "--rw .")
    assert.same({ kind = "rw", source = ".", all = true, at = "--rw-all" }, mount "--rw-all .")
    assert.same({ kind = "hide", target = "/a", at = "--hide" }, mount "--hide /a")
    assert.same({ kind = "tmpfs", target = "/a", at = "--tmpfs" }, mount "--tmpfs /a")
    assert.same({ kind = "tmpfs", target = "/a", size = 2 ^ 29, at = "--tmpfs" },
      mount "--tmpfs /a:512M")
    assert.same({ kind = "overlay", source = ".", at = "--overlay" }, mount "--overlay .")
    assert.same({ kind = "overlay", source = "/a", target = "/a", at = "--overlay" },
      mount "--overlay /a")
    assert.same({ kind = "overlay", source = "a", target = "/b", at = "--overlay" },
      mount "--overlay a:/b")
    assert.same({ kind = "overlay", source = "/", target = "/", at = "--overlay" },
      mount "--overlay /")
  end)

  it("bind writable unless :ro", function()
    local at = "--bind"
    assert.same({ kind = "bind", source = "a", target = "/b", readonly = false, at = at },
      mount "--bind a:/b")
    assert.same({ kind = "bind", source = "a", target = "/b", readonly = false, at = at },
      mount "--bind a:/b:rw")
    assert.same({ kind = "bind", source = "a", target = "/b", readonly = true, at = at },
      mount "--bind a:/b:ro")
  end)

  it("take colons with a backslash", function()
    assert.equal("a:b", mount("--bind a\\:b:/c").source)
    assert.equal("/c:d", mount("--bind a:/c\\:d:ro").target)
    assert.equal("a\\b", mount("--bind a\\b:/c").source)
    assert.equal("a\\", mount("--bind a\\\\:/c").source)
  end)

  it("are refused by name", function()
    refused("--bind a", '--bind: "a" is not SOURCE:TARGET (accepted: SRC:DST[:ro|:rw])\n'
      .. "  hint: --ro DIR and --rw DIR show a directory at its own path")
    refused("--bind a:/b:rx", '--bind: "a:/b:rx" ends in an unknown mode (accepted: '
      .. 'SRC:DST[:ro|:rw])\n'
      .. "  hint: a colon in a path is written \\:")
    refused("--bind a:b", 'fs.target: "b" is not an absolute path (accepted: a path that begins '
      .. 'with /)\n'
      .. "  asked for at --bind")
    refused("--bind a:/b/..", 'fs.target: "/b/.." has ".." in it (accepted: a target without '
      .. '"..")\n'
      .. "  asked for at --bind")
    refused("--tmpfs /a:5MB", 'fs.size: "5MB" is ambiguous (accepted: 512M, 1G, bytes as a '
      .. 'number)\n'
      .. "  asked for at --tmpfs\n  hint: use M or MiB, which are 1024-based")
    refused("--tmpfs /a:", '--tmpfs: "/a:" is not accepted (accepted: DST[:SIZE])\n'
      .. "  hint: a colon in a path is written \\:")
  end)
end)

describe("options of the environment", function()
  local context = { getenv = function(name) return name == "HERE" and "there" or nil end }

  it("set, pass on, keep and clear", function()
    assert.same({ A = "1", HERE = "there" }, fields("-e A=1 -e HERE -e GONE", context).env)
    assert.equal("all", fields("--keep-env").env_keep)
    assert.equal("none", fields("--clear-env").env_keep)
    refused("-e =x", '-e: "=x" has no name (accepted: NAME=VALUE, NAME)')
  end)

  it("read files, each variable with its line", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("# comment\nA=1\n\n  # another\nB=x = y\r\nHERE\nGONE\n")
    file:close()
    local parsed = options.parse({ "--env-file", path, "-e", "A=2" }, nil, context)
    assert.same({ A = "2", B = "x = y", HERE = "there" }, parsed.spec:fields().env)
    assert.equal(path .. ":5", parsed.spec:where "env.B")
    assert.equal("-e", parsed.spec:where "env.A")
    file = assert(io.open(path, "w"))
    file:write("A=1\n=2\n")
    file:close()
    refused("--env-file " .. path, path .. ':2: "=2" has no name (accepted: NAME=VALUE, NAME)')
    assert(io.open(path, "w")):close()
    assert.is_nil(fields("--env-file " .. path).env)
    os.remove(path)
    refused("--env-file /nonexistent",
      '--env-file: "/nonexistent" cannot be read: No such file or directory (accepted: a file)')
    refused("--env-file /tmp", '--env-file: "/tmp" cannot be read: Is a directory (accepted: a '
      .. 'file)')
  end)
end)

describe("options of rights and limits", function()
  it("set their fields", function()
    assert.same({ user = "1:2", hostname = "h", net = "host", seccomp = "none", init = false,
      timeout = 600, force = true, rootfs = "img", view = "none", require = { "drop-groups" } },
      fields("--user 1:2 --hostname h --net host --seccomp none --no-init --timeout 10m --force "
        .. "--rootfs img --view none --require drop-groups"))
    assert.same({ true, true, false }, { fields("-t").tty, fields("--tty").tty,
      fields("-t --no-tty").tty })
    assert.same({ add = { "CHOWN", "KILL" }, drop = { "BPF" } },
      fields("--cap-add kill,CAP_CHOWN --cap-drop BPF").capabilities)
    assert.same({ "ipc", "uts" }, fields("--share uts --share ipc").share)
    assert.same({ { fd = 9, target = 3 }, { fd = 5, target = 5 } },
      fields("--pass-fd 5 --pass-fd 9:3").pass_fds)
    assert.same({ nofile = { 5, 9 }, core = { 0, "unlimited" }, as = { 2 ^ 30, 2 ^ 30 } },
      fields("--rlimit nofile=5:9 --rlimit core=0:unlimited --rlimit as=1G").rlimits)
  end)

  it("keep the last of two, and their origins", function()
    local s = parse("--net host --net none --rlimit core=0").spec
    assert.equal("none", s:fields().net)
    assert.equal("--net", s:where "net")
    assert.equal("--rlimit", s:where "rlimits.core")
  end)

  it("are refused by name", function()
    refused("--net hots", 'net: "hots" is not accepted (accepted: "none", "host")\n'
      .. '  asked for at --net\n  hint: did you mean "host"?')
    refused("--rlimit nofile", '--rlimit: "nofile" is not a limit '
      .. "(accepted: NAME=SOFT[:HARD], such as nofile=1024)")
    refused("--rlimit nofile=1:", '--rlimit: "nofile=1:" is not a limit '
      .. "(accepted: NAME=SOFT[:HARD], such as nofile=1024)")
    refused("--pass-fd x", '--pass-fd: "x" is not a descriptor (accepted: N[:M])')
    refused("--pass-fd 1", "pass_fds.fd: 1 is not accepted (accepted: a descriptor from 3 to "
      .. "1023)\n"
      .. "  asked for at --pass-fd")
    refused("--cap-add NET_ADMN", 'capabilities.add: "NET_ADMN" is not a capability (accepted: '
      .. 'the names '
      .. 'of capabilities(7), such as "NET_ADMIN", or "ALL")\n  asked for at --cap-add\n'
      .. '  hint: did you mean "NET_ADMIN"?')
    refused("--timeout 0", 'timeout: "0" is no time at all (accepted: 500ms, 30s, 10m, 1m30s, '
      .. '2h, 1d, '
      .. "seconds as a number)\n  asked for at --timeout")
  end)

  it("stay short whatever they are given", function()
    local ok, err = pcall(options.parse, { "--net", ("\27"):rep(1048576) })
    assert.is_false(ok)
    assert.is_true(#tostring(err) < 300)
    assert.is_nil(tostring(err):find("\27", 1, true))
  end)
end)

describe("the table of options", function()
  it("names what exists, once", function()
    local entries, seen = require "tidelock.options.entries", {}
    for _, option in ipairs(options.explain()) do
      for _, word in ipairs { option.name, option.short } do
        assert.is_nil(seen[word], word)
        seen[word] = true
      end
      if option.entry then assert.equal("function", type(entries[option.entry]), option.entry) end
      if option.field then assert.truthy(schema.fields[option.field], option.field) end
      assert.truthy(option.field or option.entry or option.setting, option.name)
      if not option.arg then assert.not_nil(option.value, option.name) end
    end
  end)

  it("makes the help, in 80 columns", function()
    local help = options.help()
    for line in help:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
    for _, option in ipairs(options.run) do
      assert.truthy(help:find("--" .. option.name, 1, true))
    end
    assert.truthy(help:find("^usage: tidelock run %[options%] %[SPEC.lua%] %[%-%-%] COMMAND"))
    assert.truthy(help:find([[
  -e, --env NAME[=VALUE]        set NAME, or pass it on from the caller
]], 1, true))
    assert.truthy(options.help(options.explain(), "explain"):find("--schema", 1, true))
  end)

  it("makes the completion of bash", function()
    local script = os.tmpname()
    local file = assert(io.open(script, "w"))
    file:write(require("tidelock.options.help").bash(
      { run = options.run, explain = options.explain() }, { "explain", "run" }))
    file:write [[
complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tidelock; echo "${COMPREPLY[*]}"; }
complete_words tidelock ru
complete_words tidelock run --rw
complete_words tidelock run --net ''
complete_words tidelock explain --sch
complete_words tidelock run --timeout ''
]]
    file:close()
    local pipe = assert(io.popen("cd /usr && bash " .. script .. " 2>&1"))
    local out = pipe:read("*a")
    pipe:close()
    os.remove(script)
    assert.equal("run\n--rw --rw-all\nnone host\n--schema\n\n", out)
  end)

  it("makes the man page", function()
    local man = require("tidelock.options.help").man(options.run, "run")
    for _, option in ipairs(options.run) do
      assert.truthy(man:find("\\fB\\-\\-" .. option.name:gsub("%-", "\\-") .. "\\fR", 1, true),
        option.name)
    end
    assert.truthy(man:find("^%.TH TIDELOCK%-RUN 1\n"))
  end)
end)
