/*
 * A box that runs: its PID 1, the socket to it, the page that it shares. Layer: host.
 * A box owns its pidfd, its end of the socket that keeps PID 1 alive, the master of its terminal
 * until that is taken, and its mapping of the page. What stands in the page is treated as an enemy's: each value is copied once and bounded.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "../plan/plan.h"

#define TL_REASON 128

struct tl_fault {
	/* Of the operation; TL_NO_OP: the launcher's own work. */
	uint32_t index;
	/* errno, positive. */
	int error;
	/* The number of the system call, 0 if none failed. */
	uint32_t call;
	/* What the kernel said besides, "" for nothing. */
	char reason[TL_REASON];
};

struct tl_box {
	pid_t pid;
	int pidfd, link;
	/* PID 1 is init: the link tells the end of the workload, or hangs up at its own. */
	bool forks, holds;
	/* The process was cloned into a box that was there: there is no PID 1 of its own. */
	bool entered;
	/* Its end was collected, and is kept here: the pidfd names nothing any more. */
	bool reaped;
	siginfo_t info;
	struct rusage usage;
	/* What init opened inside and handed out, or -1. */
	int file;
	/* The master of the workload's terminal, -1 where it has none. */
	int pty;
	/* A file system without idmapping was bound as it is. */
	bool not_idmapped;
	struct tl_page *page;
	size_t page_size;
	uint32_t count;
	/* Of each operation; and the times of those of the host and parent lanes. */
	uint8_t *lanes;
	struct tl_span_time *times;
	/* CLOCK_MONOTONIC in ns and the time-stamp counter at the beginning. */
	uint64_t clock, tsc;
	/* Before TL_MOMENT_INIT; the page has the others. */
	uint64_t moments[TL_MOMENT_INIT];
};

/* What became of a box; `fault` is set where set-up failed after the launch. */
struct tl_end {
	bool setup_failed, executed, signaled;
	struct tl_fault fault;
	/* Exit status or signal. */
	int code;
	/* max_rss is 0 where PID 1 is the workload. */
	struct tl_usage usage;
	uint32_t no_routes;
	/* In ns, from the beginning. */
	uint64_t wall;
};

/*
 * Wait until every process of the workload is gone: fills *end. Returns 0, or -ETIMEDOUT after so
 * many milliseconds (-1: never). init itself may still be on its way out, and its namespaces with
 * it: tl_box_kill waits for that too.
 */
int tl_box_wait(struct tl_box *box, int timeout, struct tl_end *end);

/* A descriptor that is readable when tl_box_wait has something to tell, owned by the box. */
int tl_box_pollfd(const struct tl_box *box);

/* init's fault, if it left one that makes sense. */
bool tl_box_fault(const struct tl_box *box, struct tl_fault *fault);

/*
 * Wait for the end of the process itself and keep how it ended for tl_box_wait. PID 1 does not end
 * before every process of its box is reaped, those too that were put in and are the caller's children.
 */
int tl_box_reap(struct tl_box *box);

/* SIGKILL to PID 1, which takes every process of the box with it, and reap it. */
void tl_box_kill(struct tl_box *box);

/* Of an operation, in ns since the beginning; 0 and 0 if it did not run. */
struct tl_box_times {
	uint64_t start, end;
	/* Where the lanes meet: the launcher's half, beside the child's. */
	uint64_t met_start, met_end;
};

void tl_box_times(const struct tl_box *box, uint32_t index, struct tl_box_times *times);

/* In ns since the beginning, 0 if it did not happen. */
uint64_t tl_box_moment(const struct tl_box *box, enum tl_moment moment);

/* Close the descriptors. Times and moments can be asked for until tl_box_close. Does not kill. */
void tl_box_shut(struct tl_box *box);

/* The same, and the memory too. */
void tl_box_close(struct tl_box *box);
