/*
 * The memory of a command's own Lua state: it runs once, for a millisecond, with the collector
 * off. A page that the kernel has to find and clear at the first touch takes a microsecond, and
 * that is 140 times: another processor can do that beforehand. Never given back; what is more than
 * that is malloc's. Layer: host.
 */
#pragma once

#include <stddef.h>

/* Have the kernel provide the memory now (5.14), from whatever thread. May run before the libc. */
void tl_arena_populate(void);

/* As lua_Alloc has it: make `block` (NULL: a new one) `size` bytes (0: none) that were `old`. */
void *tl_arena_resize(void *block, size_t old, size_t size);
