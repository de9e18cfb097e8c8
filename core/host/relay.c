#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "terminal.h"

/* Of copying in one step; then whoever drives the relay looks at other things. */
#define ROUNDS 64
/* Between two looks whether the box reads after the end of the input. */
#define END_NS 50000000
/* What a terminal takes that could not be opened anew to be non-blocking. */
#define TERMINAL_CHUNK 256

static bool is_terminal(int fd, const struct stat *st)
{
	/* A master would be another pty if it was opened anew. */
	return S_ISCHR(st->st_mode) && st->st_rdev != makedev(5, 2) && isatty(fd);
}

/* Where the caller had a standard stream closed, its number is that of something of ours. */
static bool is_open(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && !(fd <= STDERR_FILENO && flags & FD_CLOEXEC);
}

/*
 * O_NONBLOCK belongs to the open file, which the caller shares with its own caller: a shell would
 * find its terminal changed. So the file behind the descriptor is opened anew, and where that is
 * refused, writes are as small as poll(2) promises to take.
 */
static int open_output(struct tl_relay *r, int fd)
{
	char path[32];
	struct stat st;
	int own = -1;

	r->chunk = SSIZE_MAX;
	if (!is_open(fd) || fstat(fd, &st) < 0)
		return -1;
	r->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || is_terminal(fd, &st)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own < 0)
			r->chunk = S_ISFIFO(st.st_mode) ? PIPE_BUF : TERMINAL_CHUNK;
	}
	return own < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : own;
}

static int open_input(struct tl_relay *r, int fd)
{
	if (!is_open(fd))
		return -1;
	r->terminal = isatty(fd);
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int tl_relay_open(struct tl_relay *r, int master, int in, int out)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd, ret = 0;

	memset(r, 0, offsetof(struct tl_relay, in));
	fd = r->fd[TL_RELAY_MASTER] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	r->slave = fd < 0 ? -1 : ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0 || r->slave < 0 || r->epoll < 0 || r->timer < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->timer, &event) < 0)
		ret = -errno;
	r->fd[TL_RELAY_IN] = open_input(r, in);
	r->fd[TL_RELAY_OUT] = open_output(r, out);
	r->in.from = r->fd[TL_RELAY_IN];
	r->in.to = r->out.from = fd;
	r->out.to = r->fd[TL_RELAY_OUT];
	r->in.start = r->in.end = r->out.start = r->out.end = 0;
	r->out.ended = false;
	r->in.ended = r->in.from < 0;
	if (ret < 0)
		tl_relay_close(r);
	return ret;
}

void tl_relay_close(struct tl_relay *r)
{
	for (int end = 0; end < TL_RELAY_ENDS; end++)
		tl_fd_close(&r->fd[end]);
	tl_fd_close(&r->slave);
	tl_fd_close(&r->epoll);
	tl_fd_close(&r->timer);
}

static bool has_bytes(const struct tl_flow *flow)
{
	return flow->start < flow->end;
}

static bool has_room(const struct tl_flow *flow)
{
	return !flow->ended && flow->end < TL_FLOW_ROOM;
}

/* True if anything came. */
static bool fill(struct tl_flow *flow)
{
	ssize_t n = read(flow->from, flow->bytes + flow->end, TL_FLOW_ROOM - flow->end);

	if (n > 0)
		flow->end += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		flow->ended = true;
	return n > 0;
}

static ssize_t put(const struct tl_relay *r, const struct tl_flow *flow)
{
	const char *bytes = flow->bytes + flow->start;
	size_t size = flow->end - flow->start;

	if (flow == &r->in)
		return write(flow->to, bytes, size);
	if (r->socket)
		return send(flow->to, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(flow->to, bytes, size < r->chunk ? size : r->chunk);
}

/* True if anything went. */
static bool empty(struct tl_relay *r, struct tl_flow *flow)
{
	ssize_t n = put(r, flow);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) { /* nobody will ever take it */
		r->lost |= flow == &r->out;
		flow->start = flow->end;
	} else {
		flow->start += (size_t)n;
	}
	if (flow->start == flow->end)
		flow->start = flow->end = 0;
	return true;
}

/* A read from the background fails as one after a hang-up does; the one passes. */
static bool fill_input(struct tl_relay *r)
{
	bool came = fill(&r->in);

	if (!r->in.ended || !r->terminal)
		return came;
	if (tl_terminal_foreground(r->in.from)) {
		r->lost = true;
	} else {
		r->in.ended = false;
		r->paused = true;
	}
	return came;
}

static void wanted(const struct tl_relay *r, struct pollfd *polls)
{
	bool output = has_bytes(&r->out);

	for (int end = 0; end < TL_RELAY_ENDS; end++)
		polls[end] = (struct pollfd){ .fd = r->fd[end] };
	if (!r->paused && has_room(&r->in))
		polls[TL_RELAY_IN].events = POLLIN;
	if (output)
		polls[TL_RELAY_OUT].events = POLLOUT;
	if (has_room(&r->out))
		polls[TL_RELAY_MASTER].events = POLLIN;
	if (has_bytes(&r->in))
		polls[TL_RELAY_MASTER].events |= POLLOUT;
	/* A hang-up is always told: who wants nothing of a descriptor does not ask. */
	for (int end = 0; end < TL_RELAY_ENDS; end++)
		if (!polls[end].events)
			polls[end].fd = -1;
}

/* One read and one write each way at most; false when there was nothing to do. */
static bool one_round(struct tl_relay *r)
{
	const short down = POLLHUP | POLLERR | POLLNVAL;
	struct pollfd polls[TL_RELAY_ENDS];
	const struct pollfd *master = &polls[TL_RELAY_MASTER];
	bool done = false;

	/* Without an output, or once it is lost, what the box prints goes nowhere. */
	if (r->fd[TL_RELAY_OUT] < 0 || r->lost)
		r->out.start = r->out.end = 0;
	wanted(r, polls);
	if (poll(polls, TL_RELAY_ENDS, 0) <= 0)
		return false;
	if (polls[TL_RELAY_IN].revents)
		done |= fill_input(r) || r->in.ended;
	if (master->events & POLLOUT && master->revents & (POLLOUT | down))
		done |= empty(r, &r->in);
	if (master->events & POLLIN && master->revents & (POLLIN | down))
		done |= fill(&r->out) || r->out.ended;
	if (polls[TL_RELAY_OUT].revents)
		done |= empty(r, &r->out);
	return done;
}

static bool at_end(const struct tl_relay *r)
{
	return r->in.ended && !has_bytes(&r->in) && !r->terminal && !r->draining;
}

/*
 * A pipe at its end gives an end of file to everyone who reads; a terminal gives one for a ^D. So
 * whenever nothing is left to read in the box's terminal, it gets another: as many as are asked
 * for, and never two at once.
 */
static void tell_end(struct tl_relay *r)
{
	struct pollfd unread = { .fd = r->slave, .events = POLLIN };
	struct termios modes;
	char end;

	if (poll(&unread, 1, 0) != 0 || tcgetattr(r->slave, &modes) < 0)
		return;
	end = (char)modes.c_cc[VEOF];
	if (end == _POSIX_VDISABLE)
		end = 'D' & 0x1f;
	if (write(r->fd[TL_RELAY_MASTER], &end, 1) < 0)
		return; /* full: the next look will do */
}

/* Have epoll tell what the next step would find. */
static void arm(struct tl_relay *r, long wake)
{
	struct itimerspec time = { .it_value.tv_nsec = wake };
	struct pollfd polls[TL_RELAY_ENDS];

	wanted(r, polls);
	for (int end = 0; end < TL_RELAY_ENDS; end++) {
		/* POLLIN and POLLOUT are EPOLLIN and EPOLLOUT. */
		uint32_t events = (uint32_t)polls[end].events, armed = r->armed[end];
		struct epoll_event event = { .events = events };
		int how = !armed ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

		if (events == armed || r->plain[end] || r->fd[end] < 0)
			continue;
		if (epoll_ctl(r->epoll, how, r->fd[end], &event) < 0)
			r->plain[end] = true;
		else
			r->armed[end] = events;
	}
	timerfd_settime(r->timer, 0, &time, NULL);
}

void tl_relay_step(struct tl_relay *r)
{
	uint64_t expirations;
	long wake = 0;
	int round = 0;

	if (read(r->timer, &expirations, sizeof(expirations)) < 0)
		expirations = 0;
	while (round < ROUNDS && one_round(r))
		round++;
	if (at_end(r)) {
		tell_end(r);
		wake = END_NS;
	}
	if (round == ROUNDS)
		wake = 1;
	arm(r, wake);
}

bool tl_relay_drain(struct tl_relay *r)
{
	if (!r->draining) {
		r->draining = r->in.ended = true;
		r->in.start = r->in.end = 0;
		/* Now the end of what the box wrote is told, by an error. */
		tl_fd_close(&r->slave);
	}
	tl_relay_step(r);
	return r->lost || (r->out.ended && !has_bytes(&r->out));
}

void tl_relay_pause(struct tl_relay *r, bool paused)
{
	r->paused = paused;
}

int tl_relay_resize(struct tl_relay *r, unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	return ioctl(r->fd[TL_RELAY_MASTER], TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
