#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "cgroup_file.h"
#include "cgroup_room.h"

#define SHARED "tidelock"
#define RACES 64 /* with other boxes that remove the shared directory */
#define CHARGE_BATCH 262144ull

/* "+memory +pids": in one write, which fails where one of them is not to be had. */
static int hand_down(int dir, const char *enable, long *call)
{
	return enable ? tl_cgroup_write(dir, "cgroup.subtree_control", enable, call) : 0;
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
	fd = tl_cgroup_open_dir(at, name, call);
	if (fd < 0 && *made & 1u << depth)
		unlinkat(at, name, AT_REMOVEDIR);
	return fd;
}

void tl_cgroup_part_at(const char *path, unsigned depth, char name[TL_CGROUP_NAME])
{
	for (unsigned i = 0; i <= depth; i++)
		path = next_part(path, name);
}

void tl_cgroup_remove_upwards(int *at, const char *path, unsigned depth, uint32_t made)
{
	while (depth-- > 0) {
		char name[TL_CGROUP_NAME];
		long call;
		int up = tl_cgroup_open_dir(*at, "..", &call);

		tl_fd_close(at);
		*at = up;
		tl_cgroup_part_at(path, depth, name);
		if (up < 0 ||
		    !(made & 1u << depth || (depth == 0 && !strcmp(name, SHARED))) ||
		    unlinkat(up, name, AT_REMOVEDIR) < 0)
			return;
	}
}

/* What the place wants before and after: `enable` is NULL, or v2's list, or of v1 a cpuset to fill. */
static int descend(int at, const char *name, const char *enable, bool last,
		   unsigned depth, uint32_t *made, long *call)
{
	bool hands_down = enable && *enable == '+';
	int ret = hand_down(at, hands_down ? enable : NULL, call);
	int below = ret < 0 ? ret : step(at, name, last, depth, made, call);

	if (below < 0 || !enable || hands_down)
		return below;
	ret = tl_cgroup_fill(at, below, call);
	if (ret >= 0)
		return below;
	close(below);
	if (*made & 1u << depth)
		unlinkat(at, name, AT_REMOVEDIR);
	return ret;
}

static int make_below(int top, const char *path, const char *enable, uint32_t *made,
		      long *call)
{
	char name[TL_CGROUP_NAME];
	const char *rest = path;
	unsigned depth = 0;
	int at = tl_cgroup_open_dir(top, ".", call);

	*made = 0;
	while (at >= 0 && *rest) {
		int below;

		rest = next_part(rest, name);
		below = descend(at, name, enable, !*rest, depth, made, call);
		if (below < 0)
			tl_cgroup_remove_upwards(&at, path, depth, *made);
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
	autoclose int dir = tl_cgroup_open_dir(AT_FDCWD, top, call);
	autoclose int fd = -EAGAIN;
	uint32_t made = 0;
	int version, ret;

	if (dir < 0)
		return dir;
	version = tl_cgroup_version_of(dir);
	if (version < 0) {
		*call = SYS_fstatfs;
		return version;
	}
	if (!version || !plain_path(path) || group->count == TL_CGROUP_DIRS ||
	    (enable && (version == 2) != (*enable == '+')))
		return -EINVAL;
	/* Another box may remove what is shared at any moment: then it is made anew. */
	for (int i = 0; i < RACES; i++) {
		fd = make_below(dir, path, enable, &made, call);
		if (fd != -ENOENT && fd != -ENODEV)
			break;
	}
	if (fd < 0)
		return fd;
	*call = SYS_openat;
	ret = version == 2 ? tl_cgroup_open_dir(fd, ".", call)
			   : tl_cgroup_open_file(fd, "tasks", O_WRONLY);
	add(group, slot, path, made, &fd);
	return ret;
}

int tl_cgroup_adopt(struct tl_cgroup *group, const char *top, const char *path,
		    const struct tl_cgroup_identity *identity)
{
	long call;
	autoclose int at = tl_cgroup_open_dir(AT_FDCWD, top, &call);
	const char *rest = path;
	struct stat st;

	if (at < 0)
		return at;
	if (tl_cgroup_version_of(at) <= 0 || !plain_path(path))
		return -EINVAL;
	while (*rest) {
		char name[TL_CGROUP_NAME];
		int below;

		rest = next_part(rest, name);
		below = tl_cgroup_open_dir(at, name, &call);
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

int tl_cgroup_dir(const struct tl_cgroup *group, uint32_t slot)
{
	for (unsigned i = 0; i < group->count; i++)
		if (group->dirs[i].slot == slot)
			return group->dirs[i].fd;
	return -EBADF;
}

int tl_cgroup_set(const struct tl_cgroup *group, uint32_t slot, const char *file,
		  const char *value, long *call)
{
	int dir = tl_cgroup_dir(group, slot);

	*call = 0;
	return dir < 0 ? dir : tl_cgroup_write(dir, file, value, call);
}

int tl_cgroup_dir_with(const struct tl_cgroup *group, const char *file)
{
	for (unsigned i = 0; i < group->count; i++)
		if (faccessat(group->dirs[i].fd, file, F_OK, 0) == 0)
			return group->dirs[i].fd;
	return -1;
}

int tl_cgroup_get(const struct tl_cgroup *group, const char *file, char *text,
		  size_t size)
{
	int dir = tl_cgroup_plain_name(file) ? tl_cgroup_dir_with(group, file) : -1;

	return dir < 0 ? -ENOENT : tl_cgroup_read(dir, file, text, size);
}

int tl_cgroup_put(const struct tl_cgroup *group, const char *file, const char *value)
{
	int dir = tl_cgroup_plain_name(file) ? tl_cgroup_dir_with(group, file) : -1;
	long call;

	return dir < 0 ? -ENOENT : tl_cgroup_write(dir, file, value, &call);
}

int tl_cgroup_look_at(struct tl_cgroup *group, const char *path)
{
	autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	if (tl_cgroup_version_of(fd) <= 0)
		return -EINVAL;
	return add(group, 0, "", 0, &fd);
}

int tl_cgroup_event(const struct tl_cgroup *group, const char *file, const char *trigger)
{
	int dir = tl_cgroup_plain_name(file) ? tl_cgroup_dir_with(group, file) : -1;
	autoclose int fd = -1;

	if (dir < 0)
		return -ENOENT;
	fd = tl_cgroup_open_file(dir, file, trigger ? O_RDWR | O_NONBLOCK : O_RDONLY);
	/* With its NUL: the kernel overwrites the last byte that it is given. */
	if (fd >= 0 && trigger && write(fd, trigger, strlen(trigger) + 1) < 0)
		return -errno;
	return tl_fd_steal(&fd);
}

int tl_cgroup_oom_event(const struct tl_cgroup *group)
{
	int dir = tl_cgroup_dir_with(group, "memory.oom_control");
	autoclose int control = -1, event = -1;
	char text[32];
	long call;
	int ret;

	if (dir < 0)
		return -ENOENT;
	control = tl_cgroup_open_file(dir, "memory.oom_control", O_RDONLY);
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || event < 0)
		return control < 0 ? control : -errno;
	snprintf(text, sizeof(text), "%d %d", event, control);
	ret = tl_cgroup_write(dir, "cgroup.event_control", text, &call);
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
	if (tl_cgroup_dir_with(group, "memory.events") >= 0)
		return counter(group, "memory.events", "oom") &&
			counter(group, "memory.events", "oom_kill");
	return counter(group, "memory.oom_control", "oom_kill") &&
		reached(group, "memory.max_usage_in_bytes", "memory.limit_in_bytes");
}
