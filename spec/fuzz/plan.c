/*
 * libFuzzer over tl_plan_check(). What the check accepts is then read to its last byte, the way
 * the launcher and init read it with no check of their own: AddressSanitizer sees a wrong bound.
 */
#include "core/plan/plan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint32_t sink;

static void read_bytes(const char *at, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + (uint8_t)at[i];
	sink = sum;
}

/* Init passes each string of a list to execve: all end inside the list. */
static void read_args(const char *at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i += (uint32_t)strlen(at + i) + 1)
		read_bytes(at + i, strlen(at + i));
}

static void read_field(const struct tl_plan *plan, char type, const uint32_t *word)
{
	const char *at = tl_plan_at(plan, word[0]);

	switch (type) {
	case TL_TYPE_str:
	case TL_TYPE_path:
		read_bytes(at, strlen(at));
		if (type == TL_TYPE_path && *at != '/')
			abort();
		break;
	case TL_TYPE_ostr:
		if (word[0])
			read_bytes(at, strlen(at));
		break;
	case TL_TYPE_blob:
	case TL_TYPE_ids:
		if ((uintptr_t)at % 8)
			abort();
		read_bytes(at, word[1]);
		break;
	case TL_TYPE_args:
		read_args(at, word[1]);
		break;
	case TL_TYPE_slot:
	case TL_TYPE_newslot:
		if (word[0] >= plan->slots || plan->slots > TL_PLAN_MAX_SLOTS)
			abort();
		break;
	default:
		break;
	}
}

static bool is_end(unsigned code)
{
	return code == TL_OP_exec || code == TL_OP_hold || code == TL_OP_leave;
}

static void try_plan(const uint8_t *bytes, size_t size)
{
	const struct tl_plan *plan = (const struct tl_plan *)bytes;
	const struct tl_record *op = tl_plan_ops(plan);
	const char *why = NULL;
	unsigned index;

	if (tl_plan_check(bytes, size, &index, &why) < 0) {
		/* A refusal names its reason and an operation of the plan. */
		if (!why || !*why || (index != TL_NO_OP && index >= plan->count))
			abort();
		return;
	}
	if (plan->size != size || !is_end(op[plan->count - 1].code))
		abort();
	for (; op < tl_plan_ops(plan) + plan->count; op++) {
		unsigned w = 0;

		for (const char *type = tl_op_types[op->code]; *type; type++) {
			read_field(plan, *type, op->word + w);
			w += tl_type_words(*type);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tl_plan *plan;
	size_t count;

	try_plan(data, size);
	if (size < sizeof(*plan) + sizeof(struct tl_record) + 1 ||
	    size > TL_PLAN_MAX_SIZE)
		return 0;
	/* The same with a header that fits, so that mutations reach the operations. */
	plan = malloc(size);
	if (!plan)
		abort();
	memcpy(plan, data, size);
	count = (size - sizeof(*plan) - 1) / sizeof(struct tl_record);
	plan->magic = TL_PLAN_MAGIC;
	plan->version = TL_PLAN_VERSION;
	plan->size = (uint32_t)size;
	if (plan->count > count)
		plan->count = (uint32_t)count;
	plan->arena = (uint32_t)(sizeof(*plan) + plan->count * sizeof(struct tl_record));
	memset(plan->reserved, 0, sizeof(plan->reserved));
	((uint8_t *)plan)[size - 1] = 0;
	try_plan((uint8_t *)plan, size);
	free(plan);
	return 0;
}
