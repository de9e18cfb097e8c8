/*
 * The launcher: walks a plan, carries out its host and parent lanes, and meets init at the
 * rendezvous. Layer: host. No allocation, log or exit happens in the child (see spawn.h).
 *
 * On failure everything that was begun is taken back in reverse order, and nothing is left: no
 * process or descriptor. Only the times stay with the box, until tl_box_close.
 */
#pragma once

#include "box.h"
#include "cgroup.h"
#include "spawn.h"

struct tl_launch {
	/* Checked by tl_launch_start. */
	const void *plan;
	size_t size;
	/* Borrowed: the first slots. */
	const int *given;
	unsigned given_count;
	/*
	 * An init that was begun early, while the plan was made, or NULL. It is used up, whether the
	 * launch succeeds or not; where its namespaces are not the plan's, another one is begun.
	 */
	struct tl_spawn *spawn;
	/*
	 * Borrowed, empty: gets the cgroups that the plan makes, or NULL where it makes none. A launch
	 * that fails removes them.
	 */
	struct tl_cgroup *cgroup;
	/* Calls a hook of the host or parent lane, or its undo. Returns 0 or -errno. */
	int (*hook)(void *context, uint32_t index, bool undo, pid_t pid);
	void *context;
};

/* Returns 0, or -errno with *fault filled in and nothing left but the box's memory. */
int tl_launch_start(const struct tl_launch *launch, struct tl_box *box,
		    struct tl_fault *fault);
