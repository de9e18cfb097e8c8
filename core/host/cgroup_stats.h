/*
 * What a cgroup has used: its counters, read in one go. Layer: host.
 */
#pragma once

#include <stdbool.h>

#include "cgroup.h"

/*
 * avg10, avg60, avg300: per cent of the time in which somebody waited; total: seconds.
 * accounting/psi.rst.
 */
struct tl_pressure {
	double avg10, avg60, avg300, total;
};

/*
 * Seconds, bytes and counts; NAN is unknown (no such file, or no limit), and the sum over the
 * whole cgroup with those below it.
 */
struct tl_cgroup_stats {
	double cpu_usage, cpu_user, cpu_system, cpu_periods, cpu_throttled_periods,
		cpu_throttled;
	double memory_current, memory_peak, memory_swap, memory_limit;
	/* By kind: only where it is asked for, because the kernel gathers it first. */
	double memory_anon, memory_file, memory_kernel, memory_shmem, memory_sock,
		memory_slab;
	double io_rbytes, io_wbytes, io_rios, io_wios;
	double pids_current, pids_peak, pids_limit, pids_refused;
	double oom_events, oom_kills, oom_group_kills;
	struct tl_pressure cpu_some, cpu_full, memory_some, memory_full, io_some, io_full;
};

#define TL_CGROUP_PLACES 6

/*
 * Which directory has the files of a controller: where to look first in the next cgroup of a list.
 * Begins as 0.
 */
struct tl_cgroup_places {
	unsigned at[TL_CGROUP_PLACES];
};

/* Never fails: what cannot be read is unknown. `detail`: also what memory is used for. */
void tl_cgroup_stats(const struct tl_cgroup *group, bool detail,
		     struct tl_cgroup_places *places, struct tl_cgroup_stats *stats);
