/*
 * Namespaces begun before it is known what is to run in them. Layer: host.
 *
 * The kernel takes half a millisecond for a box's namespaces, and Lua as long to find out which are
 * wanted. For the usual `tidelock run` that can be guessed from the words, so that both happen at
 * once. A wrong guess costs another processor that time, and nothing else: what was begun is
 * killed before it has done anything.
 */
#pragma once

#include <stdint.h>

#include "spawn.h"

/* Begin what these words are likely to need, once in the life of a process; or do nothing. */
void tl_early_begin(int argc, char **argv);

/*
 * What was begun, if it is of these namespaces: the caller's to finish or abandon, and not to free.
 * NULL otherwise, and then nothing of it is left.
 */
struct tl_spawn *tl_early_take(uint64_t flags);
