-- eBPF programs for specs: what one of BPF_PROG_TYPE_CGROUP_DEVICE answers, worked out here from
-- its instructions (the kernel has no BPF_PROG_TEST_RUN for them), and what of bpf(2) the product
-- does not need.
local bit = require "bit"
local ffi = require "ffi"

local M = {}

ffi.cdef [[
long syscall(long number, ...);
int open(const char *, int, ...), close(int);
]]

local tobit, band = bit.tobit, bit.band

-- By opcode: what it does to the registers; a jump returns how far.
local OPERATIONS = {
  [0x61] = function(r, insn, context) -- LDX W MEM
    assert(insn.src == 1, "a load from anywhere but the context")
    r[insn.dst] = assert(context[insn.off], "a load outside the context")
  end,
  [0xb7] = function(r, insn) r[insn.dst] = insn.imm end, -- MOV64 K
  [0xbc] = function(r, insn) r[insn.dst] = assert(r[insn.src]) end, -- MOV32 X
  [0xa4] = function(r, insn) r[insn.dst] = bit.bxor(assert(r[insn.dst]), insn.imm) end,
  [0x54] = function(r, insn) r[insn.dst] = band(assert(r[insn.dst]), insn.imm) end,
  [0x64] = function(r, insn) r[insn.dst] = bit.lshift(assert(r[insn.dst]), insn.imm) end,
  [0x4c] = function(r, insn) r[insn.dst] = bit.bor(assert(r[insn.dst]), assert(r[insn.src])) end,
  [0x15] = function(r, insn) return assert(r[insn.dst]) == insn.imm and insn.off end, -- JEQ K
  [0x55] = function(r, insn) return assert(r[insn.dst]) ~= insn.imm and insn.off end, -- JNE K
  [0x45] = function(r, insn) return band(assert(r[insn.dst]), insn.imm) ~= 0 and insn.off end,
}
local EXIT = 0x95

---@param bytes string
---@return table[]
function M.decode(bytes)
  local program = {}
  for at = 1, #bytes, 8 do
    local code, registers, low, high, a, b, c, d = bytes:byte(at, at + 7)
    local off = low + high * 256
    program[#program + 1] = { code = code, dst = registers % 16, src = math.floor(registers / 16),
      off = off >= 32768 and off - 65536 or off,
      imm = tobit(a + b * 256 + c * 65536 + d * 16777216) }
  end
  return program
end

---The answer of a program to one request: 1 or 0. Raises for an instruction that is not known here,
---for a jump backwards or outside, and for a register that nothing was put in.
---@param program table[]  decoded
---@param type integer     1 block, 2 char
---@param major integer
---@param minor integer
---@param access integer   1 mknod, 2 read, 4 write
---@return integer
function M.answer(program, type, major, minor, access)
  local r = {}
  local context = { [0] = tobit(access * 65536 + type), [4] = tobit(major), [8] = tobit(minor) }
  local pc = 1
  while true do
    local insn = assert(program[pc], "past the end")
    if insn.code == EXIT then return assert(r[0]) end
    local step = assert(OPERATIONS[insn.code], ("0x%02x is not known"):format(insn.code))
    local far = step(r, insn, context) or 0
    assert(far >= 0, "a jump backwards")
    pc = pc + 1 + far
  end
end

local PROG_LOAD, PROG_ATTACH, PROG_GET_NEXT_ID = 5, 8, 11
local CGROUP_DEVICE, ATTACH_DEVICE, MULTI = 15, 6, 2

local function bpf(command, fields)
  local attr = ffi.new("uint8_t[128]")
  for at, value in pairs(fields) do
    if type(value) == "number" then
      ffi.cast("uint32_t *", attr + at)[0] = value
    else
      ffi.cast("uint64_t *", attr + at)[0] = ffi.cast("uintptr_t", ffi.cast("const char *", value))
    end
  end
  local result = tonumber(ffi.C.syscall(321, ffi.new("long", command), attr, ffi.new("long", 128)))
  return result, attr
end

---The ids of all eBPF programs that the kernel has, as keys.
---@return table<integer, true>
function M.programs()
  local ids, id = {}, 0
  while true do
    local result, attr = bpf(PROG_GET_NEXT_ID, { [0] = id })
    if result < 0 then return ids end
    id = ffi.cast("uint32_t *", attr + 4)[0]
    ids[id] = true
  end
end

---Attaches a program as somebody else would, who gives it another name.
---@param cgroup string
---@param bytes string
---@param flags integer?  BPF_F_ALLOW_MULTI unless given
---@return boolean
function M.attach(cgroup, bytes, flags)
  local program = bpf(PROG_LOAD, { [0] = CGROUP_DEVICE, [4] = #bytes / 8, [8] = bytes,
    [16] = "MIT", [48] = 0x746f6e }) -- "not"
  assert(program >= 0, "load: " .. ffi.errno())
  local directory = ffi.C.open(cgroup, 0x90000) -- O_DIRECTORY, O_CLOEXEC
  local result = bpf(PROG_ATTACH, { [0] = directory, [4] = program, [8] = ATTACH_DEVICE,
    [12] = flags or MULTI })
  ffi.C.close(program)
  ffi.C.close(directory)
  return result == 0
end

return M
