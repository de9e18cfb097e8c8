/*
 * The floor for box:exec { "true" }: joins a running box, clones once more inside, gives up all
 * rights, loads the filter and executes, by hand and with nothing configurable.
 *
 *   exec_floor PID FILTER ROUNDS COMMAND...    prints the microseconds of each round
 *
 * PID is the box's PID 1 as the host counts, for a box of root's with a range of ids.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMESPACES \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWNET | CLONE_NEWCGROUP)

static struct sock_filter filter[4096];
static struct sock_fprog program = { .filter = filter };

#define must(call) must_be_good((call), #call)

static long must_be_good(long result, const char *call)
{
	if (result < 0) {
		perror(call);
		_exit(125);
	}
	return result;
}

static void set_capabilities(uint64_t all)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = {
		{ (uint32_t)all, (uint32_t)all, 0 },
		{ (uint32_t)(all >> 32), (uint32_t)(all >> 32), 0 },
	};

	must(syscall(SYS_capset, &header, sets));
}

static void workload(char **argv)
{
	must(setsid());
	umask(022);
	must(chdir("/"));
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		must(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
	set_capabilities(0);
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC));
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
	execvp(argv[0], argv);
	_exit(127);
}

static void join(int box, char **argv)
{
	long pid;

	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	must(syscall(SYS_setns, box, NAMESPACES));
	must(syscall(SYS_setgroups, 0, NULL));
	must(syscall(SYS_setresgid, 0, 0, 0));
	must(syscall(SYS_setresuid, 0, 0, 0));
	set_capabilities(0x1ffffffffff);
	pid = must(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
	if (pid == 0)
		workload(argv);
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	long box, rounds;
	int fd;

	if (argc < 5)
		return 2;
	box = must(syscall(SYS_pidfd_open, strtol(argv[1], NULL, 10), 0));
	fd = (int)must(open(argv[2], O_RDONLY | O_CLOEXEC));
	program.len = (unsigned short)(must(read(fd, filter, sizeof(filter))) / 8);
	close(fd);
	rounds = strtol(argv[3], NULL, 10);
	for (long i = 0; i < rounds; i++) {
		double began = now();
		pid_t pid = (pid_t)must(fork());

		if (pid == 0)
			join((int)box, argv + 4);
		while (wait(NULL) > 0)
			;
		printf("%.1f\n", now() - began);
	}
	return 0;
}
