/*
 * ENOSYS for system calls that are newer than a profile, as runc answers them: a number above the
 * highest one that the profile names, for each architecture by itself. A default of EPERM would
 * tell a libc that the call is forbidden, and it would not fall back on an older one.
 *
 * Layer: core/host, no side effects beyond libseccomp's tables. Child safety: parent only.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#define TL_FILTER_STUB_ARCHES 16

struct tl_filter_stub {
	uint32_t arch[TL_FILTER_STUB_ARCHES]; /* SCMP_ARCH_* */
	uint32_t last
		[TL_FILTER_STUB_ARCHES]; /* 0: the profile names no call that it has */
	size_t count;
};

/* One more architecture; 0, also if it is there, or -E2BIG. */
int tl_filter_stub_add(struct tl_filter_stub *stub, uint32_t arch);

/* The profile names this call. */
void tl_filter_stub_name(struct tl_filter_stub *stub, const char *name);

/* The number of instructions, and the instructions; what they do not answer goes on after them. */
size_t tl_filter_stub_size(const struct tl_filter_stub *stub);
void tl_filter_stub_put(const struct tl_filter_stub *stub, struct sock_filter *out);
