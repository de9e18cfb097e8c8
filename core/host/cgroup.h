/*
 * Control groups of one box: a directory tidelock/NAME (or as its config.json says) below some
 * cgroup of the caller's, in each hierarchy (v1) or in the one (v2). Layer: host.
 *
 * Everything goes through descriptors on the directories, which the struct owns; only the top
 * is named by its path, and is checked to be a cgroup. The directory "tidelock" is shared with
 * other boxes and goes with the last of them, as does a directory in between that was made here.
 * Functions return >= 0 or -errno, with the number of
 * the system call that failed in *call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_CGROUP_DIRS 16 /* v1 has a hierarchy for each controller */
#define TL_CGROUP_NAME 256 /* of one directory, with its NUL */
#define TL_CGROUP_PATH 1024 /* of all of them */

struct tl_cgroup {
	unsigned count;
	struct {
		int fd;
		uint32_t slot; /* the plan's, where the descriptor to join stands */
		uint32_t made; /* bit n: the nth directory on the way was not there */
	} dirs[TL_CGROUP_DIRS];
	char path[TL_CGROUP_PATH]; /* below the top, the same in every hierarchy */
	/* Kept when the directories go: the memory limit killed something. */
	bool oom;
	bool lacks; /* the file of the last limit, tl_cgroup_carry_out */
	/* The caller left this cgroup of v2, an owned descriptor, for one below it (cgroup_room.h). */
	bool stepped;
	int left;
	char aside[TL_CGROUP_NAME];
};

/* 1, 2, or 0 where the path is no cgroup: statfs(2). */
int tl_cgroup_version(const char *path);

/*
 * Make TOP/PATH, whose last directory must be new, and add it; `enable` ("+memory +pids", or NULL)
 * is what v2 hands down to it; on v1, "cpuset": each directory gets what the one above it has.
 * -EINVAL for a path with "..", an empty or an overlong part. Returns a descriptor that the caller
 * owns: that by which a process joins when it writes "0" (v1), or that of the directory, for a clone
 * into it (v2). What was made, also by a call that failed, goes with tl_cgroup_remove.
 */
int tl_cgroup_make(struct tl_cgroup *group, uint32_t slot, const char *top,
		   const char *path, const char *enable, long *call);

/* What tells a directory from one that was made later at the same path, and what goes with it. */
struct tl_cgroup_identity {
	uint64_t inode;
	uint32_t made; /* as in tl_cgroup */
};

/*
 * Add a directory that is there: what a supervisor left that is no more. -ESTALE where it is not of
 * this identity; NULL takes any.
 */
int tl_cgroup_adopt(struct tl_cgroup *group, const char *top, const char *path,
		    const struct tl_cgroup_identity *identity);

/* The identity of the directory at an index below `count`. Returns 0 or -errno. */
int tl_cgroup_identify(const struct tl_cgroup *group, unsigned index,
		       struct tl_cgroup_identity *identity);

/* The directory with this slot, owned by the struct, or -EBADF. */
int tl_cgroup_dir(const struct tl_cgroup *group, uint32_t slot);

/* Write a value to a file of the directory with this slot. */
int tl_cgroup_set(const struct tl_cgroup *group, uint32_t slot, const char *file,
		  const char *value, long *call);

/* The same, to a file of whichever directory has it; -ENOENT where none has. */
int tl_cgroup_put(const struct tl_cgroup *group, const char *file, const char *value);

/* Add a directory by its path, to be read only: it is not killed or removed by who closes it. */
int tl_cgroup_look_at(struct tl_cgroup *group, const char *path);

/*
 * A descriptor to poll(2) for POLLPRI, owned by the caller: the file changes (memory.events,
 * cgroup.events; cgroup-v2.rst), or the pressure in it reaches a trigger ("some 150000 2000000":
 * us of us; accounting/psi.rst).
 */
int tl_cgroup_event(const struct tl_cgroup *group, const char *file, const char *trigger);

/* The text of a file of whichever directory has it, ending in NUL. Returns its length. */
int tl_cgroup_get(const struct tl_cgroup *group, const char *file, char *text,
		  size_t size);

/*
 * A descriptor that is readable once v1's memory controller has run out of memory, owned by the
 * caller; -ENOENT where there is none. v2 needs none: memory.oom.group kills by itself.
 */
int tl_cgroup_oom_event(const struct tl_cgroup *group);

/* Has the box's own memory limit killed one of its processes? */
bool tl_cgroup_oom(const struct tl_cgroup *group);

/*
 * Stop all that is in it, and see that it stands still: cgroup.freeze (v2, 5.2) confirmed by
 * cgroup.events, freezer.state (v1). -ETIMEDOUT after so many seconds, and then it is let go again;
 * -ENOENT where there is neither. freezer-subsystem.rst; cgroup-v2.rst.
 */
int tl_cgroup_freeze(const struct tl_cgroup *group, double seconds);
int tl_cgroup_thaw(const struct tl_cgroup *group, double seconds);

/*
 * SIGKILL to all that is in it. cgroup.kill (v2, 5.14); else frozen first, so that nothing forks
 * away and no pid can come to mean another process, and thawed to die; without a freezer no more
 * processes are allowed, for up to a second of killing.
 */
void tl_cgroup_kill(const struct tl_cgroup *group);

/*
 * Remove the directories and forget them. Waits up to a second for what is still on its way out,
 * and kills what is not. What could not be removed is still in the struct: -EBUSY.
 */
int tl_cgroup_remove(struct tl_cgroup *group);

/* Close what the struct owns. Removes nothing. */
void tl_cgroup_close(struct tl_cgroup *group);
