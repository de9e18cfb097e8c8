/*
 * The memory files of a container: init's program, the sealed plan, the shared page.
 * Layer: host. Every function returns a CLOEXEC descriptor that the caller owns, or -errno
 * with the number of the system call in *call.
 */
#pragma once

#include <stddef.h>

/* A private, sealed copy of init: what /proc/self/exe is inside, and nobody else's file. */
int tl_image_init(long *call);

/* A sealed copy of the bytes: what was checked is what init reads. */
int tl_image_plan(const void *bytes, size_t size, long *call);

/* A file of that size which cannot shrink, so that reading a mapping of it never faults. */
int tl_image_page(size_t size, long *call);
