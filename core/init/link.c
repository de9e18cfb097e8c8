/* The socket to the launcher: files from it and to it, and the rendezvous. */
#include "init.h"

#include <errno.h>
#include <sys/socket.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

unsigned tl_init_receive_files(int *fds, unsigned room)
{
	union {
		char bytes[CMSG_SPACE(TL_LINK_FILES * sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(room * sizeof(int)),
	};
	const struct cmsghdr *files = &control.align;
	unsigned count;
	long n;

	do
		n = raw(recvmsg, TL_FD_LINK, &message, MSG_CMSG_CLOEXEC);
	while (n == -EINTR);
	if (n == 0)
		raw(exit_group,
		    TL_EXIT_SETUP); /* the supervisor died, or thought better of it */
	if (n != 1 || message.msg_controllen < sizeof(*files) ||
	    message.msg_flags & MSG_CTRUNC || files->cmsg_level != SOL_SOCKET ||
	    files->cmsg_type != SCM_RIGHTS)
		tl_init_refuse();
	count = (unsigned)((files->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(files), count * sizeof(int));
	return count;
}

long tl_init_barrier(struct init *s, const struct tl_op_barrier *op)
{
	char byte;
	long n;

	(void)op;
	do
		n = tl_call(s, read, TL_FD_LINK, &byte, 1);
	while (n == -EINTR);
	if (n < 0)
		return n;
	return n == 1 ? 0 : -EPIPE;
}

long tl_init_reach(struct init *s, const struct tl_op_reach *op)
{
	const struct tl_record *next = tl_plan_ops(s->plan) + s->index + 1;
	long ret;

	(void)op;
	/* Whoever is told that the box stands may enter it: PID 1 is by then what it will be. */
	if (s->index + 1 < s->plan->count && next->code == TL_OP_hold) {
		s->fork_index = s->index;
		tl_init_confine_reaper(s);
	}
	/* As sendto: a write to a socket whose peer is gone raises SIGPIPE. */
	ret = tl_call(s, sendto, TL_FD_LINK, "", 1, MSG_NOSIGNAL, NULL, 0);
	return ret < 0 ? ret : 0;
}

long tl_init_send_file(struct init *s, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	memset(&control, 0, sizeof(control));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	return tl_call(s, sendmsg, TL_FD_LINK, &message, MSG_NOSIGNAL);
}

long tl_init_open_file(struct init *s, const struct tl_op_open_file *op)
{
	struct open_how how = {
		.flags = op->flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.mode = op->mode,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	long fd = tl_call(s, openat2, AT_FDCWD, tl_str(s, op->path), &how, sizeof(how)),
	     ret;

	if (fd < 0)
		return fd;
	ret = tl_init_send_file(s, (int)fd);
	raw(close, fd);
	return ret < 0 ? ret : 0;
}
