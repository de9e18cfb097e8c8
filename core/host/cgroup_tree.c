#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../sys/clock.h"
#include "../sys/fd.h"
#include "cgroup_file.h"
#include "cgroup_room.h"

#define DEPTH 64 /* of directories that a container made below its own */
#define FREEZE_WITHIN 0.1 /* seconds */
#define KILL_TRIES 1000 /* of a millisecond */

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static double seconds_now(void)
{
	return (double)tl_clock_ns() / 1e9;
}

/* v2: the kernel tells by an event, and what is frozen by a cgroup above counts, too. */
static int wait_frozen_v2(int dir, bool frozen, double until)
{
	const char *wanted = frozen ? "frozen 1" : "frozen 0";
	autoclose int events = tl_cgroup_open_file(dir, "cgroup.events", O_RDONLY);
	struct pollfd event = { .fd = events, .events = POLLPRI };
	char text[256];

	if (events < 0)
		return events;
	for (;;) {
		double left = until - seconds_now();
		ssize_t n = pread(events, text, sizeof(text) - 1, 0);

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (strstr(text, wanted))
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&event, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
			return -errno;
	}
}

/* v1: nobody tells, and what began to freeze goes on when it is read (freezer-subsystem.rst). */
static int wait_frozen_v1(int dir, const char *wanted, double until)
{
	char state[16];
	int ret;

	for (;;) {
		ret = tl_cgroup_read(dir, "freezer.state", state, sizeof(state));
		if (ret < 0 || !strcmp(state, wanted))
			return ret < 0 ? ret : 0;
		if (seconds_now() > until)
			return -ETIMEDOUT;
		sleep_ms(1);
	}
}

static int set_frozen(const struct tl_cgroup *group, bool frozen, double seconds)
{
	double until = seconds_now() + seconds;
	int dir = tl_cgroup_dir_with(group, "cgroup.freeze");
	long call;
	int ret;

	if (dir >= 0) {
		ret = tl_cgroup_write(dir, "cgroup.freeze", frozen ? "1" : "0", &call);
		return ret < 0 ? ret : wait_frozen_v2(dir, frozen, until);
	}
	dir = tl_cgroup_dir_with(group, "freezer.state");
	if (dir < 0)
		return -ENOENT;
	ret = tl_cgroup_write(dir, "freezer.state", frozen ? "FROZEN" : "THAWED", &call);
	return ret < 0 ? ret
		       : wait_frozen_v1(dir, frozen ? "FROZEN\n" : "THAWED\n", until);
}

int tl_cgroup_freeze(const struct tl_cgroup *group, double seconds)
{
	int ret = set_frozen(group, true, seconds);

	if (ret < 0 && ret != -ENOENT)
		set_frozen(group, false, 0);
	return ret;
}

int tl_cgroup_thaw(const struct tl_cgroup *group, double seconds)
{
	return set_frozen(group, false, seconds);
}

static void kill_own(int dir)
{
	int fd = tl_cgroup_open_file(dir, "cgroup.procs", O_RDONLY);
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

/* Each directory right below. */
static void each_below(int at, void (*visit)(int at, const char *name, unsigned depth),
		       unsigned depth)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		tl_fd_close(&fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			visit(at, entry->d_name, depth);
	closedir(dir);
}

/* Also what a container put below its own directory, where it may write. */
static void kill_below(int at, const char *name, unsigned depth)
{
	long call;
	autoclose int dir = tl_cgroup_open_dir(at, name, &call);

	if (dir < 0)
		return;
	kill_own(dir);
	if (depth)
		each_below(dir, kill_below, depth - 1);
}

static bool is_empty(int dir)
{
	char text[32];

	return tl_cgroup_read(dir, "cgroup.procs", text, sizeof(text)) <= 0;
}

/*
 * Neither cgroup.kill nor a freezer: what forks is not seen by who reads the list, so that nothing may
 * fork any more (pids), and the list is read until it is empty.
 */
static void kill_loose(const struct tl_cgroup *group)
{
	int pids = tl_cgroup_dir_with(group, "pids.max");
	long call;

	if (pids >= 0)
		tl_cgroup_write(pids, "pids.max", "0", &call);
	for (int i = 0; i < KILL_TRIES; i++) {
		kill_below(group->dirs[0].fd, ".", DEPTH);
		if (is_empty(group->dirs[0].fd))
			return;
		sleep_ms(1);
	}
}

void tl_cgroup_kill(const struct tl_cgroup *group)
{
	int dir = tl_cgroup_dir_with(group, "cgroup.kill");
	long call;

	if (!group->count ||
	    (dir >= 0 && tl_cgroup_write(dir, "cgroup.kill", "1", &call) == 0))
		return;
	dir = tl_cgroup_dir_with(group, "freezer.state");
	if (dir < 0) {
		kill_loose(group);
		return;
	}
	if (tl_cgroup_write(dir, "freezer.state", "FROZEN", &call) == 0)
		wait_frozen_v1(dir, "FROZEN\n", seconds_now() + FREEZE_WITHIN);
	kill_below(dir, ".", DEPTH);
	tl_cgroup_write(dir, "freezer.state", "THAWED", &call);
}

static unsigned count_parts(const char *path)
{
	unsigned parts = 1;

	for (; *path; path++)
		parts += *path == '/';
	return parts;
}

/* Empty of processes by now, or to be tried again. */
static void remove_below(int at, const char *name, unsigned depth)
{
	long call;
	autoclose int dir = depth ? tl_cgroup_open_dir(at, name, &call) : -1;

	if (dir >= 0)
		each_below(dir, remove_below, depth - 1);
	unlinkat(at, name, AT_REMOVEDIR);
}

/* A process that was reaped may still be on its way out of its cgroup: EBUSY for a moment. */
static int remove_dir(struct tl_cgroup *group, unsigned index)
{
	unsigned depth = count_parts(group->path) - 1;
	char name[TL_CGROUP_NAME];
	long call;
	autoclose int above = tl_cgroup_open_dir(group->dirs[index].fd, "..", &call);
	int ret = 0;

	if (above < 0)
		return above;
	tl_cgroup_part_at(group->path, depth, name);
	for (long ms = 0; ms < 45; ms++) { /* 1 + 2 + ... + 44: a second */
		ret = unlinkat(above, name, AT_REMOVEDIR) < 0 ? -errno : 0;
		if (ret != -EBUSY)
			break;
		each_below(group->dirs[index].fd, remove_below, DEPTH);
		if (ms == 4)
			tl_cgroup_kill(group);
		sleep_ms(ms);
	}
	if (ret == 0)
		tl_cgroup_remove_upwards(&above, group->path, depth,
					 group->dirs[index].made);
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
	if (!kept)
		tl_cgroup_step_back(group);
	return ret;
}

void tl_cgroup_close(struct tl_cgroup *group)
{
	for (unsigned i = 0; i < group->count; i++)
		tl_fd_close(&group->dirs[i].fd);
	group->count = 0;
	if (group->stepped)
		tl_fd_close(&group->left);
	group->stepped = false;
}
