--- The BPF checker and evaluator, on programs written by hand and on noise.

local bit = require("bit")
local filter = require("tidelock.core").filter

local LD_ABS, LD_IMM, LD_MEM, ST, RET_K, RET_A = 0x20, 0x00, 0x60, 0x02, 0x06, 0x16
local JA, JEQ, TAX, DIV_X, LSH_X = 0x05, 0x15, 0x07, 0x3c, 0x6c

local function word(value)
  return string.char(bit.band(value, 0xff), bit.band(bit.rshift(value, 8), 0xff),
    bit.band(bit.rshift(value, 16), 0xff), bit.band(bit.rshift(value, 24), 0xff))
end

local function insn(code, k, jt, jf)
  return word(bit.bor(code, bit.lshift(jt or 0, 16), bit.lshift(jf or 0, 24))) .. word(k or 0)
end

local function refused(why, ...)
  local ok, message = filter.check(table.concat({ ... }))
  assert.is_nil(ok)
  assert.matches(why, message, 1, true)
end

describe("the BPF checker", function()
  local allow = insn(RET_K, 0x7fff0000)

  it("accepts a program", function()
    assert.is_true(filter.check(insn(LD_ABS, 0) .. insn(JEQ, 59, 0, 1) .. allow .. allow))
    assert.is_true(filter.check(allow:rep(4096)))
  end)

  it("refuses what the kernel refuses, naming the instruction", function()
    refused("empty")
    refused("more than 4096", allow:rep(4097))
    refused("instruction 0 loads outside", insn(LD_ABS, 64), allow)
    refused("instruction 0 loads outside", insn(LD_ABS, 2), allow)
    refused("instruction 0 is not an operation", insn(0x28, 0), allow)
    refused("instruction 0 is not an operation", insn(0x94, 3), allow)
    refused("instruction 0 is not an operation", insn(0xffff, 3), allow)
    refused("instruction 0 jumps past", insn(JA, 1), allow)
    refused("instruction 0 jumps past", insn(JA, 0xffffffff), allow)
    refused("instruction 1 jumps past", allow, insn(JEQ, 0, 0, 1), allow)
    refused("instruction 1 is the last one", allow, insn(LD_ABS, 0))
    refused("instruction 0 divides by zero", insn(0x34, 0), allow)
    refused("instruction 0 shifts", insn(0x64, 32), allow)
    refused("instruction 0 uses a memory cell", insn(ST, 16), allow)
    refused("instruction 0 reads a memory cell", insn(LD_MEM, 1), allow)
    refused("instruction 2 reads a memory cell", insn(JEQ, 0, 0, 1), insn(ST, 1), insn(LD_MEM, 1),
      allow)
    assert.error_matches(function() filter.check("1234567") end, "multiple of 8")
  end)
end)

describe("the BPF evaluator", function()
  local function run(program, data) return filter.evaluate(program, data or {}) end

  it("sees each word of the call", function()
    local call = { nr = 7, arch = 0xc000003e, ip = "0x1122334455667788",
      args = { "0xa1a2a3a4b1b2b3b4", 2, 3, 4, 5, "0xc1c2c3c4d1d2d3d4" } }
    local expected = { [0] = 7, [4] = 0xc000003e, [8] = 0x55667788, [12] = 0x11223344,
      [16] = 0xb1b2b3b4, [20] = 0xa1a2a3a4, [24] = 2, [32] = 3, [40] = 4, [48] = 5,
      [56] = 0xd1d2d3d4, [60] = 0xc1c2c3c4 }
    for offset, value in pairs(expected) do
      assert.equal(value, run(insn(LD_ABS, offset) .. insn(RET_A), call), offset)
    end
  end)

  it("computes as the kernel does at the edges", function()
    assert.equal(0, run(insn(LD_IMM, 9) .. insn(DIV_X) .. insn(RET_K, 5)), "division by X = 0")
    assert.equal(2, run(insn(LD_IMM, 33) .. insn(TAX) .. insn(LD_IMM, 1) .. insn(LSH_X)
      .. insn(RET_A)), "shifts use five bits")
    assert.equal(0xffffffff, run(insn(LD_IMM, 1) .. insn(0x84) .. insn(RET_A)), "negation")
  end)

  it("returns an error for hostile programs", function()
    for _, program in ipairs({ "", insn(LD_ABS, 64), insn(LD_ABS, 61), insn(JA, 0xffffffff),
      insn(JEQ, 0, 255, 255), insn(LD_MEM, 16), insn(ST, 0xffffffff), insn(0xffff),
      insn(LD_IMM) }) do
      local value, message = run(program)
      assert.is_nil(value)
      assert.is_string(message)
    end
  end)

  it("survives noise", function()
    local seed = 1
    local function random(limit)
      seed = (seed * 16807) % 2147483647
      return seed % limit
    end
    local codes = { LD_ABS, LD_IMM, LD_MEM, ST, RET_K, RET_A, JA, JEQ, TAX, DIV_X, LSH_X, 0x61,
      0x03, 0x25, 0x35, 0x45, 0x1d, 0x80, 0x81, 0x84, 0x87 }
    local accepted = 0
    for _ = 1, 20000 do
      local program = {}
      for i = 1, 1 + random(12) do
        program[i] = insn(codes[1 + random(#codes)], random(8) * random(8), random(4), random(4))
      end
      local bytes = table.concat(program)
      local checked, value = filter.check(bytes), run(bytes)
      if checked then
        accepted = accepted + 1
        assert.is_number(value)
      end
    end
    assert.is_true(accepted > 50)
  end)
end)
