#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/kernel.h"

extern const char tl_init_blob[], tl_init_blob_end[];

#define SEALED (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Kernels before 6.3 know neither flag and make every memfd executable. */
static int make_memfd(const char *name, unsigned flag, long *call)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flag);

	*call = SYS_memfd_create;
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int fill(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

int tl_image_init(long *call)
{
	autoclose int fd = make_memfd("tidelock-init", MFD_EXEC, call);
	int ret;

	if (fd < 0)
		return fd;
	*call = SYS_write;
	ret = fill(fd, tl_init_blob, (size_t)(tl_init_blob_end - tl_init_blob));
	if (ret < 0)
		return ret;
	*call = SYS_fcntl;
	if (fcntl(fd, F_ADD_SEALS, SEALED | F_SEAL_EXEC) < 0 &&
	    (errno != EINVAL || fcntl(fd, F_ADD_SEALS, SEALED) < 0))
		return -errno;
	return tl_fd_steal(&fd);
}

int tl_image_plan(const void *bytes, size_t size, long *call)
{
	autoclose int fd = make_memfd("tidelock-plan", MFD_NOEXEC_SEAL, call);
	int ret;

	if (fd < 0)
		return fd;
	*call = SYS_write;
	ret = fill(fd, bytes, size);
	if (ret < 0)
		return ret;
	*call = SYS_fcntl;
	if (fcntl(fd, F_ADD_SEALS, SEALED) < 0)
		return -errno;
	return tl_fd_steal(&fd);
}

int tl_image_page(size_t size, long *call)
{
	autoclose int fd = make_memfd("tidelock-page", MFD_NOEXEC_SEAL, call);

	if (fd < 0)
		return fd;
	*call = SYS_ftruncate;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	*call = SYS_fcntl;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -errno;
	return tl_fd_steal(&fd);
}
