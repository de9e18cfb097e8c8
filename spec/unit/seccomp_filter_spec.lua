--- The default policy, compiled and evaluated call by call.

local filter = require("tidelock.core").filter
local default = require("tidelock.seccomp.default")

local I386 = 0x40000003
local ALLOW = filter.action("allow")

local compiled = {}

local function bytes_for(capabilities)
  local key = table.concat(capabilities, " ")
  compiled[key] = compiled[key] or assert(filter.compile(default.policy(capabilities)))
  return compiled[key]
end

local function number(call)
  if type(call) == "number" then return call end
  return assert(filter.syscall_number(call), call)
end

local function verdict(call, args, options)
  options = options or {}
  return assert(filter.evaluate(bytes_for(options.capabilities or {}), {
    nr = number(call), args = args or {}, arch = options.arch,
  }))
end

local function errno(name) return filter.action("errno:" .. name) end

describe("the default seccomp policy", function()
  it("compiles to the same bytes a hundred times", function()
    local first = bytes_for({})
    for _ = 1, 100 do assert.equal(first, filter.compile(default.policy({}))) end
  end)

  it("does not depend on the order of the capabilities", function()
    local one = filter.compile(default.policy({ "SYS_ADMIN", "SYSLOG", "BPF" }))
    assert.equal(one, filter.compile(default.policy({ "BPF", "SYSLOG", "SYS_ADMIN", "BPF" })))
  end)

  it("is a program that the kernel's rules accept", function()
    assert.is_true(filter.check(bytes_for({})))
  end)

  it("allows what ordinary programs call", function()
    for name in ([[read write openat mmap clone execve exit_group futex rt_sigaction ioctl socket
        connect epoll_wait ptrace process_vm_readv getrandom statx rseq prctl seccomp splice
        vmsplice wait4 kill pipe2 fork vfork setuid chown mknod unlink rename fchmodat2
        landlock_restrict_self memfd_secret name_to_handle_at personality]]):gmatch("%S+") do
      local args = name == "socket" and { 1 } or {}
      assert.equal(ALLOW, verdict(name, args), name)
    end
  end)

  it("denies what a box without capabilities has no use for", function()
    for name in ([[mount umount2 pivot_root open_tree move_mount fsopen fsconfig fsmount fspick
        mount_setattr unshare setns bpf perf_event_open userfaultfd keyctl add_key request_key
        kexec_load kexec_file_load init_module finit_module delete_module io_uring_setup
        io_uring_enter io_uring_register syslog acct swapon swapoff quotactl reboot settimeofday
        clock_settime open_by_handle_at chroot iopl ioperm kcmp vhangup modify_ldt sethostname
        setdomainname fanotify_init lookup_dcookie uselib ustat sysfs]]):gmatch("%S+") do
      assert.equal(errno("EPERM"), verdict(name), name)
    end
  end)

  it("answers each number as the lists say, and no rule is lost in the tree", function()
    local sets = { {}, { "SYS_ADMIN" }, { "NET_RAW", "SYS_NICE", "SYS_PTRACE" } }
    for _, capabilities in ipairs(sets) do
      local allowed = {}
      for _, rule in ipairs(default.policy(capabilities).rules) do
        for _, name in ipairs(rule.names) do
          if rule.action == "allow" and not rule.args then allowed[name] = true end
        end
      end
      for nr = 0, 456 do
        local name = filter.syscall_name(nr)
        if allowed[name] and name ~= "socket" and name ~= "socketpair" then
          assert.equal(ALLOW, verdict(nr, {}, { capabilities = capabilities }), name)
        elseif name ~= "clone" and name ~= "clone3" and name ~= "personality" then
          assert.not_equal(ALLOW, verdict(nr, {}, { capabilities = capabilities }), name)
        end
      end
    end
  end)

  it("says ENOSYS to calls it does not know, so that libcs fall back", function()
    for _, nr in ipairs({ 500, 600, 1024, 0x3fffffff, -1 }) do
      assert.equal(errno("ENOSYS"), verdict(nr), nr)
    end
    assert.equal(errno("ENOSYS"), verdict("clone3"))
  end)

  it("refuses every i386 and x32 call", function()
    for nr = 0, 600 do
      assert.equal(errno("ENOSYS"), verdict(nr, {}, { arch = I386 }))
      assert.equal(errno("ENOSYS"), verdict(0x40000000 + nr))
    end
    assert.equal(errno("ENOSYS"), verdict(102, { 1, 0 }, { arch = I386 }), "socketcall")
    assert.equal(errno("ENOSYS"), verdict("read", {}, { arch = 0xc00000b7 }), "aarch64")
  end)

  it("allows four socket families and no other, whatever the high bits say", function()
    local allowed = { [1] = true, [2] = true, [10] = true, [16] = true }
    for _, call in ipairs({ "socket", "socketpair" }) do
      for family = 0, 300 do
        local expected = allowed[family] and ALLOW or errno("EAFNOSUPPORT")
        assert.equal(expected, verdict(call, { family, 1, 0 }), family)
        assert.equal(expected, verdict(call, { ("0xdeadbeef%08x"):format(family) }), family)
      end
    end
  end)

  it("keeps AF_PACKET for a box with NET_RAW, and never AF_ALG or AF_VSOCK", function()
    local raw = { capabilities = { "NET_RAW" } }
    assert.equal(ALLOW, verdict("socket", { 17 }, raw))
    assert.equal(errno("EAFNOSUPPORT"), verdict("socket", { 38 }, raw))
    assert.equal(errno("EAFNOSUPPORT"), verdict("socket", { 40 }, raw))
  end)

  it("denies typing into a terminal, also with high bits that the kernel drops", function()
    for _, request in ipairs({ "5412", "541c" }) do
      for _, high in ipairs({ "", "00000001", "80000000", "ffffffff" }) do
        local value = ("0x%s%08x"):format(high, tonumber(request, 16))
        assert.equal(errno("EPERM"), verdict("ioctl", { 0, value }), value)
      end
    end
    for _, request in ipairs({ 0x5411, 0x5413, 0x5401, 0x541b, 0x541d, "0x541200000000" }) do
      assert.equal(ALLOW, verdict("ioctl", { 0, request }))
    end
  end)

  it("denies new namespaces by clone, each flag alone and with high bits", function()
    local flags = { "00020000", "02000000", "04000000", "08000000", "10000000", "20000000",
      "40000000" }
    for _, flag in ipairs(flags) do
      assert.equal(errno("EPERM"), verdict("clone", { "0x" .. flag }), flag)
      assert.equal(errno("EPERM"), verdict("clone", { "0xffffffff" .. flag }), flag)
    end
    assert.equal(ALLOW, verdict("clone", { 0x3d0f00 }), "a thread")
    assert.equal(ALLOW, verdict("clone", { 0x1200011 }), "fork")
  end)

  it("allows the harmless personalities only", function()
    for _, value in ipairs({ 0, 8, 0x20000, 0x20008, 0xffffffff, "0xffffffffffffffff" }) do
      assert.equal(ALLOW, verdict("personality", { value }))
    end
    for _, value in ipairs({ 0x40000, 0x400000, 0x100000, 1, "0x100040000" }) do
      assert.equal(errno("EPERM"), verdict("personality", { value }))
    end
  end)

  it("adds the calls of a capability that is kept", function()
    local cases = {
      SYS_ADMIN = "mount umount2 pivot_root unshare setns clone3 open_tree fsopen bpf syslog",
      SYS_CHROOT = "chroot", SYS_TIME = "settimeofday clock_settime", SYSLOG = "syslog",
      SYS_BOOT = "reboot", BPF = "bpf", PERFMON = "perf_event_open", SYS_NICE = "mbind",
      SYS_MODULE = "init_module", SYS_RAWIO = "iopl", SYS_PTRACE = "kcmp pidfd_getfd",
      DAC_READ_SEARCH = "open_by_handle_at", SYS_PACCT = "acct", SYS_TTY_CONFIG = "vhangup",
    }
    for capability, calls in pairs(cases) do
      for name in calls:gmatch("%S+") do
        assert.not_equal(ALLOW, verdict(name), name)
        assert.equal(ALLOW, verdict(name, {}, { capabilities = { capability } }), name)
      end
    end
    local admin = { capabilities = { "SYS_ADMIN" } }
    assert.equal(ALLOW, verdict("clone", { 0x10000011 }, admin))
    assert.equal(errno("EPERM"), verdict("io_uring_setup", {}, admin))
    assert.equal(errno("EPERM"), verdict("ioctl", { 0, 0x5412 }, admin))
  end)
end)

describe("the filter compiler", function()
  local function policy(rules, guards)
    return { otherwise = "errno:EPERM", bad_arch = "kill", unknown = "errno:ENOSYS",
      rules = rules, guards = guards }
  end

  it("names a call that does not exist, and passes over an optional one", function()
    local bytes, message = filter.compile(policy({ { names = { "raed" }, action = "allow" } }))
    assert.is_nil(bytes)
    assert.matches('no system call "raed"', message)
    assert.is_string(filter.compile(
      policy({ { names = { "raed", "read" }, action = "allow", optional = true } })))
    bytes, message = filter.compile(policy({},
      { { names = { "socketcall" }, arg = 0, values = { 1 }, action = "allow" } }))
    assert.is_nil(bytes)
    assert.matches("socketcall", message)
  end)

  it("refuses an unknown action, operator, argument and too long a list of values", function()
    local rule = { names = { "read" }, action = "permit" }
    assert.error_matches(function() filter.compile(policy({ rule })) end, '"permit"')
    rule = { names = { "read" }, action = "allow", args = { { arg = 6, value = 1 } } }
    assert.error_matches(function() filter.compile(policy({ rule })) end, "0 to 5")
    rule.args = { { arg = 0, op = "=", value = 1 } }
    assert.has_error(function() filter.compile(policy({ rule })) end)
    local many = {}
    for i = 1, 65 do many[i] = i end
    local guard = { names = { "read" }, action = "allow", arg = 0, values = many }
    assert.error_matches(function() filter.compile(policy({}, { guard })) end, "1 to 64")
  end)

  it("compares all 64 bits in a rule", function()
    local bytes = assert(filter.compile(policy({ { names = { "lseek" }, action = "allow",
      args = { { arg = 1, op = ">=", value = "0x100000001" } } } })))
    local function seek(value)
      return filter.evaluate(bytes, { nr = filter.syscall_number("lseek"), args = { 0, value } })
    end
    assert.equal(ALLOW, seek("0x100000001"))
    assert.equal(ALLOW, seek("0xffffffff00000000"))
    assert.not_equal(ALLOW, seek("0x100000000"))
    assert.not_equal(ALLOW, seek(0xffffffff))
  end)

  it("knows the names and numbers of x86_64", function()
    assert.equal(59, filter.syscall_number("execve"))
    assert.equal("execve", filter.syscall_name(59))
    assert.is_nil(filter.syscall_number("socketcall"))
    assert.is_nil(filter.syscall_name(100000))
  end)

  it("hashes as FIPS 180-4 says", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      filter.sha256("abc"))
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      filter.sha256(""))
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      filter.sha256(("a"):rep(1000000)))
  end)
end)
