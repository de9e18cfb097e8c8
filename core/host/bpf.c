#include "bpf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Nothing here may read outside seccomp_data: only whole, aligned words are loaded. */
static bool load_is_inside(uint32_t offset)
{
	return offset < sizeof(struct seccomp_data) && offset % sizeof(uint32_t) == 0;
}

/* The list of seccomp_check_filter() in the kernel: no packet loads other than words, no MOD. */
static bool opcode_is_allowed(uint16_t code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_JMP | BPF_JA:
	case BPF_ALU | BPF_NEG:
		return true;
	}
	if (BPF_CLASS(code) == BPF_JMP)
		switch (code & ~(uint16_t)BPF_X) {
		case BPF_JMP | BPF_JEQ:
		case BPF_JMP | BPF_JGT:
		case BPF_JMP | BPF_JGE:
		case BPF_JMP | BPF_JSET:
			return true;
		}
	if (BPF_CLASS(code) == BPF_ALU)
		switch (code & ~(uint16_t)BPF_X) {
		case BPF_ALU | BPF_ADD:
		case BPF_ALU | BPF_SUB:
		case BPF_ALU | BPF_MUL:
		case BPF_ALU | BPF_DIV:
		case BPF_ALU | BPF_AND:
		case BPF_ALU | BPF_OR:
		case BPF_ALU | BPF_XOR:
		case BPF_ALU | BPF_LSH:
		case BPF_ALU | BPF_RSH:
			return true;
		}
	return false;
}

static const char *operand_fault(const struct sock_filter *insn, size_t left)
{
	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return load_is_inside(insn->k) ? NULL
					       : "loads outside struct seccomp_data";
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return insn->k < BPF_MEMWORDS ? NULL
					      : "uses a memory cell that does not exist";
	case BPF_ALU | BPF_DIV | BPF_K:
		return insn->k ? NULL : "divides by zero";
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return insn->k < 32 ? NULL : "shifts by more than 31 bits";
	case BPF_JMP | BPF_JA:
		return insn->k < left ? NULL : "jumps past the end";
	}
	if (BPF_CLASS(insn->code) == BPF_JMP && (insn->jt >= left || insn->jf >= left))
		return "jumps past the end";
	return NULL;
}

/*
 * The kernel refuses a program that reads a memory cell which some path to the read has not
 * written. Jumps only go forward, so one pass that intersects the paths' sets is enough.
 */
static int check_cells(const struct sock_filter *prog, size_t count, size_t *index)
{
	uint16_t known[TL_BPF_MAX], set = 0;
	size_t i;

	memset(known, 0xff, sizeof(known));
	for (i = 0; i < count; i++) {
		const struct sock_filter *insn = &prog[i];

		set &= known[i];
		switch (insn->code) {
		case BPF_ST:
		case BPF_STX:
			set |= (uint16_t)(1u << insn->k);
			break;
		case BPF_LD | BPF_MEM:
		case BPF_LDX | BPF_MEM:
			if (!(set & (1u << insn->k))) {
				*index = i;
				return -EINVAL;
			}
			break;
		case BPF_JMP | BPF_JA:
			known[i + 1 + insn->k] &= set;
			set = 0xffff;
			break;
		default:
			if (BPF_CLASS(insn->code) != BPF_JMP)
				break;
			known[i + 1 + insn->jt] &= set;
			known[i + 1 + insn->jf] &= set;
			set = 0xffff;
		}
	}
	return 0;
}

int tl_bpf_check(const struct sock_filter *prog, size_t count, size_t *index,
		 const char **why)
{
	size_t i;

	*index = 0;
	*why = NULL;
	if (count == 0)
		*why = "the program is empty";
	else if (count > TL_BPF_MAX)
		*why = "the program has more than 4096 instructions";
	if (*why)
		return -EINVAL;

	for (i = 0; i < count; i++) {
		*index = i;
		if (!opcode_is_allowed(prog[i].code))
			*why = "is not an operation that seccomp allows";
		else
			*why = operand_fault(&prog[i], count - i - 1);
		if (*why)
			return -EINVAL;
	}
	if (BPF_CLASS(prog[count - 1].code) != BPF_RET) {
		*why = "is the last one but does not return";
		return -EINVAL;
	}
	if (check_cells(prog, count, index) < 0) {
		*why = "reads a memory cell that was not written";
		return -EINVAL;
	}
	return 0;
}

static int compute(uint16_t operation, uint32_t *a, uint32_t b)
{
	switch (operation) {
	case BPF_ADD:
		*a += b;
		return 0;
	case BPF_SUB:
		*a -= b;
		return 0;
	case BPF_MUL:
		*a *= b;
		return 0;
	case BPF_DIV:
		*a /= b;
		return 0;
	case BPF_AND:
		*a &= b;
		return 0;
	case BPF_OR:
		*a |= b;
		return 0;
	case BPF_XOR:
		*a ^= b;
		return 0;
	case BPF_LSH:
		*a <<= b & 31;
		return 0;
	case BPF_RSH:
		*a >>= b & 31;
		return 0;
	case BPF_NEG:
		*a = -*a;
		return 0;
	}
	return -EINVAL;
}

static int decide(uint16_t operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JSET:
		return (a & b) != 0;
	}
	return -EINVAL;
}

struct machine {
	uint32_t a, x, cells[BPF_MEMWORDS];
};

/* Loads, stores and transfers: everything that neither computes nor jumps. */
static int move(struct machine *m, const struct sock_filter *insn,
		const struct seccomp_data *data)
{
	uint32_t k = insn->k;

	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		if (!load_is_inside(k))
			return -EINVAL;
		memcpy(&m->a, (const char *)data + k, sizeof(m->a));
		return 0;
	case BPF_LD | BPF_W | BPF_LEN:
		m->a = sizeof(*data);
		return 0;
	case BPF_LDX | BPF_W | BPF_LEN:
		m->x = sizeof(*data);
		return 0;
	case BPF_LD | BPF_IMM:
		m->a = k;
		return 0;
	case BPF_LDX | BPF_IMM:
		m->x = k;
		return 0;
	case BPF_MISC | BPF_TAX:
		m->x = m->a;
		return 0;
	case BPF_MISC | BPF_TXA:
		m->a = m->x;
		return 0;
	}
	if (k >= BPF_MEMWORDS)
		return -EINVAL;
	switch (insn->code) {
	case BPF_LD | BPF_MEM:
		m->a = m->cells[k];
		return 0;
	case BPF_LDX | BPF_MEM:
		m->x = m->cells[k];
		return 0;
	case BPF_ST:
		m->cells[k] = m->a;
		return 0;
	case BPF_STX:
		m->cells[k] = m->x;
		return 0;
	}
	return -EINVAL;
}

int tl_bpf_evaluate(const struct sock_filter *prog, size_t count,
		    const struct seccomp_data *data, uint32_t *result)
{
	struct machine m = { 0 };
	size_t pc;

	/* Every step goes forward, so the loop ends after at most count steps. */
	for (pc = 0; pc < count; pc++) {
		const struct sock_filter *insn = &prog[pc];
		uint32_t operand = BPF_SRC(insn->code) == BPF_X ? m.x : insn->k;
		int taken;

		if (!opcode_is_allowed(insn->code))
			return -EINVAL;
		switch (BPF_CLASS(insn->code)) {
		case BPF_RET:
			*result = BPF_RVAL(insn->code) == BPF_A ? m.a : insn->k;
			return 0;
		case BPF_JMP:
			if (BPF_OP(insn->code) == BPF_JA) {
				pc += insn->k;
				break;
			}
			taken = decide(BPF_OP(insn->code), m.a, operand);
			if (taken < 0)
				return taken;
			pc += taken ? insn->jt : insn->jf;
			break;
		case BPF_ALU:
			/* The kernel ends the program with 0 when X is zero. */
			if (BPF_OP(insn->code) == BPF_DIV && operand == 0) {
				*result = 0;
				return 0;
			}
			if (compute(BPF_OP(insn->code), &m.a, operand) < 0)
				return -EINVAL;
			break;
		default:
			if (move(&m, insn, data) < 0)
				return -EINVAL;
		}
	}
	return -EINVAL;
}
