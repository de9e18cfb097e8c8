/*
 * Directories and files of cgroups, by descriptors: what cgroup.c, cgroup_tree.c and
 * cgroup_stats.c share. Layer: host. Functions return >= 0 or -errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup.h"

/* 1, 2, or 0 for another file system. */
int tl_cgroup_version_of(int fd);

/* A directory, no link. The number of the system call is in *call. */
int tl_cgroup_open_dir(int at, const char *path, long *call);

/* Is this the name of a file in a cgroup, and nothing else? */
bool tl_cgroup_plain_name(const char *name);

/* -EINVAL for what is no plain name. */
int tl_cgroup_open_file(int dir, const char *file, int flags);

/* In one write, as the kernel wants it. */
int tl_cgroup_write(int dir, const char *file, const char *value, long *call);

/* The whole text and a NUL, at most `size` bytes of it. Returns its length. */
int tl_cgroup_read(int dir, const char *file, char *text, size_t size);

/* The directory of the group that has the file: borrowed, or -1. */
int tl_cgroup_dir_with(const struct tl_cgroup *group, const char *file);

/* The part of a path at an index from 0 on. */
void tl_cgroup_part_at(const char *path, unsigned depth, char name[TL_CGROUP_NAME]);

/*
 * From a directory `depth` parts down the path back to the top, as far as may be (`made`) and can be.
 * *at becomes another descriptor, the caller's to close.
 */
void tl_cgroup_remove_upwards(int *at, const char *path, unsigned depth, uint32_t made);
