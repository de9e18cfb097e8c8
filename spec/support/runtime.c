/*
 * A container runtime as they were before CVE-2019-5736: what runs inside before the command does
 * is the runtime's own program, on the host. For the specs that show that an attack works.
 *
 *   runtime start COMMAND...     a container with user, mount and pid namespaces of its own; prints
 *                                the pid of its PID 1 and leaves it running
 *   runtime exec PID COMMAND...  runs the command in it and waits
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		_exit(125);
	}
}

static void write_map(const char *path, unsigned id)
{
	char map[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	snprintf(map, sizeof(map), "0 %u 1", id);
	must(fd, path);
	must((int)write(fd, map, strlen(map)), path);
	close(fd);
}

static void deny_setgroups(void)
{
	int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);

	must(fd, "setgroups");
	must((int)write(fd, "deny", 4), "setgroups");
	close(fd);
}

static int start(char **command)
{
	unsigned uid = getuid(), gid = getgid();
	pid_t pid;

	must(unshare(NAMESPACES), "unshare");
	deny_setgroups();
	write_map("/proc/self/uid_map", uid);
	write_map("/proc/self/gid_map", gid);
	pid = fork();
	must(pid, "fork");
	if (pid > 0) {
		printf("%d\n", pid);
		return 0;
	}
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "propagation");
	must(mount("proc", "/proc", "proc", 0, NULL), "proc");
	setsid();
	execv(command[0], command);
	perror(command[0]);
	return 126;
}

static int exec_in(int pid, char **command)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
	pid_t child;

	must(pidfd, "pidfd_open");
	must(setns(pidfd, NAMESPACES), "setns");
	close(pidfd);
	child = fork();
	must(child, "fork");
	if (child == 0) {
		execv(command[0], command);
		_exit(126);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "start"))
		return start(argv + 2);
	if (argc > 3 && !strcmp(argv[1], "exec"))
		return exec_in((int)strtol(argv[2], NULL, 10), argv + 3);
	fprintf(stderr,
		"usage: runtime start COMMAND... | runtime exec PID COMMAND...\n");
	return 2;
}
