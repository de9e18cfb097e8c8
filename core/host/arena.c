#include "arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

#define PAGE 4096
#define ALIGNMENT 16

/* What a whole run takes, so that nearly all of it comes from here and hardly any is for nothing. */
#define SIZE ((size_t)576 * 1024)

/* Between two of them the libc, which wants the map of the memory to itself, has its turn. */
#define STEP ((size_t)16 * 1024)

static struct {
	char bytes[SIZE] __attribute__((aligned(PAGE)));
	size_t used;
	size_t last; /* where the block begins that can grow, shrink and go */
} arena;

void tl_arena_populate(void)
{
	for (size_t at = 0; at < SIZE; at += STEP)
		raw(madvise, arena.bytes + at, STEP, MADV_POPULATE_WRITE);
}

static size_t rounded(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static bool is_last(const char *block)
{
	return block == arena.bytes + arena.last;
}

static void *take(size_t size)
{
	if (rounded(size) > SIZE - arena.used)
		return malloc(size);
	arena.last = arena.used;
	arena.used += rounded(size);
	return arena.bytes + arena.last;
}

static void *resize(char *block, size_t old, size_t size)
{
	void *moved;

	if (is_last(block) && rounded(size) <= SIZE - arena.last) {
		arena.used = arena.last + rounded(size);
		return block;
	}
	if (size <= old)
		return block;
	moved = take(size);
	if (moved)
		memcpy(moved, block, old);
	return moved;
}

static bool is_own(const char *block)
{
	return block >= arena.bytes && block < arena.bytes + SIZE;
}

void *tl_arena_resize(void *block, size_t old, size_t size)
{
	if (!block)
		return size ? take(size) : NULL;
	if (is_own(block) && size)
		return resize(block, old, size);
	if (size)
		return realloc(block, size);
	if (!is_own(block))
		free(block);
	else if (is_last(block))
		arena.used = arena.last;
	return NULL;
}
