/*
 * Seccomp filters: a flat policy becomes a BPF program, by way of libseccomp.
 *
 * Layer: core/host (allocates, uses libseccomp); knows nothing of Lua.
 * Child safety: parent only, before the clone. The child is handed the finished bytes.
 * Descriptors: tl_filter_compile opens one memfd and closes it before it returns; none is kept.
 *
 * The program has two parts. A short prelude of our own comes first, for what libseccomp cannot
 * say: calls of another architecture, call numbers newer than its tables (ENOSYS, so that a libc
 * falls back, where a plain default would say EPERM), and guards. Then comes libseccomp's binary
 * tree. A guard looks at the low 32 bits of an argument alone, as the kernel does with an int:
 * ioctl(fd, TIOCSTI | 1 << 32) is TIOCSTI to the kernel, and not to a comparison of 64 bits.
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_FILTER_ARGS 6

enum tl_filter_operator {
	TL_FILTER_EQ,
	TL_FILTER_NE,
	TL_FILTER_LT,
	TL_FILTER_LE,
	TL_FILTER_GT,
	TL_FILTER_GE,
	TL_FILTER_MASKED, /* (argument & mask) == value */
};

struct tl_filter_compare {
	unsigned int arg;
	enum tl_filter_operator operator;
	uint64_t value;
	uint64_t mask;
};

/* An action for some calls, if all the comparisons hold (for one argument, at most one). */
struct tl_filter_rule {
	const char *const *names;
	size_t name_count;
	uint32_t action;
	bool optional; /* names that this libseccomp does not know are passed over */
	unsigned int compare_count;
	struct tl_filter_compare compare[TL_FILTER_ARGS];
};

/* An action taken before any rule, if the argument's low 32 bits are (or are not) in a list. */
struct tl_filter_guard {
	const char *const *names;
	size_t name_count;
	uint32_t action;
	unsigned int arg;
	bool unless; /* act on values that are not listed */
	const uint32_t *values;
	size_t value_count; /* 1 to TL_FILTER_VALUES */
};

#define TL_FILTER_VALUES 64

struct tl_filter_policy {
	uint32_t otherwise; /* a known call with no rule */
	uint32_t bad_arch; /* i386 and x32 calls */
	uint32_t unknown; /* numbers after the last call that libseccomp knows */
	const struct tl_filter_rule *rules;
	size_t rule_count;
	const struct tl_filter_guard *guards;
	size_t guard_count;
};

#define TL_FILTER_WHY 160

/* Compile for x86_64. Returns the number of instructions, with the program in *prog (free it),
 * or -errno with a sentence in why. */
int tl_filter_compile(const struct tl_filter_policy *policy, struct sock_filter **prog,
		      char why[TL_FILTER_WHY]);

/* "allow", "log", "notify", "trap", "kill" (the process), "kill_thread", "errno:NAME", "trace:N"
 * to the filter's return value; -EINVAL if it is none of them. */
int tl_filter_parse_action(const char *text, uint32_t *action);

/* The number of a call on x86_64, or -ENOENT. */
int tl_filter_number(const char *name);

/* The name of a call on x86_64 for the caller to free, or NULL. */
char *tl_filter_name(int number);

/* The program of a libseccomp context, with room for some instructions before it. Returns the number
 * of libseccomp's instructions, with all of it in *prog (free it), or -errno. */
int tl_filter_export(void *context, struct sock_filter **prog, size_t before);

/* The version of libseccomp in use, as 0xMMmmpp. */
uint32_t tl_filter_library(void);
