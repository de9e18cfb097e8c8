/*
 * Building a packed plan. Layer: plan, the host's side (allocates). The packer owns its two
 * buffers until tl_pack_free.
 */
#pragma once

#include <stdbool.h>

#include "plan.h"

struct tl_pack {
	struct tl_record *ops;
	uint32_t count, room;
	char *arena;
	size_t size, arena_room;
	uint32_t slots,
		inherited; /* one more than the highest slot seen, in any and in the host lane */
	bool failed; /* memory ran out or a limit of plan.h was passed */
};

void tl_pack_init(struct tl_pack *pack);
void tl_pack_free(struct tl_pack *pack);

/* The next record, zeroed; NULL once the packer has failed. Valid until the next call. */
struct tl_record *tl_pack_op(struct tl_pack *pack);

/* Copy bytes into the arena at the alignment (a power of two); returns their offset. */
uint32_t tl_pack_bytes(struct tl_pack *pack, const void *bytes, size_t size,
		       unsigned alignment);

/* The size of the finished plan in bytes, and the plan itself written to a buffer that large. */
size_t tl_pack_size(const struct tl_pack *pack);
void tl_pack_write(const struct tl_pack *pack, uint32_t given, void *to);
