#include "cgroup.h"

#include <dirent.h>
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
#define DEPTH 64 /* of directories that a container made below its own */
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
		return -errno;
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

	int version = fd < 0 ? fd : version_of(fd);

	return version < 0 ? 0 : version;
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

/* The first part of a path that plain_path() found good, and where the next one begins. */
static const char *next_part(const char *path, char part[TL_CGROUP_NAME])
{
	size_t n = strcspn(path, "/");

	memcpy(part, path, n);
	part[n] = '\0';
	return path[n] ? path + n + 1 : path + n;
}

/* Parts that name a directory below, and nothing else; 32 of them have room in a mask. */
static bool plain_path(const char *path)
{
	unsigned parts = 0;

	if (strlen(path) >= TL_CGROUP_PATH)
		return false;
	for (;; path++) {
		size_t n = strcspn(path, "/");

		if (n == 0 || n >= TL_CGROUP_NAME || path[0] == '.' || ++parts > 32)
			return false;
		path += n;
		if (!*path)
			return true;
	}
}

/* One more directory down; the last one must be new, and what was made is noted. */
static int step(int at, const char *name, bool last, unsigned depth, uint32_t *made,
		long *call)
{
	int fd;

	*call = SYS_mkdirat;
	if (mkdirat(at, name, 0755) == 0)
		*made |= 1u << depth;
	else if (errno != EEXIST || last)
		return -errno;
	fd = open_dir(at, name, call);
	if (fd < 0 && *made & 1u << depth)
		unlinkat(at, name, AT_REMOVEDIR);
	return fd;
}

static void part_at(const char *path, unsigned depth, char name[TL_CGROUP_NAME])
{
	for (unsigned i = 0; i <= depth; i++)
		path = next_part(path, name);
}

/* From a directory `depth` parts down the path back to the top, as far as may and can be. */
static void remove_upwards(int *at, const char *path, unsigned depth, uint32_t made)
{
	while (depth-- > 0) {
		char name[TL_CGROUP_NAME];
		long call;
		int up = open_dir(*at, "..", &call);

		tl_fd_close(at);
		*at = up;
		part_at(path, depth, name);
		if (up < 0 ||
		    !(made & 1u << depth || (depth == 0 && !strcmp(name, SHARED))) ||
		    unlinkat(up, name, AT_REMOVEDIR) < 0)
			return;
	}
}

static int make_below(int top, const char *path, const char *enable, uint32_t *made,
		      long *call)
{
	char name[TL_CGROUP_NAME];
	const char *rest = path;
	unsigned depth = 0;
	int at = open_dir(top, ".", call);

	*made = 0;
	while (at >= 0 && *rest) {
		int below = hand_down(at, enable, call);

		rest = next_part(rest, name);
		if (below >= 0)
			below = step(at, name, !*rest, depth, made, call);
		if (below < 0)
			remove_upwards(&at, path, depth, *made);
		tl_fd_close(&at);
		at = below;
		depth++;
	}
	return at;
}

static int add(struct tl_cgroup *group, uint32_t slot, const char *path, uint32_t made,
	       int *fd)
{
	if (group->count == TL_CGROUP_DIRS)
		return -ENOSPC;
	snprintf(group->path, sizeof(group->path), "%s", path);
	group->dirs[group->count].fd = tl_fd_steal(fd);
	group->dirs[group->count].made = made;
	group->dirs[group->count++].slot = slot;
	return 0;
}

int tl_cgroup_make(struct tl_cgroup *group, uint32_t slot, const char *top,
		   const char *path, const char *enable, long *call)
{
	autoclose int dir = open_dir(AT_FDCWD, top, call);
	autoclose int fd = -EAGAIN;
	uint32_t made = 0;
	int version, ret;

	if (dir < 0)
		return dir;
	version = version_of(dir);
	if (version < 0) {
		*call = SYS_fstatfs;
		return version;
	}
	if (!version || !plain_path(path) || group->count == TL_CGROUP_DIRS)
		return -EINVAL;
	/* Another box may remove what is shared at any moment: then it is made anew. */
	for (int i = 0; i < RACES; i++) {
		fd = make_below(dir, path, version == 2 ? enable : NULL, &made, call);
		if (fd != -ENOENT && fd != -ENODEV)
			break;
	}
	if (fd < 0)
		return fd;
	*call = SYS_openat;
	ret = open_file(fd, version == 2 ? "cgroup.procs" : "tasks", O_WRONLY);
	add(group, slot, path, made, &fd);
	return ret;
}

int tl_cgroup_adopt(struct tl_cgroup *group, const char *top, const char *path,
		    const struct tl_cgroup_identity *identity)
{
	long call;
	autoclose int at = open_dir(AT_FDCWD, top, &call);
	const char *rest = path;
	struct stat st;

	if (at < 0)
		return at;
	if (version_of(at) <= 0 || !plain_path(path))
		return -EINVAL;
	while (*rest) {
		char name[TL_CGROUP_NAME];
		int below;

		rest = next_part(rest, name);
		below = open_dir(at, name, &call);
		if (below < 0)
			return below;
		close(at);
		at = below;
	}
	if (identity && (fstat(at, &st) < 0 || st.st_ino != identity->inode))
		return -ESTALE;
	return add(group, 0, path, identity ? identity->made : 0, &at);
}

int tl_cgroup_identify(const struct tl_cgroup *group, unsigned index,
		       struct tl_cgroup_identity *identity)
{
	struct stat st;

	if (fstat(group->dirs[index].fd, &st) < 0)
		return -errno;
	*identity = (struct tl_cgroup_identity){ st.st_ino, group->dirs[index].made };
	return 0;
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

static void kill_own(int dir)
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
	autoclose int dir = open_dir(at, name, &call);

	if (dir < 0)
		return;
	kill_own(dir);
	if (depth)
		each_below(dir, kill_below, depth - 1);
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
	kill_below(dir >= 0 ? dir : group->dirs[0].fd, ".", DEPTH);
	if (dir >= 0)
		write_file(dir, "freezer.state", "THAWED", &call);
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
	autoclose int dir = depth ? open_dir(at, name, &call) : -1;

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
	autoclose int above = open_dir(group->dirs[index].fd, "..", &call);
	int ret = 0;

	if (above < 0)
		return above;
	part_at(group->path, depth, name);
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
		remove_upwards(&above, group->path, depth, group->dirs[index].made);
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
