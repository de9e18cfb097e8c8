/*
 * The launcher's side of what a box hands out, with an enemy at the other end: messages over the
 * link, a pid in the page, a file that is to be a terminal. Includes core/host/enter.c and
 * terminal.c for their static functions; what these would call besides is left unresolved.
 */
#include "../../core/host/enter.c" /* NOLINT(bugprone-suspicious-include) */
#define PTMX_MAJOR TERMINAL_MAJOR
#define PTMX_MINOR TERMINAL_MINOR
#include "../../core/host/terminal.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../../core/host/image.h"

static int wrong;

static void expect(bool holds, const char *what)
{
	if (holds)
		return;
	printf("not so: %s\n", what);
	wrong = 1;
}

/* One byte, and so many descriptors with it. */
static void send_byte(int link, unsigned count)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	const int fds[2] = { 0, 1 };
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte, .msg_iovlen = 1 };

	if (count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
	}
	sendmsg(link, &message, 0);
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void link_messages(void)
{
	int ends[2], fd, free_fd;

	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	send_byte(ends[1], 0);
	expect(tl_link_receive_file(ends[0], 1) == -EPIPE, "a byte is no file");
	send_byte(ends[1], 1);
	fd = tl_link_receive_file(ends[0], 1);
	expect(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC,
	       "a file is not inherited by what is started");
	close(fd);
	free_fd = lowest_free();
	send_byte(ends[1], 2);
	fd = tl_link_receive_file(ends[0], 1);
	if (fd >= 0)
		close(fd);
	expect(fd >= 0 && lowest_free() == free_fd,
	       "of two files one is taken, none is left");
	send_byte(ends[1], 1);
	expect(tl_link_wait(ends[0], 1) == 0 && lowest_free() == free_fd,
	       "a rendezvous takes no files");
	close(ends[1]);
	expect(tl_link_wait(ends[0], 1) == -EPIPE,
	       "the end of the file is no rendezvous");
	expect(tl_link_tell(ends[0]) == -EPIPE, "nobody is told, and nobody dies of it");
	close(ends[0]);
}

static void pid_in_the_page(void)
{
	static struct tl_page page;
	struct tl_box box = { .pidfd = -1, .page = &page };
	struct pollfd end = { .events = POLLIN };
	int ends[2];
	pid_t other = 0, child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	/* Somebody else's: the child of one that has ended. */
	if (pipe(ends) < 0)
		return;
	if (fork() == 0) {
		other = fork();
		if (other == 0) {
			close(ends[0]);
			close(ends[1]);
			pause();
			_exit(0);
		}
		_exit(write(ends[1], &other, sizeof(other)) < 0);
	}
	expect(read(ends[0], &other, sizeof(other)) == sizeof(other) && other > 1,
	       "there is another's process");
	while (waitpid(-1, NULL, WNOHANG) == 0)
		;
	page.entered = other;
	end.fd = (int)syscall(SYS_pidfd_open, other, 0);
	abandon_entered(&box);
	expect(poll(&end, 1, 50) == 0, "a process that is not ours lives on");
	kill(other, SIGKILL);
	page.entered = child;
	abandon_entered(&box);
	expect(kill(child, 0) < 0 && errno == ESRCH,
	       "a child of ours is ended and reaped");
}

static void seals(void)
{
	long call;
	int page = tl_image_page(4096, &call), plan = tl_image_plan("plan", 4, &call);

	expect(fcntl(page, F_GET_SEALS) & F_SEAL_SHRINK, "the page cannot be cut short");
	expect(fcntl(page, F_GET_SEALS) & F_SEAL_SEAL, "the page's seals are the last");
	expect(fcntl(page, F_GET_SEALS) & F_SEAL_GROW, "the page cannot be made longer");
	expect((fcntl(plan, F_GET_SEALS) & 0xf) == 0xf, "the plan cannot be changed");
}

static void terminals(void)
{
	long call;
	int own = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY),
	    file = open("/dev/null", O_RDWR);
	int other = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	int ends[2], master = -1;
	struct statfs fs;

	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	dup2(file, 0);
	send_byte(ends[1], 1);
	expect(tl_terminal_receive(ends[0], 1, &master, &call) == -ENOTTY,
	       "what the box calls a terminal is looked at");
	expect(own < 0 || check_master(own, &call) == 0, "a master is one");
	expect(check_master(file, &call) == -ENOTTY, "a device is no terminal");
	if (fstatfs(other, &fs) == 0 && fs.f_type != DEVPTS_SUPER_MAGIC)
		expect(check_master(other, &call) == -ENOTTY,
		       "only a devpts has terminals");
}

int main(void)
{
	signal(SIGPIPE, SIG_DFL);
	link_messages();
	pid_in_the_page();
	seals();
	terminals();
	return wrong;
}
