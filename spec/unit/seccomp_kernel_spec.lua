--- The real kernel takes the compiled filters, and refuses what they say it refuses.

local ffi = require("ffi")
local filter = require("tidelock.core").filter
local default = require("tidelock.seccomp.default")

ffi.cdef([[
  struct spec_fprog { unsigned short len; const void *filter; };
  int fork(void);
  int waitpid(int pid, int *status, int options);
  void _exit(int status);
  int prctl(int option, ...);
  long syscall(long number, ...);
]])

local C = ffi.C
local PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
local long = function(value) return ffi.cast("long", value) end

local function load_filter(bytes)
  local prog = ffi.new("struct spec_fprog", #bytes / 8, ffi.cast("const char *", bytes))
  local one, zero = long(1), long(0)
  if C.prctl(PR_SET_NO_NEW_PRIVS, one, zero, zero, zero) ~= 0 then return 200 end
  if C.prctl(PR_SET_SECCOMP, long(MODE_FILTER), prog, zero, zero) ~= 0 then return 201 end
  return 0
end

-- The errno of one call made under the filter, in a child of our own.
local function errno_under(bytes, nr, ...)
  local arguments = { ... }
  for i = 1, 6 do arguments[i] = long(arguments[i] or 0) end
  local pid = C.fork()
  if pid == 0 then
    local code = load_filter(bytes)
    if code == 0 and C.syscall(long(nr), unpack(arguments)) < 0 then code = ffi.errno() end
    C._exit(code)
  end
  local status = ffi.new("int[1]")
  assert.equal(pid, C.waitpid(pid, status, 0))
  assert.equal(0, status[0] % 128, "the child died of a signal")
  return math.floor(status[0] / 256) % 256
end

local EPERM, EBADF, ENOSYS, EAFNOSUPPORT = 1, 9, 38, 97

describe("the kernel", function()
  local bytes = assert(filter.compile(default.policy({})))

  local function errno(call, ...)
    local nr = type(call) == "number" and call or filter.syscall_number(call)
    return errno_under(bytes, nr, ...)
  end

  setup(function()
    if errno("getpid") ~= 0 then error("this kernel takes no seccomp filter") end
  end)

  it("takes the filter of every single capability", function()
    for name in ([[NET_RAW SYS_ADMIN SYS_CHROOT SYS_TIME BPF PERFMON SYS_NICE SYS_PTRACE
        SYS_MODULE]]):gmatch("%S+") do
      local one = assert(filter.compile(default.policy({ name })))
      assert.equal(0, errno_under(one, filter.syscall_number("getpid")), name)
    end
  end)

  it("answers as the evaluator does", function()
    assert.equal(0, errno("getppid"))
    assert.equal(EAFNOSUPPORT, errno("socket", 38, 5, 0))
    assert.equal(EAFNOSUPPORT, errno("socket", 40, 1, 0))
    assert.equal(0, errno("socket", 1, 1, 0))
    assert.equal(EPERM, errno("ioctl", -1, 0x5412))
    assert.equal(EPERM, errno("ioctl", -1, 0x100005412))
    assert.equal(EBADF, errno("ioctl", -1, 0x5413))
    assert.equal(ENOSYS, errno("clone3", 0, 0))
    assert.equal(EPERM, errno("unshare", 0x10000000))
    assert.equal(EPERM, errno("io_uring_setup", 1, 0))
    assert.equal(ENOSYS, errno(0x40000027))
    assert.equal(ENOSYS, errno(1000))
  end)
end)
