#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "../sys/fd.h"

#define CGROUP_V1_MAGIC 0x27e0eb
#define CGROUP_V2_MAGIC 0x63677270
#define SHARED "tidelock"
#define RACES 64 /* with other boxes that remove the shared directory */
#define CHARGE_BATCH 262144ull
#define FREEZE_TRIES 100 /* of a millisecond */

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static int version_of(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return 0;
	return fs.f_type == CGROUP_V2_MAGIC ? 2 : fs.f_type == CGROUP_V1_MAGIC ? 1 : 0;
}

static int open_dir(int at, const char *path, long *call)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	*call = SYS_openat;
	return fd < 0 ? -errno : fd;
}

int tl_cgroup_version(const char *path)
{
	long call;
	autoclose int fd = open_dir(AT_FDCWD, path, &call);

	return fd < 0 ? 0 : version_of(fd);
}

static bool plain_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') &&
		strlen(name) < TL_CGROUP_NAME;
}

static int open_file(int dir, const char *file, int flags)
{
	int fd;

	if (!plain_name(file))
		return -EINVAL;
	fd = openat(dir, file, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int write_file(int dir, const char *file, const char *value, long *call)
{
	autoclose int fd = open_file(dir, file, O_WRONLY);

	*call = SYS_openat;
	if (fd < 0)
		return fd;
	*call = SYS_write;
	/* A cgroup file takes a value in one write or not at all. */
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int read_file(int dir, const char *file, char *text, size_t size)
{
	autoclose int fd = open_file(dir, file, O_RDONLY);
	size_t length = 0;

	if (fd < 0)
		return fd;
	while (length < size - 1) {
		ssize_t n = read(fd, text + length, size - 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	text[length] = '\0';
	return (int)length;
}

/* "+memory +pids": in one write, which fails where one of them is not to be had. */
static int hand_down(int dir, const char *enable, long *call)
{
	return enable ? write_file(dir, "cgroup.subtree_control", enable, call) : 0;
}

/* Another box may remove the shared directory at any moment: then it is made anew. */
static int make_below(int parent, const char *name, const char *enable, long *call)
{
	for (int i = 0; i < RACES; i++) {
		autoclose int shared = -1;
		int fd;

		*call = SYS_mkdirat;
		if (mkdirat(parent, SHARED, 0755) < 0 && errno != EEXIST)
			return -errno;
		shared = open_dir(parent, SHARED, call);
		if (shared == -ENOENT)
			continue;
		if (shared < 0)
			return shared;
		fd = hand_down(shared, enable, call);
		if (fd == 0) {
			*call = SYS_mkdirat;
			fd = mkdirat(shared, name, 0755) < 0 ? -errno : 0;
		}
		if (fd == 0) {
			fd = open_dir(shared, name, call);
			if (fd < 0)
				unlinkat(shared, name, AT_REMOVEDIR);
		}
		if (fd != -ENOENT && fd != -ENODEV)
			return fd;
	}
	return -EAGAIN;
}

static int add(struct tl_cgroup *group, uint32_t slot, const char *name, int *fd)
{
	if (group->count == TL_CGROUP_DIRS)
		return -ENOSPC;
	snprintf(group->name, sizeof(group->name), "%s", name);
	group->dirs[group->count].fd = tl_fd_steal(fd);
	group->dirs[group->count++].slot = slot;
	return 0;
}

int tl_cgroup_make(struct tl_cgroup *group, uint32_t slot, const char *parent,
		   const char *name, const char *enable, long *call)
{
	autoclose int top = open_dir(AT_FDCWD, parent, call);
	autoclose int fd = -1;
	int version, ret;

	if (top < 0)
		return top;
	version = version_of(top);
	if (!version || !plain_name(name) || group->count == TL_CGROUP_DIRS)
		return -EINVAL;
	ret = hand_down(top, version == 2 ? enable : NULL, call);
	if (ret < 0)
		return ret;
	fd = make_below(top, name, version == 2 ? enable : NULL, call);
	if (fd < 0) {
		unlinkat(top, SHARED, AT_REMOVEDIR);
		return fd;
	}
	*call = SYS_openat;
	ret = open_file(fd, version == 2 ? "cgroup.procs" : "tasks", O_WRONLY);
	add(group, slot, name, &fd);
	return ret;
}

int tl_cgroup_adopt(struct tl_cgroup *group, const char *parent, const char *name)
{
	long call;
	autoclose int top = open_dir(AT_FDCWD, parent, &call);
	autoclose int shared = -1, fd = -1;

	if (top < 0)
		return top;
	if (!version_of(top) || !plain_name(name))
		return -EINVAL;
	shared = open_dir(top, SHARED, &call);
	if (shared < 0)
		return shared;
	fd = open_dir(shared, name, &call);
	return fd < 0 ? fd : add(group, 0, name, &fd);
}

int tl_cgroup_set(const struct tl_cgroup *group, uint32_t slot, const char *file,
		  const char *value, long *call)
{
	*call = 0;
	for (unsigned i = 0; i < group->count; i++)
		if (group->dirs[i].slot == slot)
			return write_file(group->dirs[i].fd, file, value, call);
	return -EBADF;
}

/* The directory that has the file, or -1. */
static int dir_with(const struct tl_cgroup *group, const char *file)
{
	for (unsigned i = 0; i < group->count; i++)
		if (faccessat(group->dirs[i].fd, file, F_OK, 0) == 0)
			return group->dirs[i].fd;
	return -1;
}

int tl_cgroup_get(const struct tl_cgroup *group, const char *file, char *text,
		  size_t size)
{
	int dir = plain_name(file) ? dir_with(group, file) : -1;

	return dir < 0 ? -ENOENT : read_file(dir, file, text, size);
}

int tl_cgroup_oom_event(const struct tl_cgroup *group)
{
	int dir = dir_with(group, "memory.oom_control");
	autoclose int control = -1, event = -1;
	char text[32];
	long call;
	int ret;

	if (dir < 0)
		return -ENOENT;
	control = open_file(dir, "memory.oom_control", O_RDONLY);
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || event < 0)
		return control < 0 ? control : -errno;
	snprintf(text, sizeof(text), "%d %d", event, control);
	ret = write_file(dir, "cgroup.event_control", text, &call);
	return ret < 0 ? ret : tl_fd_steal(&event);
}

/* The number in the line "KEY 12", or in a file of one number where there is no key. */
static uint64_t counter(const struct tl_cgroup *group, const char *file, const char *key)
{
	char text[1024];
	const char *line = text;

	if (tl_cgroup_get(group, file, text, sizeof(text)) < 0)
		return 0;
	if (!key)
		return strtoull(text, NULL, 10);
	for (size_t n = strlen(key); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, n) && line[n] == ' ')
			return strtoull(line + n + 1, NULL, 10);
	}
	return 0;
}

/*
 * Was the limit reached? By the high-water mark: since 6.13 memsw.failcnt stays 0. The kernel
 * charges up to so much at once.
 */
static bool reached(const struct tl_cgroup *group, const char *most, const char *limit)
{
	return counter(group, most, NULL) + CHARGE_BATCH >= counter(group, limit, NULL);
}

/* The kernel also counts kills that a cgroup above or the whole machine was short of memory for. */
bool tl_cgroup_oom(const struct tl_cgroup *group)
{
	if (!group->count)
		return group->oom;
	if (dir_with(group, "memory.events") >= 0)
		return counter(group, "memory.events", "oom") &&
			counter(group, "memory.events", "oom_kill");
	return counter(group, "memory.oom_control", "oom_kill") &&
		reached(group, "memory.max_usage_in_bytes", "memory.limit_in_bytes");
}

static void wait_frozen(int dir)
{
	char state[16];

	for (int i = 0; i < FREEZE_TRIES; i++) {
		if (read_file(dir, "freezer.state", state, sizeof(state)) < 0 ||
		    !strcmp(state, "FROZEN\n"))
			return;
		sleep_ms(1);
	}
}

static void kill_listed(int dir)
{
	int fd = open_file(dir, "cgroup.procs", O_RDONLY);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	char line[32];

	if (!list) {
		tl_fd_close(&fd);
		return;
	}
	/* A 0 is a process that this pid namespace does not see. */
	while (fgets(line, sizeof(line), list)) {
		pid_t pid = (pid_t)strtol(line, NULL, 10);

		if (pid > 1 && pid != getpid())
			kill(pid, SIGKILL);
	}
	fclose(list);
}

void tl_cgroup_kill(const struct tl_cgroup *group)
{
	int dir = dir_with(group, "cgroup.kill");
	long call;

	if (!group->count ||
	    (dir >= 0 && write_file(dir, "cgroup.kill", "1", &call) == 0))
		return;
	dir = dir_with(group, "freezer.state");
	if (dir >= 0 && write_file(dir, "freezer.state", "FROZEN", &call) == 0)
		wait_frozen(dir);
	kill_listed(dir >= 0 ? dir : group->dirs[0].fd);
	if (dir >= 0)
		write_file(dir, "freezer.state", "THAWED", &call);
}

/* A process that was reaped may still be on its way out of its cgroup: EBUSY for a moment. */
static int remove_dir(struct tl_cgroup *group, unsigned index)
{
	long call;
	autoclose int shared = open_dir(group->dirs[index].fd, "..", &call);
	autoclose int top = -1;
	int ret = 0;

	if (shared < 0)
		return shared;
	top = open_dir(shared, "..", &call);
	for (long ms = 0; ms < 45; ms++) { /* 1 + 2 + ... + 44: a second */
		ret = unlinkat(shared, group->name, AT_REMOVEDIR) < 0 ? -errno : 0;
		if (ret != -EBUSY)
			break;
		if (ms == 4)
			tl_cgroup_kill(group);
		sleep_ms(ms);
	}
	if (ret == 0 && top >= 0)
		unlinkat(top, SHARED, AT_REMOVEDIR); /* the last one takes it away */
	return ret == -ENOENT ? 0 : ret;
}

int tl_cgroup_remove(struct tl_cgroup *group)
{
	unsigned kept = 0, count = group->count;
	int ret = 0;

	group->oom = tl_cgroup_oom(group);
	for (unsigned i = 0; i < count; i++) {
		int failed = remove_dir(group, i);

		if (failed < 0) {
			ret = failed;
			group->dirs[kept++] = group->dirs[i];
		} else {
			close(group->dirs[i].fd);
			group->dirs[i].fd = -1;
		}
	}
	group->count = kept;
	return ret;
}

void tl_cgroup_close(struct tl_cgroup *group)
{
	for (unsigned i = 0; i < group->count; i++)
		tl_fd_close(&group->dirs[i].fd);
	group->count = 0;
}
