#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../sys/fd.h"

static int open_dir(int at, const char *path)
{
	return openat(at, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_own(int at, const char *path)
{
	autoclose int fd = open_dir(at, path);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = open_dir(at, path);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return -EPERM;
	return tl_fd_steal(&fd);
}

static int write_all(int dir, const char *name, const char *text, size_t size)
{
	autoclose int fd = -1;

	for (int tries = 0; fd < 0 && tries < 2; tries++) {
		fd = openat(dir, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		/* Nobody else writes records of this name: it was left when one could not be written. */
		if (fd < 0 && (errno != EEXIST || unlinkat(dir, name, 0) < 0))
			return -errno;
	}
	if (fd < 0)
		return -EEXIST;
	/* A file takes all of it, or there is no room. */
	if (write(fd, text, size) == (ssize_t)size)
		return 0;
	return errno ? -errno : -ENOSPC;
}

int tl_record_write(const char *state, const char *name, const char *text, size_t size)
{
	char beside[NAME_MAX + 1];
	autoclose int top = open_own(AT_FDCWD, state);
	autoclose int dir = top < 0 ? top : open_own(top, "boxes");
	int ret;

	if (dir < 0)
		return dir;
	if (snprintf(beside, sizeof(beside), "%s.new", name) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	errno = 0;
	ret = write_all(dir, beside, text, size);
	if (ret == 0 && renameat(dir, beside, dir, name) < 0)
		ret = -errno;
	if (ret < 0)
		unlinkat(dir, beside, 0);
	return ret;
}
