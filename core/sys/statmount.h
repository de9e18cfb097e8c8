/*
 * statmount(2) and listmount(2), Linux 6.8, which neither libc nor Debian 12's headers have.
 * Layer: sys. Child-safe: no allocation, no state.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_statmount
#define __NR_statmount 457
#define __NR_listmount 458
#endif

enum {
	TL_STATMOUNT_SB_BASIC = 0x1,
	TL_STATMOUNT_MNT_BASIC = 0x2,
	TL_STATMOUNT_PROPAGATE_FROM = 0x4,
	TL_STATMOUNT_MNT_ROOT = 0x8,
	TL_STATMOUNT_MNT_POINT = 0x10,
	TL_STATMOUNT_FS_TYPE = 0x20,
	TL_STATMOUNT_MNT_NS_ID = 0x40, /* 6.11 */
	TL_STATMOUNT_MNT_OPTS = 0x80, /* 6.11 */
	TL_STATMOUNT_SB_SOURCE = 0x200, /* 6.13 */
};

#define TL_LSMT_ROOT 0xffffffffffffffffull

struct tl_mnt_id_req {
	uint32_t size, spare;
	uint64_t mnt_id, param;
};

/* A [str] field is an offset into str; what `mask` lacks was not filled in. */
struct tl_statmount {
	uint32_t size, mnt_opts; /* [str] */
	uint64_t mask;
	uint32_t sb_dev_major, sb_dev_minor;
	uint64_t sb_magic;
	uint32_t sb_flags, fs_type; /* [str] */
	uint64_t mnt_id, mnt_parent_id;
	uint32_t mnt_id_old, mnt_parent_id_old;
	uint64_t mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
	uint32_t mnt_root, mnt_point; /* [str] */
	uint64_t mnt_ns_id;
	uint32_t fs_subtype, sb_source; /* [str] */
	uint64_t spare[48];
	char str[];
};

_Static_assert(offsetof(struct tl_statmount, str) == 512,
	       "the kernel's struct statmount");

static inline int tl_statmount(uint64_t id, uint64_t mask, struct tl_statmount *into,
			       size_t size)
{
	struct tl_mnt_id_req request = { sizeof(request), 0, id, mask };

	return (int)syscall(__NR_statmount, &request, into, size, 0);
}

/* How many ids were stored, those after `last` (0 for the first). */
static inline long tl_listmount(uint64_t id, uint64_t last, uint64_t *ids, size_t count)
{
	struct tl_mnt_id_req request = { sizeof(request), 0, id, last };

	return syscall(__NR_listmount, &request, ids, count, 0);
}
