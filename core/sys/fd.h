/*
 * Ownership of descriptors. Layer: sys. Child-safe: no allocation.
 *
 * `int fd` borrows. `autoclose int fd` owns until the end of the scope, and keeps errno;
 * tl_fd_steal disarms it on hand-over.
 */
#pragma once

#include <errno.h>
#include <unistd.h>

static inline void tl_fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static inline int tl_fd_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#define autoclose __attribute__((cleanup(tl_fd_close)))
