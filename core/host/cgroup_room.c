#include "cgroup_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "cgroup_file.h"

#define LIST_MAX 8192 /* a list of processors, or of the few processes of a supervisor */

static int fill_file(int above, int dir, const char *file, long *call)
{
	char text[LIST_MAX];
	int n = tl_cgroup_read(dir, file, text, sizeof(text));

	*call = SYS_openat;
	if (n < 0 || (n > 0 && text[0] != '\n'))
		return n < 0 ? n : 0;
	n = tl_cgroup_read(above, file, text, sizeof(text));
	return n < 0 ? n : tl_cgroup_write(dir, file, text, call);
}

int tl_cgroup_fill(int above, int dir, long *call)
{
	int ret = fill_file(above, dir, "cpuset.cpus", call);

	return ret < 0 ? ret : fill_file(above, dir, "cpuset.mems", call);
}

int tl_cgroup_give(const struct tl_cgroup *group, uint32_t slot, uid_t uid, gid_t gid,
		   const char *files, size_t size, long *call)
{
	const char *end = files + size;
	int dir = tl_cgroup_dir(group, slot);

	*call = SYS_fchownat;
	if (dir < 0)
		return dir;
	for (; files < end; files += strlen(files) + 1) {
		if (!tl_cgroup_plain_name(files))
			return -EINVAL;
		if (fchownat(dir, files, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return -errno;
	}
	*call = SYS_fchown;
	return fchown(dir, uid, gid) < 0 ? -errno : 0;
}

/* This process, or a child of it. */
static bool is_ours(pid_t pid)
{
	char path[32], text[512];
	const char *rest;
	ssize_t n;

	if (pid == getpid())
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* "12 (any) name) S 11 ..." */
	rest = strrchr(text, ')');
	return rest && strlen(rest) > 4 && strtol(rest + 4, NULL, 10) == getpid();
}

static int move_ours(int from, int to, long *call)
{
	char list[LIST_MAX];
	int n = tl_cgroup_read(from, "cgroup.procs", list, sizeof(list));
	char *line, *rest = list;

	*call = SYS_openat;
	if (n < 0)
		return n;
	while ((line = strsep(&rest, "\n")) && *line)
		if (is_ours((pid_t)strtol(line, NULL, 10))) {
			int ret = tl_cgroup_write(to, "cgroup.procs", line, call);

			/* ESRCH: it has ended in the meantime. */
			if (ret < 0 && ret != -ESRCH)
				return ret;
		}
	return 0;
}

int tl_cgroup_step_aside(struct tl_cgroup *group, const char *path, const char *name,
			 long *call)
{
	autoclose int dir = tl_cgroup_open_dir(AT_FDCWD, path, call);
	autoclose int below = -1;

	if (dir < 0)
		return dir;
	if (group->stepped || !tl_cgroup_plain_name(name) ||
	    tl_cgroup_version_of(dir) != 2)
		return -EINVAL;
	*call = SYS_mkdirat;
	/* There where another box of this process is, or where one was that was killed. */
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	below = tl_cgroup_open_dir(dir, name, call);
	if (below < 0)
		return below;
	snprintf(group->aside, sizeof(group->aside), "%s", name);
	group->left = tl_fd_steal(&dir);
	group->stepped = true;
	return move_ours(group->left, below, call);
}

/* "cpu memory\n" becomes "-cpu -memory". */
static int take_controllers_back(int dir)
{
	char given[256], text[512];
	size_t used = 0;
	char *word, *rest = given;
	long call;
	int n = tl_cgroup_read(dir, "cgroup.subtree_control", given, sizeof(given));

	if (n < 0)
		return n;
	text[0] = '\0';
	while ((word = strsep(&rest, " \n")))
		if (*word)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "-%s ",
						 word);
	return used ? tl_cgroup_write(dir, "cgroup.subtree_control", text, &call) : 0;
}

void tl_cgroup_step_back(struct tl_cgroup *group)
{
	long call;

	if (!group->stepped)
		return;
	group->stepped = false;
	if (take_controllers_back(group->left) == 0) {
		autoclose int below =
			tl_cgroup_open_dir(group->left, group->aside, &call);

		if (below >= 0 && move_ours(below, group->left, &call) == 0)
			unlinkat(group->left, group->aside, AT_REMOVEDIR);
	}
	tl_fd_close(&group->left);
}
