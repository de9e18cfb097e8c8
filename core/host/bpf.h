/*
 * Classic BPF as seccomp(2) takes it: a validator with the kernel's rules, and an evaluator.
 *
 * Layer: core/host, no side effects: no system calls, no allocation, no file descriptors.
 * Child safety: pure functions on the caller's memory, so safe after vfork and in any thread.
 * Hostile programs: both functions take any bytes; nothing outside the given arrays is read.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define TL_BPF_MAX 4096 /* BPF_MAXINSNS */

/*
 * Would the kernel accept the program? 0, or -EINVAL with the index of the instruction at fault
 * in *index and the reason, a constant string, in *why.
 */
int tl_bpf_check(const struct sock_filter *prog, size_t count, size_t *index,
		 const char **why);

/*
 * Run the program on one call. 0 with the filter's return value in *result, or -EINVAL if the
 * program does what a checked one cannot (a jump or a load outside, an unknown opcode).
 */
int tl_bpf_evaluate(const struct sock_filter *prog, size_t count,
		    const struct seccomp_data *data, uint32_t *result);
