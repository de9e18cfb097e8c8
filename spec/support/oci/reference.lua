-- linux.seccomp as libseccomp itself compiles it: called directly, with no reader, stub, tree or
-- cache of ours. What filter.compile_oci makes is compared with this.
local bit = require "bit"
local ffi = require "ffi"

local M = {}

ffi.cdef [[
  struct spec_insn { uint16_t code; uint8_t jt, jf; uint32_t k; };
  struct spec_arg_cmp { unsigned int arg; int op; uint64_t datum_a; uint64_t datum_b; };
  void *seccomp_init(uint32_t action);
  void seccomp_release(void *context);
  int seccomp_arch_add(void *context, uint32_t arch);
  int seccomp_arch_remove(void *context, uint32_t arch);
  int seccomp_attr_set(void *context, int attribute, uint32_t value);
  int seccomp_syscall_resolve_name(const char *name);
  int seccomp_syscall_resolve_name_arch(uint32_t arch, const char *name);
  int seccomp_rule_add_array(void *context, uint32_t action, int number, unsigned int count,
    const struct spec_arg_cmp *args);
  int seccomp_export_bpf(const void *context, int fd);
  int memfd_create(const char *name, unsigned int flags);
  long lseek(int fd, long offset, int whence);
  long read(int fd, void *bytes, unsigned long count);
  int close(int fd);
]]

local library = ffi.load "seccomp.so.2"

-- The tokens of seccomp.h, and what the kernel calls the architecture.
M.arches = {
  SCMP_ARCH_X86_64 = { token = 0xc000003e, audit = 0xc000003e },
  SCMP_ARCH_X86 = { token = 0x40000003, audit = 0x40000003 },
  SCMP_ARCH_X32 = { token = 0x4000003e, audit = 0xc000003e },
  SCMP_ARCH_AARCH64 = { token = 0xc00000b7, audit = 0xc00000b7 },
}

local OPERATORS = {
  SCMP_CMP_NE = 1, SCMP_CMP_LT = 2, SCMP_CMP_LE = 3, SCMP_CMP_EQ = 4, SCMP_CMP_GE = 5,
  SCMP_CMP_GT = 6, SCMP_CMP_MASKED_EQ = 7,
}
local ACTIONS = {
  SCMP_ACT_KILL = 0, SCMP_ACT_KILL_THREAD = 0, SCMP_ACT_KILL_PROCESS = 0x80000000,
  SCMP_ACT_TRAP = 0x00030000, SCMP_ACT_ERRNO = 0x00050000, SCMP_ACT_TRACE = 0x7ff00000,
  SCMP_ACT_LOG = 0x7ffc0000, SCMP_ACT_ALLOW = 0x7fff0000,
}
local OPTIMIZE = 8

---The filter's return value of an action.
---@param name string
---@param errno integer?
---@return integer
function M.action(name, errno)
  local with_errno = name == "SCMP_ACT_ERRNO" or name == "SCMP_ACT_TRACE"
  return ACTIONS[name] + (with_errno and (errno or 1) or 0)
end

---A call's number, nil if the architecture has no such call.
---@param name string
---@param arch string SCMP_ARCH_X86
---@return integer?
function M.number(name, arch)
  local number = library.seccomp_syscall_resolve_name_arch(M.arches[arch].token, name)
  return number >= 0 and number or nil
end

-- A whole number, or { digits } for one of 64 bits.
local function u64(value)
  if type(value) ~= "table" then return ffi.cast("uint64_t", value or 0) end
  local number = 0ULL
  for digit in value[1]:gmatch("%d") do number = number * 10 + tonumber(digit) end
  return number
end

local function add(context, rule, number, action, from, count)
  local args = ffi.new("struct spec_arg_cmp[6]")
  for i = 0, count - 1 do
    local arg = rule.args[from + i]
    args[i] = { arg.index, OPERATORS[arg.op], u64(arg.value), u64(arg.valueTwo) }
  end
  assert(library.seccomp_rule_add_array(context, action, number, count, args) == 0, number)
end

local function add_rule(context, profile, rule)
  local action = M.action(rule.action, rule.errnoRet)
  if action == M.action(profile.defaultAction, profile.defaultErrnoRet) then return end
  local seen, apart = {}, false
  for _, arg in ipairs(rule.args or {}) do
    apart, seen[arg.index] = apart or seen[arg.index] or false, true
  end
  for _, name in ipairs(rule.names) do
    local number = library.seccomp_syscall_resolve_name(name)
    if number ~= -1 and apart then
      for i = 1, #rule.args do add(context, rule, number, action, i, 1) end
    elseif number ~= -1 then
      add(context, rule, number, action, 1, #(rule.args or {}))
    end
  end
end

local function export(context)
  local fd = ffi.C.memfd_create("reference", 1)
  assert(library.seccomp_export_bpf(context, fd) == 0)
  library.seccomp_release(context)
  local size = tonumber(ffi.C.lseek(fd, 0, 2))
  local bytes = ffi.new("char[?]", size)
  ffi.C.lseek(fd, 0, 0)
  assert(tonumber(ffi.C.read(fd, bytes, size)) == size)
  ffi.C.close(fd)
  return ffi.string(bytes, size)
end

local function compile(profile, optimize, arches)
  local context = library.seccomp_init(M.action(profile.defaultAction, profile.defaultErrnoRet))
  library.seccomp_attr_set(context, OPTIMIZE, optimize)
  local native = false
  for _, name in ipairs(arches) do
    native = native or name == "SCMP_ARCH_X86_64"
    if name ~= "SCMP_ARCH_X86_64" then
      assert(library.seccomp_arch_add(context, M.arches[name].token) == 0, name)
    end
  end
  if not native then
    assert(library.seccomp_arch_remove(context, M.arches.SCMP_ARCH_X86_64.token) == 0)
  end
  for _, rule in ipairs(profile.syscalls or {}) do add_rule(context, profile, rule) end
  return export(context)
end

---libseccomp's own program of a profile.
---@param profile table as linux.seccomp
---@param optimize integer 1: a list, 2: the binary tree
---@return string bytes
function M.compile(profile, optimize)
  return compile(profile, optimize, { "SCMP_ARCH_X86_64", unpack(profile.architectures or {}) })
end

-- In a list (not in a tree) libseccomp 2.5.4 now and then leaves out the load of the call's number,
-- and compares the architecture with numbers of calls. No architecture here is below 2^30.
local function is_sound(bytes)
  local count = #bytes / 8
  local program = ffi.new("struct spec_insn[?]", count)
  ffi.copy(program, bytes, #bytes)
  local holds = { [0] = {} }
  local function reach(index, kind)
    holds[index] = holds[index] or {}
    if kind then holds[index][kind] = true end
  end
  for i = 0, count - 1 do
    local insn = program[i]
    for kind in pairs(holds[i] or {}) do
      local jumps = bit.band(insn.code, 7) == 5
      if jumps and kind == 4 and insn.code ~= 5 and insn.k < 0x40000000 then return false end
      if insn.code == 5 then
        reach(i + 1 + insn.k, kind)
      elseif jumps then
        reach(i + 1 + insn.jt, kind)
        reach(i + 1 + insn.jf, kind)
      end
    end
    if bit.band(insn.code, 7) == 0 then reach(i + 1, insn.k) end
  end
  return true
end

---The answers of libseccomp's lists, one for each architecture by itself; of its tree where the
---list is wrong.
---@param profile table as linux.seccomp
---@param evaluate fun(bytes: string, call: table): integer
---@return fun(call: { arch: integer, nr: integer, args: table }): integer
function M.evaluator(profile, evaluate)
  local programs = {}
  for _, name in ipairs { "SCMP_ARCH_X86_64", unpack(profile.architectures or {}) } do
    local list = compile(profile, 1, { name })
    programs[name] = is_sound(list) and list or compile(profile, 2, { name })
    assert(is_sound(programs[name]))
  end
  return function(call)
    local of_x32 = call.arch == M.arches.SCMP_ARCH_X32.audit and call.nr >= 0x40000000
      and programs.SCMP_ARCH_X32 ~= nil
    local bytes
    for name, kind in pairs(M.arches) do
      if kind.audit == call.arch and of_x32 == (name == "SCMP_ARCH_X32") then
        bytes = bytes or programs[name]
      end
    end
    return bytes and evaluate(bytes, call) or M.action("SCMP_ACT_KILL")
  end
end

return M
