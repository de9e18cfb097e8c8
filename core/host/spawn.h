/*
 * The clone whose child is never this program. Layer: host.
 *
 * clone3(2) with a network namespace takes half a millisecond, and CLONE_VFORK would make the
 * caller wait for it. So a helper makes the call: a process that shares this one's memory and
 * descriptors, makes nothing but raw system calls on a stack of its own, and is gone when init
 * runs. With CLONE_PARENT init is the caller's child all the same. For an init without namespaces
 * of its own, which joins those of a box, the caller does it itself: two switches less. Neither
 * helper nor child changes ids, dumpable or a permitted set before the exec, because the memory is
 * the caller's.
 *
 * What begins may run before there is a libc (early.h): it makes raw system calls, and touches neither
 * errno nor anything that has to be relocated.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../plan/plan.h"

#define TL_SPAWN_STACK 16384

struct tl_spawn {
	uint64_t flags; /* CLONE_NEW* */
	int link; /* the caller's end of the socket to init, owned until taken */
	int pidfd; /* of init, owned until taken; written by the kernel */
	pid_t helper;
	volatile long pid; /* of init, or -errno: written by the helper */
	volatile long error; /* of the child before its exec: written by the child */
	long call; /* the system call that the helper was at */
	void (*first)(
		void); /* what else the helper shall do, before anything else, or NULL */
	uint64_t clock; /* CLOCK_MONOTONIC in ns at the beginning */
	uint64_t tsc; /* time-stamp counter at the beginning */
	uint64_t moments[TL_MOMENT_BORN + 1]; /* written by the helper and the child */
	int into; /* a cgroup v2 directory to begin in, borrowed until finished, or -1 */
	int image, theirs; /* init's program and its end of the socket */
	cpu_set_t processors; /* of the caller: what init may run on */
	bool moved; /* the helper may run on fewer */
	char helper_stack[TL_SPAWN_STACK + 16];
	char child_stack[TL_SPAWN_STACK + 16];
};

/*
 * Begin; the struct must be zero apart from `first`, and stay where it is until finished or
 * abandoned. What goes wrong is told by tl_spawn_finish. `into`: clone3(2), CLONE_INTO_CGROUP
 * (5.7).
 */
void tl_spawn_begin(struct tl_spawn *spawn, uint64_t flags, int into);

/*
 * Wait for the helper. Returns the pid of init, or -errno with the number of the system call in
 * *call; then nothing is left.
 */
pid_t tl_spawn_finish(struct tl_spawn *spawn, long *call);

/* Take what belongs to a running init: the caller owns both descriptors from here on. */
void tl_spawn_take(struct tl_spawn *spawn, int *pidfd, int *link);

/* Kill what was begun and not taken, reap it and close everything. */
void tl_spawn_abandon(struct tl_spawn *spawn);
