#include "link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "../plan/plan.h"
#include "../sys/clock.h"

static int send_some(int link, const int *fds, unsigned count)
{
	union {
		char bytes[CMSG_SPACE(TL_LINK_FILES * sizeof(int))];
		struct cmsghdr align;
	} control;
	char nothing = 0;
	struct iovec byte = { .iov_base = &nothing, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *files;

	memset(&control, 0, sizeof(control));
	files = CMSG_FIRSTHDR(&message);
	files->cmsg_level = SOL_SOCKET;
	files->cmsg_type = SCM_RIGHTS;
	files->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(files), fds, count * sizeof(int));
	while (sendmsg(link, &message, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int tl_link_send_files(int link, const int *fds, unsigned count)
{
	for (unsigned at = 0; at < count; at += TL_LINK_FILES) {
		unsigned n = count - at < TL_LINK_FILES ? count - at : TL_LINK_FILES;
		int ret = send_some(link, fds + at, n);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int tl_link_tell(int link)
{
	while (send(link, "", 1, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int wait_readable(int link, unsigned seconds)
{
	struct pollfd poll_fd = { .fd = link, .events = POLLIN };
	uint64_t deadline = tl_clock_ns() + seconds * 1000000000ull;

	for (;;) {
		uint64_t now = tl_clock_ns();
		int n;

		if (now >= deadline)
			return -ETIMEDOUT;
		n = poll(&poll_fd, 1, (int)((deadline - now) / 1000000) + 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			return 0;
	}
}

int tl_link_wait(int link, unsigned seconds)
{
	char byte;
	int ret = wait_readable(link, seconds);

	if (ret < 0)
		return ret;
	/* No room for descriptors: whatever a hostile peer attaches is dropped. */
	return recv(link, &byte, 1, 0) == 1 ? 0 : -EPIPE;
}

int tl_link_receive_file(int link, unsigned seconds)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_LEN(sizeof(int)), /* the kernel drops any other */
	};
	const struct cmsghdr *file;
	int ret = wait_readable(link, seconds), fd;

	if (ret < 0)
		return ret;
	if (recvmsg(link, &message, MSG_CMSG_CLOEXEC) != 1)
		return -EPIPE;
	file = CMSG_FIRSTHDR(&message);
	/* PID 1's word that the workload's process is gone: a byte and nothing with it. */
	if (!file)
		return -EPIPE;
	if (file->cmsg_level != SOL_SOCKET || file->cmsg_type != SCM_RIGHTS ||
	    file->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(file), sizeof(fd));
	return fd;
}
