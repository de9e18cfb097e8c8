#include "cgroup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "cgroup.h"

#define CGROUP_V1_MAGIC 0x27e0eb
#define CGROUP_V2_MAGIC 0x63677270

int tl_cgroup_version_of(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	return fs.f_type == CGROUP_V2_MAGIC ? 2 : fs.f_type == CGROUP_V1_MAGIC ? 1 : 0;
}

int tl_cgroup_open_dir(int at, const char *path, long *call)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	*call = SYS_openat;
	return fd < 0 ? -errno : fd;
}

int tl_cgroup_version(const char *path)
{
	long call;
	autoclose int fd = tl_cgroup_open_dir(AT_FDCWD, path, &call);

	int version = fd < 0 ? fd : tl_cgroup_version_of(fd);

	return version < 0 ? 0 : version;
}

bool tl_cgroup_plain_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') &&
		strlen(name) < TL_CGROUP_NAME;
}

int tl_cgroup_open_file(int dir, const char *file, int flags)
{
	int fd;

	if (!tl_cgroup_plain_name(file))
		return -EINVAL;
	fd = openat(dir, file, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int tl_cgroup_write(int dir, const char *file, const char *value, long *call)
{
	autoclose int fd = tl_cgroup_open_file(dir, file, O_WRONLY);

	*call = SYS_openat;
	if (fd < 0)
		return fd;
	*call = SYS_write;
	/* A cgroup file takes a value in one write or not at all. */
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

int tl_cgroup_read(int dir, const char *file, char *text, size_t size)
{
	autoclose int fd = tl_cgroup_open_file(dir, file, O_RDONLY);
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
