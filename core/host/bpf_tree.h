/*
 * A filter's shape: the same answers from a program that the kernel loads faster.
 *
 * Layer: core/host (allocates), no other side effects. Child safety: parent only. No descriptors.
 *
 * When a filter is loaded, the kernel runs it once for each system call that it has, to find those
 * that are always allowed. What that costs is the length of the way from the start to the answer.
 * A compiled policy is taken apart here into what it is: for each architecture, ranges of call
 * numbers with one outcome each (an answer, or comparisons of arguments that follow). Then it is
 * put together again as a balanced tree of ranges.
 *
 * Nothing is guessed. Between two neighbouring constants that the program compares call numbers
 * with, all comparisons come out alike, so one number of each range stands for all; comparisons of
 * arguments are copied as they are. A program in which something else happens is refused.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>

/* A checked program (tl_bpf_check) made anew in *tree (free it). Returns its length, or -ENOTSUP
 * for a program of another kind, -E2BIG for one that would be too long, or -ENOMEM. -EBADMSG: the
 * program is wrong. It compares the architecture with what is none, as lists of libseccomp 2.5.4
 * now and then do, which leave out the load of the call's number before they compare that. */
int tl_bpf_tree(const struct sock_filter *prog, size_t count, struct sock_filter **tree);
