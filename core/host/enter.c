#include "enter.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link.h"

/*
 * The process that joined the box is lost, and what it may have cloned is a child of ours that
 * nobody handed over: the box's PID 1 could not end before it is reaped.
 */
static void abandon_entered(struct tl_box *box)
{
	siginfo_t info;
	pid_t pid;

	tl_box_kill(box);
	pid = __atomic_load_n(&box->page->entered, __ATOMIC_ACQUIRE);
	/* A child that was not reaped keeps its pid; of anybody else's there is nothing to wait for. */
	if (pid <= 1 ||
	    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		return;
	kill(pid, SIGKILL);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
}

/* Its message, or its end without one: the link alone would not tell, its child has it too. */
static int receive_entered(struct tl_box *box, int seconds)
{
	struct pollfd fds[2] = { { box->link, POLLIN, 0 }, { box->pidfd, POLLIN, 0 } };
	int n;

	do
		n = poll(fds, 2, seconds * 1000);
	while (n < 0 && errno == EINTR);
	if (n > 0 && !fds[0].revents && poll(fds, 1, 0) == 0)
		return -EPIPE;
	return n > 0 ? tl_link_receive_file(box->link, seconds) : -ETIMEDOUT;
}

int tl_enter_receive(struct tl_box *box, int seconds)
{
	siginfo_t info;
	int fd = receive_entered(box, seconds);

	if (fd < 0) {
		abandon_entered(box);
		return fd;
	}
	while (waitid(P_PIDFD, (id_t)box->pidfd, &info, WEXITED | __WALL) < 0 &&
	       errno == EINTR)
		;
	close(box->pidfd);
	box->pidfd = fd;
	box->pid = 0;
	box->entered = true;
	return 0;
}
