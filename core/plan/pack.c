#include "pack.h"

#include <stdlib.h>
#include <string.h>

void tl_pack_init(struct tl_pack *pack)
{
	*pack = (struct tl_pack){ 0 };
	/* Offset 0 means that there is no string. */
	tl_pack_bytes(pack, "", 1, 1);
}

void tl_pack_free(struct tl_pack *pack)
{
	free(pack->ops);
	free(pack->arena);
	*pack = (struct tl_pack){ .failed = true };
}

struct tl_record *tl_pack_op(struct tl_pack *pack)
{
	if (pack->count == pack->room) {
		uint32_t room = pack->room ? pack->room * 2 : 128;
		void *grown = pack->count < TL_PLAN_MAX_OPS
			? realloc(pack->ops, room * sizeof(*pack->ops))
			: NULL;

		if (!grown) {
			pack->failed = true;
			return NULL;
		}
		pack->ops = grown;
		pack->room = room;
	}
	return memset(&pack->ops[pack->count++], 0, sizeof(*pack->ops));
}

uint32_t tl_pack_bytes(struct tl_pack *pack, const void *bytes, size_t size,
		       unsigned alignment)
{
	size_t at = (pack->size + alignment - 1) & ~(size_t)(alignment - 1);

	if (size > TL_PLAN_MAX_SIZE || at + size > TL_PLAN_MAX_SIZE) {
		pack->failed = true;
		return 0;
	}
	if (at + size > pack->arena_room) {
		size_t room = (at + size) * 2 + 4096;
		char *grown = realloc(pack->arena, room);

		if (!grown) {
			pack->failed = true;
			return 0;
		}
		pack->arena = grown;
		pack->arena_room = room;
	}
	memset(pack->arena + pack->size, 0, at - pack->size);
	memcpy(pack->arena + at, bytes, size);
	pack->size = at + size;
	return (uint32_t)at;
}

size_t tl_pack_size(const struct tl_pack *pack)
{
	/* A NUL after the last byte, so that every string ends inside the arena. */
	return sizeof(struct tl_plan) + pack->count * sizeof(struct tl_record) +
		pack->size + 1;
}

void tl_pack_write(const struct tl_pack *pack, uint32_t given, void *to)
{
	struct tl_plan plan = {
		.magic = TL_PLAN_MAGIC,
		.version = TL_PLAN_VERSION,
		.size = (uint32_t)tl_pack_size(pack),
		.count = pack->count,
		.arena =
			(uint32_t)(sizeof(plan) + pack->count * sizeof(struct tl_record)),
		.given = given,
		.inherited = pack->inherited > given ? pack->inherited : given,
		.slots = pack->slots > given ? pack->slots : given,
	};
	char *p = to;

	memcpy(p, &plan, sizeof(plan));
	memcpy(p + sizeof(plan), pack->ops, pack->count * sizeof(struct tl_record));
	memcpy(p + plan.arena, pack->arena, pack->size);
	p[plan.size - 1] = '\0';
}
