/*
 * The launcher: walks a plan, carries out its host and parent lanes, and meets init at the
 * rendezvous. Layer: host. No allocation, log or exit happens in the child (see spawn.h).
 *
 * On failure everything that was begun is taken back in reverse order, and nothing is left: no
 * process, descriptor or mapping. A box owns its pidfd, its end of the pipe that keeps PID 1
 * alive, and its mapping of the shared page.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../plan/plan.h"

struct tl_fault {
	uint32_t
		index; /* of the operation; TL_NO_OP: the launcher's own work, see `call` */
	int error; /* errno, positive */
	uint32_t call; /* the number of the system call, 0 if none failed */
};

struct tl_box {
	pid_t pid;
	int pidfd, go, up;
	bool forks; /* PID 1 is init, and tells the workload's end through `up` */
	struct tl_page *page; /* hostile: copy a value once, bound it, use the copy */
	size_t page_size;
	uint32_t count;
	uint8_t *lanes; /* of each operation */
	struct tl_span_time *times; /* of the host and parent lanes */
	uint64_t clock, tsc; /* CLOCK_MONOTONIC in ns and the counter, at the start */
	bool not_idmapped; /* a file system without idmapping was bound as it is */
};

struct tl_launch {
	const void *plan; /* checked by tl_launch_start */
	size_t size;
	const int *given; /* borrowed: the first slots */
	unsigned given_count;
	/* Calls a hook of the host or parent lane, or its undo. Returns 0 or -errno. */
	int (*hook)(void *context, uint32_t index, bool undo, pid_t pid);
	void *context;
};

/* What became of a box; `fault` is set where set-up failed after tl_launch_start returned. */
struct tl_end {
	bool setup_failed, executed;
	struct tl_fault fault;
	bool signaled;
	int code; /* exit status or signal */
	struct tl_usage usage; /* max_rss is 0 where PID 1 is the workload */
	uint32_t no_routes;
	uint64_t wall; /* ns from the start of the launch */
};

/* Returns 0, or -errno with *fault filled in and nothing left. */
int tl_launch_start(const struct tl_launch *launch, struct tl_box *box,
		    struct tl_fault *fault);

/*
 * Wait until every process of the workload is gone: fills *end. Returns 0, or -ETIMEDOUT after so
 * many milliseconds (-1: never). init itself may still be on its way out, and its namespaces with
 * it: tl_box_kill waits for that too.
 */
int tl_box_wait(struct tl_box *box, int timeout, struct tl_end *end);

/* A descriptor that is readable when tl_box_wait has something to tell, owned by the box. */
int tl_box_pollfd(const struct tl_box *box);

/* SIGKILL to PID 1, which takes every process of the box with it, and reap it. */
void tl_box_kill(struct tl_box *box);

/* The times of an operation in ns since the start of the launch, 0 and 0 if it did not run. */
void tl_box_times(const struct tl_box *box, uint32_t index, uint64_t *start,
		  uint64_t *end);

/* Close what the box owns. Does not kill. */
void tl_box_close(struct tl_box *box);
