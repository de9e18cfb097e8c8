/*
 * The cache of compiled filters: one file for each policy, named by the policy's hash.
 *
 * Layer: core/host. Child safety: parent only. Descriptors: opened and closed in each call.
 *
 * An entry is trusted if it and its directory belong to the effective user and nobody else may
 * write them; that ownership is the boundary. The checksum finds damage (a torn or truncated
 * file, an entry renamed over another), not malice: whoever can write as this user can write a
 * valid checksum, and could as well replace the program that reads it.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* Read an entry: the number of instructions put into prog, which has room for TL_BPF_MAX, and the
 * flags for seccomp(2) that were stored with them.
 * -ENOENT: there is none. -EPERM: not ours alone. -EBADMSG: damaged. Or another -errno. */
int tl_filter_cache_load(const char *dir, const char *name, struct sock_filter *prog,
			 uint32_t *flags);

/* Write an entry in one step, making the directory if need be. 0 or -errno. */
int tl_filter_cache_store(const char *dir, const char *name,
			  const struct sock_filter *prog, size_t count, uint32_t flags);
