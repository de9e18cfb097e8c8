#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../sys/fd.h"
#include "../sys/kernel.h"

static int open_proc(pid_t pid, const char *name, int flags, long *call)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	*call = SYS_openat;
	return fd < 0 ? -errno : fd;
}

static int write_proc(pid_t pid, const char *name, const char *text, long *call)
{
	autoclose int fd = open_proc(pid, name, O_WRONLY, call);

	if (fd < 0)
		return fd;
	*call = SYS_write;
	/* The kernel takes a map in one write or not at all. */
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int tl_userns_deny_setgroups(pid_t pid, long *call)
{
	return write_proc(pid, "setgroups", "deny", call);
}

int tl_userns_oom_score_adj(pid_t pid, int value, long *call)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	return write_proc(pid, "oom_score_adj", text, call);
}

/* newuidmap(1) and newgidmap(1) are setuid, and check /etc/subuid and /etc/subgid. */
static int run_helper(pid_t pid, bool gid, const char *map, long *call)
{
	char words[256], number[16],
		*argv[64] = { (char *)(gid ? "newgidmap" : "newuidmap"), number };
	char *environment[] = { NULL }, *save, *word;
	const char *program = gid ? "/usr/bin/newgidmap" : "/usr/bin/newuidmap";
	int argc = 2, status;
	pid_t helper;

	*call = SYS_vfork;
	if (snprintf(words, sizeof(words), "%s", map) >= (int)sizeof(words))
		return -E2BIG;
	snprintf(number, sizeof(number), "%d", (int)pid);
	for (word = strtok_r(words, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save)) {
		if (argc == 63)
			return -E2BIG;
		argv[argc++] = word;
	}
	status = posix_spawn(&helper, program, NULL, NULL, argv, environment);
	if (status)
		return -status;
	while (waitpid(helper, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EPERM : 0;
}

int tl_userns_write_map(pid_t pid, bool gid, const char *map, bool helper, long *call)
{
	if (helper)
		return run_helper(pid, gid, map, call);
	return write_proc(pid, gid ? "gid_map" : "uid_map", map, call);
}

int tl_userns_open(pid_t pid, long *call)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	*call = SYS_openat;
	return fd < 0 ? -errno : fd;
}

int tl_userns_idmap(int tree, int userns, uint64_t attr, bool recursive, long *call)
{
	struct mount_attr set = {
		.attr_set = attr | MOUNT_ATTR_IDMAP,
		.propagation = MS_PRIVATE,
		.userns_fd = (uint64_t)userns,
	};

	*call = SYS_mount_setattr;
	if (mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &set,
			  sizeof(set)) < 0)
		return -errno;
	return 0;
}
