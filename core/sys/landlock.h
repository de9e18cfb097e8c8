/*
 * landlock(7): the system calls, which have no libc wrapper, and the constants of every ABI, most
 * of which Debian 12's headers (ABI 2) lack. Layer: sys. Child-safe: no allocation, no state.
 */
#pragma once

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TL_LANDLOCK_VERSION (1U << 0)

enum { TL_LANDLOCK_PATH_BENEATH = 1, TL_LANDLOCK_NET_PORT = 2 };

/* The kernel accepts a longer struct than it knows while the rest is 0. */
struct tl_landlock_ruleset {
	uint64_t fs; /* ABI 1 */
	uint64_t net; /* ABI 4 */
	uint64_t scoped; /* ABI 6 */
};

struct tl_landlock_path {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

struct tl_landlock_port {
	uint64_t access, port;
};

/* landlock_create_ruleset(2), Linux 5.13: a descriptor that is O_CLOEXEC, or -1 */
static inline int tl_landlock_create_ruleset(const struct tl_landlock_ruleset *ruleset,
					     size_t size, uint32_t flags)
{
	return (int)syscall(SYS_landlock_create_ruleset, ruleset, size, flags);
}

/* landlock_add_rule(2), Linux 5.13 */
static inline int tl_landlock_add_rule(int ruleset, int type, const void *rule)
{
	return (int)syscall(SYS_landlock_add_rule, ruleset, type, rule, 0);
}

/* landlock_restrict_self(2), Linux 5.13; flags ABI 7 */
static inline int tl_landlock_restrict_self(int ruleset, uint32_t flags)
{
	return (int)syscall(SYS_landlock_restrict_self, ruleset, flags);
}
