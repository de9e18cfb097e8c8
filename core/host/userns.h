/*
 * The parent's writes into a child's user namespace. Layer: host. All go through the child's
 * /proc directory, which cannot be another process's while the child has not been reaped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Each returns 0 or -errno and stores the number of the system call that failed in *call. */
int tl_userns_deny_setgroups(pid_t pid, long *call);
int tl_userns_write_map(pid_t pid, bool gid, const char *map, bool helper, long *call);
int tl_userns_oom_score_adj(pid_t pid, int value, long *call);

/* A descriptor of the child's user namespace, owned by the caller, or -errno. */
int tl_userns_open(pid_t pid, long *call);

/* Show the detached tree with the namespace's ids, private, with attributes: mount_setattr(2), 5.12. */
int tl_userns_idmap(int tree, int userns, uint64_t attr, bool recursive, long *call);
