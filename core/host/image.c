#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

extern const char tl_init_blob[], tl_init_blob_end[];

#define SEALED (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Kernels before 6.3 know neither flag and make every memfd executable. */
static int make_memfd(const char *name, unsigned flag, long *call)
{
	long fd = raw(memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flag);

	*call = __NR_memfd_create;
	if (fd == -EINVAL)
		fd = raw(memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return (int)fd;
}

static long fill(int fd, const char *bytes, size_t size)
{
	while (size) {
		long n = raw(write, fd, bytes, size);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* The descriptor, or what went wrong, and then no descriptor. */
static int finished(int fd, long ret)
{
	if (ret >= 0)
		return fd;
	raw(close, fd);
	return (int)ret;
}

int tl_image_init(long *call)
{
	int fd = make_memfd("tidelock-init", MFD_EXEC, call);
	long ret;

	if (fd < 0)
		return fd;
	*call = __NR_write;
	ret = fill(fd, tl_init_blob, (size_t)(tl_init_blob_end - tl_init_blob));
	if (ret < 0)
		return finished(fd, ret);
	*call = __NR_fcntl;
	ret = raw(fcntl, fd, F_ADD_SEALS, SEALED | F_SEAL_EXEC);
	if (ret == -EINVAL)
		ret = raw(fcntl, fd, F_ADD_SEALS, SEALED);
	return finished(fd, ret);
}

int tl_image_plan(const void *bytes, size_t size, long *call)
{
	int fd = make_memfd("tidelock-plan", MFD_NOEXEC_SEAL, call);
	long ret;

	if (fd < 0)
		return fd;
	*call = __NR_write;
	ret = fill(fd, bytes, size);
	if (ret < 0)
		return finished(fd, ret);
	*call = __NR_fcntl;
	return finished(fd, raw(fcntl, fd, F_ADD_SEALS, SEALED));
}

int tl_image_page(size_t size, long *call)
{
	int fd = make_memfd("tidelock-page", MFD_NOEXEC_SEAL, call);
	long ret;

	if (fd < 0)
		return fd;
	*call = __NR_ftruncate;
	ret = raw(ftruncate, fd, size);
	if (ret < 0)
		return finished(fd, ret);
	*call = __NR_fcntl;
	return finished(fd,
			raw(fcntl, fd, F_ADD_SEALS,
			    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW));
}
