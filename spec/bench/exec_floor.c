/*
 * The floor for `box:exec { "true" }`: the kernel work of its plan for a root caller, written down
 * by hand, in a box that is there.
 *
 *   exec_floor PID FILTER COMMAND...   PID: of the box's PID 1; FILTER: compiled
 *
 * For each byte on its standard input it executes the command once and prints the microseconds.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <grp.h>
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
static char cwd[4096];
static int status;

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
	must(chdir(cwd));
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

/* As vfork: the memory is the parent's, which is tiny and waits; the child is the grandparent's. */
static pid_t clone_inside(void)
{
	struct clone_args args = { .flags = CLONE_PARENT };

	return (pid_t)must(syscall(SYS_clone3, &args, sizeof(args)));
}

static void join(int pidfd, char **argv)
{
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	must(setns(pidfd, NAMESPACES));
	must(syscall(SYS_setgroups, 0, NULL));
	must(syscall(SYS_setresgid, 0, 0, 0));
	must(syscall(SYS_setresuid, 0, 0, 0));
	set_capabilities(0x1ffffffffff);
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
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
	must(waitpid(helper, &status, 0));
	must(waitpid(-1, &status, 0));
	return now() - start;
}

int main(int argc, char **argv)
{
	char byte;
	int fd, pidfd;

	if (argc < 4)
		return 2;
	fd = (int)must(open(argv[2], O_RDONLY | O_CLOEXEC));
	program.len = (unsigned short)(must(read(fd, filter, sizeof(filter))) / 8);
	close(fd);
	must(getcwd(cwd, sizeof(cwd)) ? 0 : -1);
	pidfd = (int)must(syscall(SYS_pidfd_open, strtol(argv[1], NULL, 10), 0));
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
