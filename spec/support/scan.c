/*
 * Attacks whatever is on its way into this box, from inside, for so long or until a file appears.
 *
 *   scan MILLISECONDS STOP-FILE
 *   scan victim                   one that can be attacked, if it is called as tidelock's init is
 *
 * Looks through /proc without a pause. A process that still runs tidelock's init, other than PID 1,
 * is one that exec put in and that has not yet become what was asked for: each way to look into it,
 * to take its descriptors or to control it is tried. A success counts only where the process is
 * still init afterwards. A process whose pid namespace is not ours would show as a helper outside.
 * Prints "looks N seen N", and "got WAY N" for each way that succeeded.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INIT_NAME "tidelock-init"
#define INIT_TEXT 0x400000ul /* where init is mapped */

static int looks, seen;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool is_init(int pid)
{
	char path[64], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	close(fd);
	return !strncmp(name, INIT_NAME, strlen(INIT_NAME));
}

static bool try_read(int pid, const char *what)
{
	char path[64], byte;
	bool got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* Memory that was opened stays that of init, whatever the process becomes. */
	got = pread(fd, &byte, 1, strcmp(what, "mem") ? 0 : (off_t)INIT_TEXT) == 1;
	close(fd);
	return got;
}

static bool try_link(int pid, const char *what)
{
	char path[64], target[256];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	return readlink(path, target, sizeof(target)) > 0;
}

static bool try_open_exe(int pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The numbers alone may be seen once execve has begun; 0 to 2 are what the process is to have. */
static bool try_list(int pid)
{
	char path[64], target[256];
	struct dirent *entry;
	bool got = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (strtol(entry->d_name, NULL, 10) > 2)
			got |= readlinkat(dirfd(dir), entry->d_name, target,
					  sizeof(target)) > 0;
	if (dir)
		closedir(dir);
	return got;
}

static bool try_memory(int pid)
{
	char byte;
	struct iovec ours = { &byte, 1 }, theirs = { (void *)INIT_TEXT, 1 };

	return process_vm_readv(pid, &ours, 1, &theirs, 1, 0) == 1;
}

static bool try_descriptor(int pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), got = -1;

	for (int fd = 3; fd < 24 && got < 0 && pidfd >= 0; fd++)
		got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (got >= 0)
		close(got);
	if (pidfd >= 0)
		close(pidfd);
	return got >= 0;
}

static bool try_ptrace(int pid)
{
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		return false;
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, NULL, __WALL);
	return true;
}

static const struct {
	const char *name;
	bool (*attack)(int pid);
	const char *what;
	bool (*attack_named)(int pid, const char *what);
} ways[] = {
	{ "ptrace", try_ptrace, NULL, NULL },
	{ "mem", NULL, "mem", try_read },
	{ "auxv", NULL, "auxv", try_read },
	{ "maps", NULL, "maps", try_read },
	{ "exe", try_open_exe, NULL, NULL },
	{ "descriptors", try_list, NULL, NULL },
	{ "pidfd_getfd", try_descriptor, NULL, NULL },
	{ "process_vm_readv", try_memory, NULL, NULL },
	{ "root", NULL, "root", try_link },
	{ "cwd", NULL, "cwd", try_link },
	{ "link", NULL, "fd/10", try_link },
	{ "slot", NULL, "fd/16", try_link },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static int got[WAYS];

/* Its memory is replaced, and its program with it, a moment before its name is. */
static bool still_init(int pid)
{
	char path[64], target[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (readlink(path, target, sizeof(target) - 1) > 0)
		return !strncmp(target, "/memfd:", 7);
	return is_init(pid);
}

/* One way for each sight of it: it is init for some hundred microseconds only. */
static void attack(int pid)
{
	unsigned way = (unsigned)seen % WAYS;
	bool success = ways[way].attack ? ways[way].attack(pid)
					: ways[way].attack_named(pid, ways[way].what);

	seen++;
	if (success && still_init(pid))
		got[way]++;
	if (success && way == 0)
		ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void look(int self)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int pid = (int)strtol(entry->d_name, NULL, 10);

		if (pid > 1 && pid != self && is_init(pid))
			attack(pid);
	}
	if (dir)
		closedir(dir);
	looks++;
}

static void wait_to_be_attacked(void)
{
	int fd = open("/dev/null", O_RDONLY);

	if (fd < 0 || dup2(fd, 10) < 0 || dup2(fd, 16) < 0)
		exit(1);
	puts("ready");
	fflush(stdout);
	pause();
}

int main(int argc, char **argv)
{
	struct stat st;
	double end;

	if (argc == 2 && !strcmp(argv[1], "victim"))
		wait_to_be_attacked();
	if (argc != 3)
		return 2;
	end = now() + strtod(argv[1], NULL);
	while (now() < end && stat(argv[2], &st) < 0)
		look(getpid());
	printf("looks %d seen %d\n", looks, seen);
	for (unsigned i = 0; i < WAYS; i++)
		if (got[i])
			printf("got %s %d\n", ways[i].name, got[i]);
	return 0;
}
