#include "bpf_tree.h"

#include "bpf.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARCHES 8

/* What the accumulator may hold before an instruction. */
#define HOLDS_NOTHING 1
#define HOLDS_NUMBER 2
#define HOLDS_ARCH 4
#define HOLDS_ARGUMENT 8

/* A single bit tested in a call's number splits the numbers 2^32 / bit times. */
#define LOWEST_BIT (1u << 24)

#define NUMBER_AT offsetof(struct seccomp_data, nr)
#define ARCH_AT offsetof(struct seccomp_data, arch)

/* An outcome is an answer, or the instruction at which the comparison of arguments begins. */
#define AT_ARGUMENTS (UINT64_C(1) << 32)

struct range {
	uint32_t first;
	uint64_t outcome;
};

struct work {
	const struct sock_filter *prog;
	size_t count;
	unsigned char *holds; /* 0: the instruction is not reached */
	uint32_t arches[ARCHES];
	size_t arch_count;
	uint32_t *points; /* numbers at which a comparison may come out differently */
	size_t point_count, point_room;
	struct range *ranges; /* of one architecture */
	size_t range_count;
	struct sock_filter *out;
	size_t size;
};

/* --- taking apart ---------------------------------------------------------------------------- */

static int add_point(struct work *w, uint64_t point)
{
	uint32_t *points = w->points;

	if (point > UINT32_MAX)
		return 0;
	if (w->point_count == w->point_room) {
		w->point_room = w->point_room ? 2 * w->point_room : 512;
		points = reallocarray(points, w->point_room, sizeof(*points));
		if (!points)
			return -ENOMEM;
		w->points = points;
	}
	points[w->point_count++] = (uint32_t)point;
	return 0;
}

static int add_bit(struct work *w, uint32_t bit)
{
	uint64_t point;
	int result = 0;

	if (bit < LOWEST_BIT || (bit & (bit - 1)))
		return -ENOTSUP;
	for (point = bit; point <= UINT32_MAX && result == 0; point += bit)
		result = add_point(w, point);
	return result;
}

static int add_arch(struct work *w, uint32_t arch)
{
	size_t i;

	if (!(arch & __AUDIT_ARCH_LE))
		return -EBADMSG;
	for (i = 0; i < w->arch_count; i++)
		if (w->arches[i] == arch)
			return 0;
	if (w->arch_count == ARCHES)
		return -ENOTSUP;
	w->arches[w->arch_count++] = arch;
	return 0;
}

static int note_test(struct work *w, const struct sock_filter *insn, unsigned char holds)
{
	int result = 0;

	if (BPF_SRC(insn->code) != BPF_K || holds & HOLDS_NOTHING)
		return -ENOTSUP;
	if (holds & HOLDS_ARCH) {
		if (BPF_OP(insn->code) != BPF_JEQ)
			return -ENOTSUP;
		result = add_arch(w, insn->k);
	}
	if (!(holds & HOLDS_NUMBER) || result < 0)
		return result;
	if (BPF_OP(insn->code) == BPF_JSET)
		return add_bit(w, insn->k);
	if (BPF_OP(insn->code) != BPF_JGT)
		result = add_point(w, insn->k);
	if (BPF_OP(insn->code) != BPF_JGE && result == 0)
		result = add_point(w, (uint64_t)insn->k + 1);
	return result;
}

/* What the accumulator holds after an instruction that does not jump; 0: not supported. */
static unsigned char holds_after(const struct sock_filter *insn, unsigned char holds)
{
	if (insn->code == (BPF_LD | BPF_W | BPF_ABS)) {
		if (insn->k != NUMBER_AT && insn->k != ARCH_AT)
			return HOLDS_ARGUMENT;
		/* Behind a comparison of arguments the ranges would no longer be all. */
		if (holds & HOLDS_ARGUMENT)
			return 0;
		return insn->k == NUMBER_AT ? HOLDS_NUMBER : HOLDS_ARCH;
	}
	if (insn->code == (BPF_ALU | BPF_AND | BPF_K) && holds == HOLDS_ARGUMENT)
		return HOLDS_ARGUMENT;
	return 0;
}

/* Jumps only go forward, so that one pass sees every way to an instruction. */
static int examine(struct work *w)
{
	size_t i;
	int result;

	w->holds[0] = HOLDS_NOTHING;
	for (i = 0; i < w->count; i++) {
		const struct sock_filter *insn = &w->prog[i];
		unsigned char holds = w->holds[i];

		if (!holds || insn->code == (BPF_RET | BPF_K))
			continue;
		if (insn->code == (BPF_JMP | BPF_JA)) {
			w->holds[i + 1 + insn->k] |= holds;
		} else if (BPF_CLASS(insn->code) == BPF_JMP) {
			result = note_test(w, insn, holds);
			if (result < 0)
				return result;
			w->holds[i + 1 + insn->jt] |= holds;
			w->holds[i + 1 + insn->jf] |= holds;
		} else {
			holds = holds_after(insn, holds);
			if (!holds)
				return -ENOTSUP;
			w->holds[i + 1] |= holds;
		}
	}
	return 0;
}

static bool holds_true(const struct sock_filter *insn, uint32_t a)
{
	switch (BPF_OP(insn->code)) {
	case BPF_JEQ:
		return a == insn->k;
	case BPF_JGT:
		return a > insn->k;
	case BPF_JGE:
		return a >= insn->k;
	default:
		return (a & insn->k) != 0;
	}
}

static uint64_t outcome_of(const struct work *w, uint32_t arch, uint32_t number)
{
	uint32_t a = 0;
	size_t i = 0;

	for (;;) {
		const struct sock_filter *insn = &w->prog[i++];

		if (BPF_CLASS(insn->code) == BPF_RET)
			return insn->k;
		if (insn->code == (BPF_JMP | BPF_JA))
			i += insn->k;
		else if (BPF_CLASS(insn->code) == BPF_JMP)
			i += holds_true(insn, a) ? insn->jt : insn->jf;
		else if (insn->k == NUMBER_AT)
			a = number;
		else if (insn->k == ARCH_AT)
			a = arch;
		else
			return AT_ARGUMENTS | (i - 1);
	}
}

static int compare_points(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

	return a < b ? -1 : a > b;
}

static void find_ranges(struct work *w, uint32_t arch)
{
	size_t i;

	w->range_count = 0;
	for (i = 0; i < w->point_count; i++) {
		uint64_t outcome;

		if (i > 0 && w->points[i] == w->points[i - 1])
			continue;
		outcome = outcome_of(w, arch, w->points[i]);
		if (w->range_count && w->ranges[w->range_count - 1].outcome == outcome)
			continue;
		w->ranges[w->range_count++] = (struct range){ w->points[i], outcome };
	}
}

/* --- putting together ------------------------------------------------------------------------ */

/* What lies behind the limit is counted and not written. */
static size_t emit(struct work *w, uint16_t code, uint32_t k, size_t jt, size_t jf)
{
	if (w->size < TL_BPF_MAX)
		w->out[w->size] =
			(struct sock_filter)BPF_JUMP(code, k, (uint8_t)jt, (uint8_t)jf);
	return w->size++;
}

/* The instructions reached from the comparison's first one, in mark; how many there are. */
static size_t mark_arguments(const struct work *w, size_t first, bool *mark)
{
	size_t i, marked = 0;

	memset(mark, 0, w->count * sizeof(*mark));
	mark[first] = true;
	for (i = first; i < w->count; i++) {
		const struct sock_filter *insn = &w->prog[i];

		if (!mark[i])
			continue;
		marked++;
		if (insn->code == (BPF_JMP | BPF_JA)) {
			mark[i + 1 + insn->k] = true;
		} else if (BPF_CLASS(insn->code) == BPF_JMP) {
			mark[i + 1 + insn->jt] = true;
			mark[i + 1 + insn->jf] = true;
		} else if (BPF_CLASS(insn->code) != BPF_RET) {
			mark[i + 1] = true;
		}
	}
	return marked;
}

/* How far a jump over `skip` instructions goes once only the marked ones are left. */
static size_t shorter(const bool *mark, size_t from, size_t skip)
{
	size_t i, left = 0;

	for (i = 0; i < skip; i++)
		left += mark[from + 1 + i];
	return left;
}

static void emit_arguments(struct work *w, size_t first, bool *mark)
{
	size_t i;

	mark_arguments(w, first, mark);
	for (i = first; i < w->count; i++) {
		const struct sock_filter *insn = &w->prog[i];

		if (!mark[i])
			continue;
		if (insn->code == (BPF_JMP | BPF_JA))
			emit(w, insn->code, (uint32_t)shorter(mark, i, insn->k), 0, 0);
		else if (BPF_CLASS(insn->code) == BPF_JMP)
			emit(w, insn->code, insn->k, shorter(mark, i, insn->jt),
			     shorter(mark, i, insn->jf));
		else
			emit(w, insn->code, insn->k, 0, 0);
	}
}

/* `jump` is a test with a JA behind it, which is to lead to what is written next. */
static void jump_here(struct work *w, size_t jump)
{
	if (jump + 1 < TL_BPF_MAX)
		w->out[jump + 1].k = (uint32_t)(w->size - jump - 2);
}

/* The tree of ranges [from, to), with the call's number in the accumulator. */
static void emit_ranges(struct work *w, size_t from, size_t to, bool *mark)
{
	size_t middle = from + (to - from) / 2, jump, skip;

	if (to - from == 1) {
		uint64_t outcome = w->ranges[from].outcome;

		if (outcome & AT_ARGUMENTS)
			emit_arguments(w, (size_t)(outcome & UINT32_MAX), mark);
		else
			emit(w, BPF_RET | BPF_K, (uint32_t)outcome, 0, 0);
		return;
	}
	jump = emit(w, BPF_JMP | BPF_JGE | BPF_K, w->ranges[middle].first, 0, 0);
	emit_ranges(w, from, middle, mark);
	skip = w->size - jump - 1;
	if (skip > UINT8_MAX) {
		/* Too far for a test: the same again with a jump behind it. */
		w->size = jump;
		emit(w, BPF_JMP | BPF_JGE | BPF_K, w->ranges[middle].first, 0, 1);
		emit(w, BPF_JMP | BPF_JA, 0, 0, 0);
		emit_ranges(w, from, middle, mark);
		jump_here(w, jump);
	} else if (jump < TL_BPF_MAX) {
		w->out[jump].jt = (uint8_t)skip;
	}
	emit_ranges(w, middle, to, mark);
}

static void emit_arch(struct work *w, uint32_t arch, bool *mark)
{
	find_ranges(w, arch);
	if (w->range_count > 1)
		emit(w, BPF_LD | BPF_W | BPF_ABS, NUMBER_AT, 0, 0);
	emit_ranges(w, 0, w->range_count, mark);
}

/* An architecture that no comparison of the program names: they are all alike. */
static uint32_t other_arch(const struct work *w)
{
	uint32_t arch = 0;
	size_t i;

	for (i = 0; i < w->arch_count; i++)
		if (w->arches[i] == arch) {
			arch++;
			i = (size_t)-1;
		}
	return arch;
}

static int emit_all(struct work *w, bool *mark)
{
	size_t i, jump;

	emit(w, BPF_LD | BPF_W | BPF_ABS, ARCH_AT, 0, 0);
	for (i = 0; i < w->arch_count; i++) {
		jump = emit(w, BPF_JMP | BPF_JEQ | BPF_K, w->arches[i], 1, 0);
		emit(w, BPF_JMP | BPF_JA, 0, 0, 0);
		emit_arch(w, w->arches[i], mark);
		jump_here(w, jump);
	}
	emit_arch(w, other_arch(w), mark);
	return w->size <= TL_BPF_MAX ? (int)w->size : -E2BIG;
}

int tl_bpf_tree(const struct sock_filter *prog, size_t count, struct sock_filter **tree)
{
	struct work w = { .prog = prog, .count = count };
	bool *mark = calloc(count, sizeof(*mark));
	int result = -ENOMEM;

	*tree = NULL;
	w.holds = calloc(count, sizeof(*w.holds));
	w.out = calloc(TL_BPF_MAX, sizeof(*w.out));
	if (mark && w.holds && w.out)
		result = add_point(&w, 0);
	if (result == 0)
		result = examine(&w);
	if (result == 0) {
		qsort(w.points, w.point_count, sizeof(*w.points), compare_points);
		w.ranges = calloc(w.point_count, sizeof(*w.ranges));
		result = w.ranges ? emit_all(&w, mark) : -ENOMEM;
	}
	if (result > 0) {
		*tree = w.out;
		w.out = NULL;
	}
	free(mark);
	free(w.holds);
	free(w.points);
	free(w.ranges);
	free(w.out);
	return result;
}
