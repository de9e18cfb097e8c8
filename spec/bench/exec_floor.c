/*
 * The floor for `box:exec { "true" }`: the kernel work of its plan for a root caller, written down
 * by hand, in a box that is there.
 *
 *   exec_floor PID FILTER COMMAND...   PID: of the box's PID 1; FILTER: compiled
 *
 * For each byte on its standard input it executes the command once and prints the microseconds.
 */
#include "core/sys/raw.h"
#include "spec/bench/floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWNET | CLONE_NEWCGROUP)

static struct sock_filter filter[FLOOR_FILTER_MAX];
static struct sock_fprog program = { .filter = filter };
static char cwd[4096];
static int status;

static void workload(char **argv)
{
	must(raw(setsid));
	umask(022);
	must(raw(chdir, cwd));
	drop_bounding(0);
	set_capabilities(0, 0);
	must(raw(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(raw(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC));
	load_filter(&program);
	execvp(argv[0], argv);
	_exit(127);
}

/* As vfork: the memory is the parent's, which is tiny and waits; the child is the grandparent's. */
static pid_t clone_inside(void)
{
	struct floor_clone args = { .flags = CLONE_PARENT };

	return (pid_t)must(raw(clone3, &args, sizeof(args)));
}

static void join(int pidfd, char **argv)
{
	must(raw(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(raw(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
	must(raw(setns, pidfd, NAMESPACES));
	must(raw(setgroups, 0, NULL));
	must(raw(setresgid, 0, 0, 0));
	must(raw(setresuid, 0, 0, 0));
	set_capabilities(FLOOR_ALL_CAPS, 0);
	must(raw(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
	if (clone_inside() == 0)
		workload(argv);
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double once(int pidfd, char **argv)
{
	double start = now();
	pid_t helper = (pid_t)must(fork());

	if (helper == 0)
		join(pidfd, argv);
	must(raw(wait4, helper, &status, 0, NULL));
	must(raw(wait4, -1, &status, 0, NULL));
	return now() - start;
}

int main(int argc, char **argv)
{
	char byte;
	int pidfd;

	if (argc < 4)
		return 2;
	read_filter(argv[2], &program);
	must(raw(getcwd, cwd, sizeof(cwd)));
	pidfd = (int)must(raw(pidfd_open, strtol(argv[1], NULL, 10), 0));
	while (read(0, &byte, 1) == 1) {
		double took = once(pidfd, argv + 3);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "exec_floor: %s: status 0x%x\n", argv[3],
				(unsigned)status);
			return 1;
		}
		printf("%.1f\n", took);
		fflush(stdout);
	}
	return 0;
}
