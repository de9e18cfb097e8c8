--- linux.seccomp of the OCI runtime specification: the filter answers as libseccomp's own does, for
--- every call of every architecture; what is not accepted is named; the cache is never believed.

local bit = require("bit")
local ffi = require("ffi")
local core = require("tidelock.core")
local seccomp = require("tidelock.oci.seccomp")
local default = require("tidelock.seccomp.default")
local reference = require("spec.support.oci.reference")
local run = require("spec.support.run")

local filter, json = core.filter, core.json

local TEXT = json.decode(run.read(run.top .. "/spec/support/oci/engine-config.json"),
  { raw = { ["linux.seccomp"] = true } }).linux.seccomp
local ENGINE = json.decode(TEXT)

local X86_64, I386, AARCH64 = 0xc000003e, 0x40000003, 0xc00000b7
local X32 = 0x40000000
local ENOSYS = 38

-- --- calls ---------------------------------------------------------------------------------------

local function hex(u64) return "0x" .. bit.tohex(u64, 16) end

-- Arguments around a value: one less, one more, the same low half under other high halves.
local function around(value)
  local number = ffi.cast("uint64_t", value)
  local list = {}
  for _, delta in ipairs { -1LL, 0LL, 1LL } do
    local near = number + delta
    list[#list + 1] = hex(near)
    list[#list + 1] = hex(bit.bxor(near, 0x100000000ULL))
    list[#list + 1] = hex(bit.bor(near, 0xffffffff00000000ULL))
    list[#list + 1] = hex(bit.band(near, 0xffffffffULL))
  end
  return list
end

local PLAIN = { { 0, 0, 0, 0, 0, 0 }, {} }
for i = 1, 6 do PLAIN[2][i] = "0xffffffffffffffff" end

-- Lists of arguments that decide something in a profile's rules for a name, by name.
local function vectors(profile)
  local list = {}
  for _, rule in ipairs(profile.syscalls) do
    for _, arg in ipairs(rule.args or {}) do
      for _, name in ipairs(rule.names) do
        list[name] = list[name] or { unpack(PLAIN) }
        for _, bound in ipairs { arg.value, arg.valueTwo or 0 } do
          for _, value in ipairs(around(bound)) do
            for _, other in ipairs { 0, "0xffffffffffffffff", hex(ffi.cast("uint64_t", bound)) } do
              local args = {}
              for i = 1, 6 do args[i] = i == arg.index + 1 and value or other end
              table.insert(list[name], args)
            end
          end
        end
      end
    end
  end
  return list
end

-- All numbers, those of x32, and the ends of the ranges: { audit architecture, number }.
local CALLS = {}
for _, arch in ipairs { X86_64, I386, AARCH64 } do
  for number = 0, 1023 do
    CALLS[#CALLS + 1] = { arch, number }
    CALLS[#CALLS + 1] = { arch, X32 + number }
  end
  for _, number in ipairs { 1024, 4095, X32 - 1, X32 + 1024, 0x7fffffff, 0x80000000, 0xbfffffff,
    0xc0000000, 0xfffffffe, 0xffffffff } do
    CALLS[#CALLS + 1] = { arch, number }
  end
end

-- The names that a profile has for a number: by "architecture number".
local function names_of(profile)
  local names = {}
  for _, rule in ipairs(profile.syscalls) do
    for _, name in ipairs(rule.names) do
      for arch, kind in pairs(reference.arches) do
        local number = reference.number(name, arch)
        if number then names[kind.audit .. " " .. number] = name end
      end
    end
  end
  return names
end

-- --- what is expected ----------------------------------------------------------------------------

-- The highest number that the profile names, for each of its architectures.
local function newest(profile)
  local last = {}
  for _, arch in ipairs { "SCMP_ARCH_X86_64", unpack(profile.architectures or {}) } do
    last[arch] = 0
    for _, rule in ipairs(profile.syscalls) do
      for _, name in ipairs(rule.names) do
        last[arch] = math.max(last[arch], reference.number(name, arch) or 0)
      end
    end
  end
  return last
end

-- As runc: ENOSYS above it, x32's being the numbers with that bit.
local function is_newer(last, arch, number)
  if arch == I386 then return (last.SCMP_ARCH_X86 or 0) > 0 and number > last.SCMP_ARCH_X86 end
  if arch == AARCH64 then
    return (last.SCMP_ARCH_AARCH64 or 0) > 0 and number > last.SCMP_ARCH_AARCH64
  end
  if last.SCMP_ARCH_X86_64 == 0 then return false end
  local x32 = bit.band(number, X32) ~= 0
  if x32 then return (last.SCMP_ARCH_X32 or 0) > 0 and number > last.SCMP_ARCH_X32 end
  return number > last.SCMP_ARCH_X86_64
end

-- The filter answers every call as libseccomp's plain lists do, behind the rule for new calls.
local function same_as_libseccomp(profile, bytes)
  local expected = reference.evaluator(profile, filter.evaluate)
  local otherwise = reference.action(profile.defaultAction, profile.defaultErrnoRet)
  local stub = profile.defaultAction == "SCMP_ACT_ERRNO" and otherwise ~= 0x50000 + ENOSYS
  local last, names, decisive = newest(profile), names_of(profile), vectors(profile)
  local count = 0
  for _, call in ipairs(CALLS) do
    local arch, number = call[1], call[2]
    local new = stub and is_newer(last, arch, number)
    for _, args in ipairs(decisive[names[arch .. " " .. number]] or PLAIN) do
      local data = { arch = arch, nr = number, args = args }
      local answer = new and 0x50000 + ENOSYS or expected(data)
      local got = filter.evaluate(bytes, data)
      if answer ~= got then
        error(("%x %x (%s): %x, and libseccomp says %x"):format(arch, number,
          table.concat(args, " "), got, answer))
      end
      count = count + 1
    end
  end
  return count
end

local function compiled(profile)
  local cjson = require("cjson").new()
  cjson.encode_number_precision(14)
  local text = cjson.encode(profile):gsub("{}", "[]")
  local bytes, message, path = filter.compile_oci(text)
  assert(bytes, (path or "") .. " " .. tostring(message))
  assert.is_true(filter.check(bytes))
  return bytes
end

-- --- specs ---------------------------------------------------------------------------------------

describe("the filter of an engine's profile", function()
  local bytes, flags = assert(filter.compile_oci(TEXT))

  it("answers every call as libseccomp's own", function()
    assert.equal(0, flags)
    assert(same_as_libseccomp(ENGINE, bytes) > 2 * #CALLS)
  end)

  it("answers every call of x86_64 as the profile reads", function()
    local otherwise = reference.action(ENGINE.defaultAction, ENGINE.defaultErrnoRet)
    local function read(name, args)
      for _, rule in ipairs(ENGINE.syscalls) do
        local named, all = false, true
        for _, candidate in ipairs(rule.names) do named = named or candidate == name end
        for _, arg in ipairs(rule.args or {}) do
          local equal = args[arg.index + 1] == arg.value
          assert(arg.op == "SCMP_CMP_EQ" or arg.op == "SCMP_CMP_NE")
          all = all and equal == (arg.op == "SCMP_CMP_EQ")
        end
        if named and all then return reference.action(rule.action, rule.errnoRet) end
      end
      return otherwise
    end
    for number = 0, 1023 do
      local name = filter.syscall_name(number)
      for _, first in ipairs { 0, 1, 8, 9, 16, 17, 131072, 131080, 4294967295, 4294967296 } do
        for _, third in ipairs { 0, 8, 9, 10 } do
          local args = { first, 1, third, 0, 0, 0 }
          assert.equal(read(name, args),
            filter.evaluate(bytes, { nr = number, args = args }), name)
        end
      end
    end
  end)

  it("is what the kernel takes, and lets a program run", function()
    local script = [[
      local core = require "tidelock.core"
      core.prctl.set_no_new_privs()
      local text = core.json.decode(io.read("*a"), { raw = { ["linux.seccomp"] = true } })
      assert(core.seccomp.set_mode_filter((core.filter.compile_oci(text.linux.seccomp))))
      os.execute("echo runs")
    ]]
    local result = run.run({ "/usr/bin/luajit", "-e", script },
      { stdin = run.read(run.top .. "/spec/support/oci/engine-config.json") })
    assert.equal("runs\n", result.stdout, result.stderr)
  end)

  it("is the same each time", function()
    for _ = 1, 5 do assert.equal(bytes, (filter.compile_oci(TEXT))) end
  end)
end)

describe("filter.compile_oci", function()
  local function profile(t)
    t.defaultAction = t.defaultAction or "SCMP_ACT_ERRNO"
    t.syscalls = t.syscalls or {
      { names = { "execve", "read", "write" }, action = "SCMP_ACT_ALLOW" },
    }
    return t
  end

  local function verdict(t, call, args, arch)
    local number = type(call) == "number" and call or filter.syscall_number(call)
    return filter.evaluate(compiled(t), { nr = number, args = args, arch = arch })
  end

  it("knows every action and its errno", function()
    for name, value in pairs { ALLOW = 0x7fff0000, LOG = 0x7ffc0000, TRAP = 0x30000, KILL = 0,
      KILL_THREAD = 0, KILL_PROCESS = 0x80000000, ERRNO = 0x50001, TRACE = 0x7ff00001 } do
      local one = profile { syscalls = { { names = { "getpid" }, action = "SCMP_ACT_" .. name } } }
      assert.equal(value, verdict(one, "getpid"), name)
      assert.equal(value, verdict(profile { defaultAction = "SCMP_ACT_" .. name }, "close"), name)
    end
    for errno, value in pairs { [0] = 0x50000, [13] = 0x5000d, [4094] = 0x50ffe } do
      local one = { { names = { "getpid" }, action = "SCMP_ACT_ERRNO", errnoRet = errno } }
      assert.equal(value, verdict(profile { syscalls = one, defaultErrnoRet = 2 }, "getpid"))
      assert.equal(value, verdict(profile { defaultErrnoRet = errno }, "close"))
    end
    assert.equal(0x7ff0ffff,
      verdict(profile { defaultAction = "SCMP_ACT_TRACE", defaultErrnoRet = 65535 }, "close"))
  end)

  it("passes over names that nobody knows, and calls of other machines", function()
    local names = { "no_such_call", "getpid", "arm_fadvise64_64", ("x"):rep(300) }
    local one = profile { syscalls = { { names = names, action = "SCMP_ACT_ALLOW" } } }
    assert.equal(0x7fff0000, verdict(one, "getpid"))
    assert.equal(0x50001, verdict(one, "close"))
  end)

  it("makes conditions on one argument a rule each, and others hold together", function()
    local function rule(...) return profile { syscalls = { { names = { "socket" },
      action = "SCMP_ACT_ALLOW", args = { ... } } } } end
    local function equal(index, value)
      return { index = index, value = value, op = "SCMP_CMP_EQ" }
    end
    local together = rule(equal(0, 1), equal(1, 2))
    assert.equal(0x7fff0000, verdict(together, "socket", { 1, 2 }))
    assert.equal(0x50001, verdict(together, "socket", { 1, 3 }))
    local apart = rule(equal(0, 1), equal(0, 2), equal(1, 7))
    for _, args in ipairs { { 1, 0 }, { 2, 0 }, { 5, 7 } } do
      assert.equal(0x7fff0000, verdict(apart, "socket", args))
    end
    assert.equal(0x50001, verdict(apart, "socket", { 3, 0 }))
    local many = {}
    for i = 1, 9 do many[i] = equal(0, i) end
    assert.equal(0x7fff0000, verdict(rule(unpack(many)), "socket", { 9 }))
  end)

  it("kills calls of architectures that are not listed", function()
    assert.equal(0, verdict(profile {}, 3, nil, I386))
    assert.equal(0, verdict(profile {}, X32))
    local listed = profile { architectures = { "SCMP_ARCH_X86", "SCMP_ARCH_X86" } }
    assert.equal(0x7fff0000, verdict(listed, 3, nil, I386))
    assert.equal(0, verdict(listed, X32))
  end)

  it("answers ENOSYS above the newest call of a profile whose default is an errno", function()
    for action, value in pairs { ERRNO = 0x50000 + ENOSYS, KILL = 0, TRAP = 0x30000,
      ALLOW = 0x7fff0000 } do
      local t = profile { defaultAction = "SCMP_ACT_" .. action }
      assert.equal(value, verdict(t, 60), action)
      assert.equal(value, verdict(t, 1000), action)
    end
    assert.equal(0x50001, verdict(profile {}, 58))
    assert.equal(0x50005, verdict(profile { defaultErrnoRet = 5 }, 58))
    assert.equal(0x50001, verdict(profile { syscalls = {} }, 1000))
  end)

  it("reads the flags", function()
    local function flags(...)
      local text = ('{"defaultAction":"SCMP_ACT_ALLOW","flags":[%s]}')
        :format(table.concat({ ... }, ","):gsub("[%w_]+", '"SECCOMP_FILTER_FLAG_%0"'))
      local _, bits = assert(filter.compile_oci(text))
      return bits
    end
    assert.equal(0, flags())
    assert.equal(1, flags("TSYNC"))
    assert.equal(2, flags("LOG"))
    assert.equal(4, flags("SPEC_ALLOW"))
    -- It says how notified calls wait; the kernel refuses it where there are none.
    assert.equal(0, flags("WAIT_KILLABLE_RECV"))
    assert.equal(7, flags("LOG", "TSYNC", "SPEC_ALLOW", "LOG"))
  end)

  it("takes a null for a field that is absent", function()
    assert(filter.compile_oci('{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":null,'
      .. '"flags":null,"listenerPath":null,"syscalls":null}'))
    assert(filter.compile_oci('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],'
      .. '"action":"SCMP_ACT_TRAP","args":null,"errnoRet":null}]}'))
  end)

  it("passes over unknown properties, as the specification wants it", function()
    local rule = '{"names":["getpid"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,'
      .. '"op":"SCMP_CMP_EQ"%s}]%s}'
    local text = '{"defaultAction":"SCMP_ACT_TRAP","syscalls":[' .. rule .. ']%s}'
    assert.equal((filter.compile_oci(text:format("", "", ""))),
      (filter.compile_oci(text:format(',"x":1', ',"comment":"y"', ',"archMap":[]'))))
  end)

  it("answers as libseccomp for profiles of every kind", function()
    math.randomseed(11)
    local random = math.random
    local operators = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" }
    local actions = { "ALLOW", "ERRNO", "KILL_PROCESS", "LOG", "TRAP", "TRACE" }
    local values = { 0, 1, 255, 65536, 2 ^ 31, 2 ^ 32 - 1, 2 ^ 32, 2 ^ 32 + 7, 2 ^ 45 }
    local sets = { { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" }, { "SCMP_ARCH_X86" },
      { "SCMP_ARCH_X32" }, {}, { "SCMP_ARCH_AARCH64", "SCMP_ARCH_X86" } }
    local names = {}
    for number = 0, 456 do names[#names + 1] = filter.syscall_name(number) end

    local function pick(list) return list[random(#list)] end
    local function arguments()
      local args, first = {}, random(0, 5)
      for i = 1, random(0, 2) do
        args[i] = { index = (first + i) % 6, value = pick(values), valueTwo = pick(values),
          op = "SCMP_CMP_" .. pick(operators) }
      end
      return args
    end

    for round = 1, 24 do
      local t = { defaultAction = "SCMP_ACT_" .. pick(actions), architectures = pick(sets),
        syscalls = {} }
      if t.defaultAction == "SCMP_ACT_ERRNO" then t.defaultErrnoRet = pick { 1, 13, ENOSYS } end
      -- A name is in one rule: two actions for one call are an error of libseccomp's.
      for i = 1, random(1, 30) do
        local some = {}
        for n = 1, random(1, 5) do
          some[n] = table.remove(names, random(#names))
        end
        t.syscalls[i] = { names = some, action = "SCMP_ACT_" .. pick(actions), args = arguments() }
      end
      for _, rule in ipairs(t.syscalls) do
        for _, name in ipairs(rule.names) do names[#names + 1] = name end
      end
      local ok, message = pcall(same_as_libseccomp, t, compiled(t))
      assert(ok, ("profile %d: %s"):format(round, tostring(message)))
    end
  end)
end)

describe("filter.tree", function()
  it("answers as libseccomp's list and as its tree, from which it is made", function()
    for _, optimize in ipairs { 1, 2 } do
      local bytes = reference.compile(ENGINE, optimize)
      local tree = assert(filter.tree(bytes))
      assert.is_true(filter.check(tree))
      assert(#tree < #bytes)
      assert.equal(tree, filter.tree(tree))
      for _, call in ipairs(CALLS) do
        for value = 0, 20 do
          local data = { arch = call[1], nr = call[2], args = { value, value, value } }
          assert(filter.evaluate(bytes, data) == filter.evaluate(tree, data), call[2])
        end
      end
    end
  end)

  it("makes nothing of a program of another kind", function()
    local allow = "\6\0\0\0\0\0\255\127"
    assert.equal("EOPNOTSUPP", select(2, filter.tree("\7\0\0\0\0\0\0\0" .. allow)), "tax")
    assert.equal("EOPNOTSUPP", select(2, filter.tree("\21\0\0\0\0\0\0\0" .. allow)), "no load")
    assert.equal("EOPNOTSUPP", select(2, filter.tree("\22\0\0\0\0\0\0\0")), "returns A")
    assert.equal("EOPNOTSUPP",
      select(2, filter.tree("\32\0\0\0\0\0\0\0\69\0\0\0\1\0\0\0" .. allow)), "low bit")
    assert.equal("EOPNOTSUPP",
      select(2, filter.tree("\32\0\0\0\16\0\0\0\32\0\0\0\0\0\0\0" .. allow)), "number again")
    assert.has_error(function() filter.tree("") end)
    assert.has_error(function() filter.tree("\32\0\0\0\0\0\0\0") end)
    assert.equal("EBADMSG",
      select(2, filter.tree("\32\0\0\0\4\0\0\0\21\0\0\0\139\0\0\0" .. allow)), "arch 139")
    -- The guards of the default policy look at the number again.
    assert.equal("EOPNOTSUPP", select(2, filter.tree(filter.compile(default.policy({})))))
    assert.equal(allow, filter.tree(allow):sub(-8))
  end)
end)

describe("an error in linux.seccomp", function()
  local function refused(text, field, why, accepted)
    local ok, failure = pcall(seccomp.load, text, nil, core)
    assert.is_false(ok)
    assert.equal("linux.seccomp" .. field, failure.field, tostring(failure))
    assert.matches(why, tostring(failure), 1, true)
    if accepted then assert.matches(accepted, failure.accepted, 1, true) end
  end

  local function with(fields) return '{"defaultAction":"SCMP_ACT_ERRNO",' .. fields .. "}" end
  local function rule(fields)
    return with('"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"},{' .. fields .. "}]")
  end
  local function arg(fields)
    return rule('"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{' .. fields .. "}]")
  end

  it("names the field, what is wrong and what is accepted", function()
    refused("{}", ".defaultAction", "is required")
    refused('{"defaultAction":"SCMP_ACT_KILLALL"}', ".defaultAction",
      '"SCMP_ACT_KILLALL" is not an action', "SCMP_ACT_KILL_PROCESS")
    refused('{"defaultAction":7}', ".defaultAction", "7 must be a string")
    refused('{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}', ".defaultErrnoRet",
      "1 goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only")
    refused(with '"defaultErrnoRet":4095', ".defaultErrnoRet", "4095 must be a whole number")
    refused(with '"defaultErrnoRet":-1', ".defaultErrnoRet", "-1 must be a whole number")
    refused(with '"defaultErrnoRet":1.5', ".defaultErrnoRet", "1.5 must be a whole number")
    refused(with '"architectures":"SCMP_ARCH_X86"', ".architectures", "must be a list")
    refused(with '"architectures":["SCMP_ARCH_X86","SCMP_ARCH_VAX"]', ".architectures[1]",
      '"SCMP_ARCH_VAX" is no architecture', "SCMP_ARCH_X32")
    refused(with '"architectures":["x86"]', ".architectures[0]", "is no architecture")
    refused(with '"architectures":["SCMP_ARCH_x86"]', ".architectures[0]", "is no architecture")
    refused(with '"architectures":[true]', ".architectures[0]", "true must be a string")
    refused(with '"architectures":["SCMP_ARCH_S390X"]', ".architectures[0]",
      "refused by libseccomp")
    refused(with '"flags":["TSYNC"]', ".flags[0]", '"TSYNC" is not a flag',
      "SECCOMP_FILTER_FLAG_LOG")
    refused(with '"flags":[1]', ".flags[0]", "1 is not a flag")
    refused(with '"listenerPath":"/run/l"', ".listenerPath", "cannot be served yet")
    refused(with '"listenerMetadata":"m"', ".listenerMetadata", "cannot be served yet")
    refused('{"defaultAction":"SCMP_ACT_NOTIFY"}', ".defaultAction", "cannot be served yet")
    refused(with '"syscalls":{}', ".syscalls", "must be a list")
    refused(with '"syscalls":[7]', ".syscalls[0]", "must be an object")
  end)

  it("names a field of a rule", function()
    refused(rule '"action":"SCMP_ACT_ALLOW"', ".syscalls[1].names", "is required")
    refused(rule '"names":[],"action":"SCMP_ACT_ALLOW"', ".syscalls[1].names", "must not be empty")
    refused(rule '"names":["read"]', ".syscalls[1].action", "is required")
    refused(rule '"names":["a",1],"action":"SCMP_ACT_ALLOW"', ".syscalls[1].names[1]",
      "1 must be a string")
    refused(rule '"names":[""],"action":"SCMP_ACT_ALLOW"', ".syscalls[1].names[0]",
      "not the name of a system call")
    refused(rule '"names":["read"],"action":"SCMP_ACT_NOTIFY"', ".syscalls[1].action",
      "cannot be served yet")
    refused(rule '"names":["read"],"action":"ALLOW"', ".syscalls[1].action", "is not an action")
    refused(rule '"names":["read"],"action":"SCMP_ACT_ALLOW","errnoRet":1',
      ".syscalls[1].errnoRet", "goes with SCMP_ACT_ERRNO")
    refused(rule '"names":["read"],"action":"SCMP_ACT_TRACE","errnoRet":65536',
      ".syscalls[1].errnoRet", "65536 must be")
    refused(rule '"names":["read"],"action":"SCMP_ACT_ALLOW","args":{}', ".syscalls[1].args",
      "must be a list")
  end)

  it("names a field of a condition", function()
    refused(arg '"value":1,"op":"SCMP_CMP_EQ"', ".syscalls[1].args[0].index", "is required")
    refused(arg '"index":0,"op":"SCMP_CMP_EQ"', ".syscalls[1].args[0].value", "is required")
    refused(arg '"index":0,"value":1', ".syscalls[1].args[0].op", "is required")
    refused(arg '"index":6,"value":1,"op":"SCMP_CMP_EQ"', ".syscalls[1].args[0].index",
      "6 must be a whole number from 0 to 5")
    refused(arg '"index":0,"value":-1,"op":"SCMP_CMP_EQ"', ".syscalls[1].args[0].value",
      "-1 must be a whole number")
    refused(arg '"index":0,"value":18446744073709551616,"op":"SCMP_CMP_EQ"',
      ".syscalls[1].args[0].value", "must be a whole number")
    refused(arg '"index":0,"value":"1","op":"SCMP_CMP_EQ"', ".syscalls[1].args[0].value",
      '"1" must be a whole number')
    refused(arg '"index":0,"value":1,"op":"SCMP_CMP_IS"', ".syscalls[1].args[0].op",
      '"SCMP_CMP_IS" is not an operator', "SCMP_CMP_MASKED_EQ")
  end)

  it("says where the text is no JSON", function()
    refused("", "", "the text ends where a value is expected (line 1, column 1)")
    refused('{"defaultAction":\n01}', ".defaultAction", "leading zeros (line 2, column 1)")
    refused("[]", "", "must be an object")
  end)

  it("refuses a filter under which no command could start", function()
    local text = '{"defaultAction":"SCMP_ACT_ALLOW",'
      .. '"syscalls":[{"names":["execve"],"action":"%s"}]}'
    refused(text:format("SCMP_ACT_KILL"), "", "for execve it kills the thread")
    refused(text:format("SCMP_ACT_ERRNO"), "", "for execve it fails with errno 1")
    refused(with '"syscalls":[]', "", "for execve it fails with errno 1")
  end)
end)

describe("the cache of linux.seccomp", function()
  local root = run.run("id -u").stdout == "0\n"
  local base, dir, entry
  local text = '{"defaultAction":"SCMP_ACT_ERRNO","flags":["SECCOMP_FILTER_FLAG_LOG"],'
    .. '"syscalls":[{"names":["execve","read"],"action":"SCMP_ACT_ALLOW"}]}'
  local expected = assert(filter.compile_oci(text))

  local function load_again(other)
    seccomp.forget()
    local result, source = seccomp.load(other or text, dir, core)
    if not other then assert.same({ filter = expected, flags = 2 }, result) end
    return source
  end

  before_each(function()
    base = os.tmpname()
    os.remove(base)
    dir = base .. "/tidelock"
    entry = dir .. "/" .. seccomp.entry(text, filter)
  end)

  after_each(function() run.run("rm -rf " .. run.quote(base)) end)

  local function rebuilt(spoil)
    load_again()
    spoil()
    assert.equal("compiled", load_again())
    assert.equal("cache", load_again())
  end

  it("keeps filter and flags, in the process and in a file", function()
    assert.equal("compiled", load_again())
    local result, source = seccomp.load(text, dir, core)
    assert.equal("memory", source)
    assert.same({ filter = expected, flags = 2 }, result)
    assert.equal("cache", load_again())
    assert.equal("compiled", load_again(text .. " "))
    assert.equal("cache", load_again(text .. " "))
  end)

  it("rebuilds an entry with any byte changed, cut or lengthened", function()
    load_again()
    local sound = run.read(entry)
    for at = 1, #sound do
      local byte = string.char((sound:byte(at) + 1) % 256)
      run.write(entry, sound:sub(1, at - 1) .. byte .. sound:sub(at + 1))
      assert.equal("compiled", load_again(), at)
    end
    for _, length in ipairs { 0, 1, 8, 47, 48, 49, #sound - 8, #sound - 1 } do
      rebuilt(function() run.write(entry, sound:sub(1, length)) end)
    end
    rebuilt(function() run.write(entry, sound .. ("\0"):rep(8)) end)
  end)

  it("rebuilds an entry that is another profile's, or that others may write", function()
    rebuilt(function()
      assert(filter.cache_store(dir, "other.oci.bpf", "\6\0\0\0\0\0\255\127", 0))
      run.run(("mv %s/other.oci.bpf %s"):format(dir, entry))
    end)
    rebuilt(function() run.run("chmod 622 " .. entry) end)
    if root then rebuilt(function() run.run("chown 1000 " .. entry) end) end
  end)

  it("keeps nothing of a profile that is refused", function()
    assert.has_error(function()
      load_again '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}'
    end)
    assert.equal("", run.run("ls " .. dir .. " 2>/dev/null").stdout)
  end)

  it("works without a directory", function()
    seccomp.forget()
    local result, source = seccomp.load(text, nil, core)
    assert.equal("compiled", source)
    assert.equal(expected, result.filter)
  end)

  it("keeps few in memory", function()
    for i = 1, 40 do seccomp.load(text .. (" "):rep(i), nil, core) end
    assert.equal("memory", select(2, seccomp.load(text .. (" "):rep(40), nil, core)))
    assert.equal("compiled", select(2, seccomp.load(text .. " ", nil, core)))
  end)
end)
