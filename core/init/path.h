/*
 * Paths inside the new root: every one is resolved on descriptors, and a symlink leads where it
 * would lead inside, never out. Layer: init. Descriptors that are returned are the caller's;
 * that of tl_path_parent stays init's.
 */
#pragma once

#include "init.h"
#include "../sys/raw.h"

#define PATH_LIMIT 4096

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		raw(close, *fd);
}

#define autoclose __attribute__((cleanup(close_fd)))

static inline size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* An O_PATH descriptor of what is there, with more flags of openat2(2); or -errno. */
long tl_path_look_up(struct init *s, const char *path, uint64_t flags);

/* The type bits of st_mode, and the device number where it is asked for; or -errno. */
long tl_path_mode(struct init *s, int fd, uint32_t *rdev);

/*
 * The directory that holds the last component of a path, which is stored in *name. Targets come
 * sorted, so the last answer often serves again. A mount below it does not make it stale; whoever
 * may mount over it or above it forgets it.
 */
long tl_path_parent(struct init *s, const char *path, const char **name);
void tl_path_forget(struct init *s);

/* A descriptor of a mount point, made when it is not there. */
long tl_path_target(struct init *s, const char *path, bool directory);

/* Remember what was mounted on a path; `owned` hands the descriptor over. */
void tl_path_mounted(struct init *s, const char *path, int fd, bool owned);

/* The same for a file system that was mounted on a directory, if anything will ask for it. */
long tl_path_mounted_on(struct init *s, const char *path, int target);

/*
 * As tl_path_look_up, but on from a mount that is remembered: whoever can write in the directory
 * that it was mounted on may have swapped that for another since, so that what was to be hidden or
 * read-only in a file system of the kernel's would stay as it is.
 */
long tl_path_look_up_mounted(struct init *s, const char *path);
