/*
 * Namespaces begun before it is known what is to run in them. Layer: host.
 *
 * The kernel takes half a millisecond for a box's namespaces, and Lua as long to find out which are
 * wanted. For the usual `tidelock run` that can be guessed from the words, so that both happen at
 * once. A wrong guess costs another processor that time, and nothing else: what was begun is
 * killed before it has done anything.
 *
 * It begins before the libc, which takes 60 instructions CPUID to find out about the processor: a
 * quarter of a millisecond where a hypervisor answers them. The helper also brings in the memory
 * that Lua is going to need.
 */
#pragma once

#include <stdint.h>

#include "spawn.h"

/*
 * The program's entry calls it, with what the kernel put on the stack (argc, argv, environment,
 * auxiliary vector): begin what these words are likely to need, or do nothing.
 */
void tl_early_begin(long *stack);

/*
 * What was begun, if it is of these namespaces: the caller's to finish or abandon, and not to free.
 * NULL otherwise, and then nothing of it is left.
 */
struct tl_spawn *tl_early_take(uint64_t flags);
