/*
 * Room for a cgroup: what must be so before there can be one at its place, or something in it.
 * Layer: host. Functions return >= 0 or -errno, with the number of the system call that failed in
 * *call.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup.h"

/*
 * v1: give a cpuset that has no processors or memory nodes those of the one above it; without them
 * no process can join it (cpuset(7)).
 */
int tl_cgroup_fill(int above, int dir, long *call);

/*
 * Make the directory of this slot, and those of its files that are there, another user's. `files`:
 * names, each with its NUL, `size` bytes together (/sys/kernel/cgroup/delegate, 4.15).
 */
int tl_cgroup_give(const struct tl_cgroup *group, uint32_t slot, uid_t uid, gid_t gid,
		   const char *files, size_t size, long *call);

/*
 * v2: take this process and its children out of the cgroup PATH, to PATH/NAME, so that PATH may
 * hand controllers down (cgroups(7), "no internal processes"). Noted in the group, and undone by
 * tl_cgroup_step_back.
 */
int tl_cgroup_step_aside(struct tl_cgroup *group, const char *path, const char *name,
			 long *call);

/*
 * Back to where they were, unless other boxes need what is handed down: then all stays as it is.
 */
void tl_cgroup_step_back(struct tl_cgroup *group);
