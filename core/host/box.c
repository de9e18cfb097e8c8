#include "box.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/clock.h"
#include "../sys/fd.h"
#include "../sys/raw.h"

bool tl_box_fault(const struct tl_box *box, struct tl_fault *fault)
{
	uint32_t index = __atomic_load_n(&box->page->fault_index, __ATOMIC_ACQUIRE);

	if (index > box->count ||
	    (index < box->count && !(box->lanes[index] & (TL_CHILD | TL_BESIDE))))
		return false;
	fault->index = index < box->count ? index : TL_NO_OP;
	fault->error = __atomic_load_n(&box->page->fault_errno, __ATOMIC_RELAXED);
	if (fault->error <= 0 || fault->error > 4095)
		fault->error = EPROTO;
	fault->call = __atomic_load_n(&box->page->fault_detail, __ATOMIC_RELAXED);
	fault->reason[0] = '\0';
	return true;
}

int tl_box_reap(struct tl_box *box)
{
	long ret;

	if (box->reaped)
		return 0;
	/* The libc's waitid has no usage; the kernel's has. */
	do
		ret = syscall(SYS_waitid, P_PIDFD, box->pidfd, &box->info,
			      WEXITED | __WALL, &box->usage);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	box->reaped = true;
	return 0;
}

static uint64_t microseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

/* PID 1 is the workload, or died before it could tell: the kernel's word, without the peak. */
static int end_of_init(struct tl_box *box, struct tl_end *end)
{
	int ret = tl_box_reap(box);
	struct rusage usage = box->usage;

	end->signaled = box->info.si_code != CLD_EXITED;
	end->code = box->info.si_status;
	end->usage = (struct tl_usage){
		/* Forked from init, which is tiny; init itself has the supervisor's past in it. */
		.max_rss = box->entered ? (uint64_t)usage.ru_maxrss * 1024 : 0,
		.user = microseconds(usage.ru_utime),
		.system = microseconds(usage.ru_stime),
		.minor_faults = (uint64_t)usage.ru_minflt,
		.major_faults = (uint64_t)usage.ru_majflt,
		.voluntary_switches = (uint64_t)usage.ru_nvcsw,
		.involuntary_switches = (uint64_t)usage.ru_nivcsw,
	};
	return ret;
}

/* init lived on to tell how the workload ended; a status has 16 bits that mean anything. */
static void end_of_workload(const struct tl_box *box, struct tl_end *end)
{
	int status = __atomic_load_n(&box->page->wait_status, __ATOMIC_RELAXED) & 0xffff;

	end->signaled = WIFSIGNALED(status);
	end->code = end->signaled ? WTERMSIG(status) : WEXITSTATUS(status);
	end->usage = box->page->usage;
	end->no_routes = __atomic_load_n(&box->page->no_routes, __ATOMIC_RELAXED);
}

int tl_box_pollfd(const struct tl_box *box)
{
	return box->forks || box->holds ? box->link : box->pidfd;
}

/*
 * init's word comes over the link, and is worth nothing without the mark in the page. A link that
 * hangs up under a PID 1 that lives was cut by somebody inside: the box ends.
 */
static bool is_over(struct tl_box *box)
{
	struct pollfd ends[2] = {
		{ .fd = box->pidfd, .events = POLLIN },
		{ .fd = box->forks ? box->link : -1, .events = POLLIN },
	};
	char byte;

	if (poll(ends, 2, 0) <= 0)
		return false;
	if (ends[0].revents ||
	    __atomic_load_n(&box->page->state, __ATOMIC_ACQUIRE) & TL_PAGE_WAITED)
		return true;
	while (ends[1].revents && recv(box->link, &byte, 1, MSG_DONTWAIT) > 0)
		;
	if (ends[1].revents & (POLLHUP | POLLERR))
		syscall(SYS_pidfd_send_signal, box->pidfd, SIGKILL, NULL, 0);
	return ends[1].revents & (POLLHUP | POLLERR);
}

int tl_box_wait(struct tl_box *box, int timeout, struct tl_end *end)
{
	struct pollfd p = { .fd = tl_box_pollfd(box), .events = POLLIN };
	uint32_t state;
	int ret = poll(&p, 1, timeout);

	if (ret < 0 && errno != EINTR)
		return -errno;
	if (ret <= 0 || !is_over(box))
		return -ETIMEDOUT;
	*end = (struct tl_end){ 0 };
	state = __atomic_load_n(&box->page->state, __ATOMIC_ACQUIRE);
	if (state & TL_PAGE_WAITED)
		end_of_workload(box, end);
	else
		ret = end_of_init(box, end);
	state |= __atomic_load_n(&box->page->state, __ATOMIC_ACQUIRE);
	end->wall = tl_clock_ns() - box->clock;
	end->setup_failed = tl_box_fault(box, &end->fault);
	end->executed = state & TL_PAGE_EXEC && !end->setup_failed;
	return ret < 0 ? ret : 0;
}

void tl_box_kill(struct tl_box *box)
{
	if (box->pidfd < 0 || box->reaped)
		return;
	syscall(SYS_pidfd_send_signal, box->pidfd, SIGKILL, NULL, 0);
	tl_box_reap(box);
}

/* The time-stamp counter, and what a tick of it is, in ns. */
struct scale {
	uint64_t origin, ticks;
	double ns_per_tick;
};

static struct scale scale_of(const struct tl_box *box)
{
	uint64_t now = tl_clock_ns(), ticks = raw_tsc() - box->tsc;

	return (struct scale){ box->tsc, ticks,
			       ticks ? (double)(now - box->clock) / (double)ticks : 0 };
}

static bool is_past(const struct scale *scale, uint64_t tsc)
{
	return tsc >= scale->origin && tsc - scale->origin <= scale->ticks;
}

static uint64_t ns_of(const struct scale *scale, uint64_t tsc)
{
	return (uint64_t)((double)(tsc - scale->origin) * scale->ns_per_tick);
}

static void convert(const struct scale *scale, struct tl_span_time t, uint64_t *start,
		    uint64_t *end)
{
	*start = *end = 0;
	if (!is_past(scale, t.start))
		return;
	if (t.end < t.start || !is_past(scale, t.end))
		t.end = t.start;
	*start = ns_of(scale, t.start);
	*end = ns_of(scale, t.end);
}

void tl_box_times(const struct tl_box *box, uint32_t index, struct tl_box_times *times)
{
	struct scale scale = scale_of(box);
	struct tl_span_time t = { 0, 0 };

	*times = (struct tl_box_times){ 0 };
	if (!box->times || index >= box->count)
		return;
	if (!(box->lanes[index] & (TL_CHILD | TL_BESIDE))) {
		convert(&scale, box->times[index], &times->start, &times->end);
		return;
	}
	if (box->page) {
		t.start =
			__atomic_load_n(&box->page->times[index].start, __ATOMIC_RELAXED);
		t.end = __atomic_load_n(&box->page->times[index].end, __ATOMIC_RELAXED);
	}
	convert(&scale, t, &times->start, &times->end);
	convert(&scale, box->times[index], &times->met_start, &times->met_end);
}

uint64_t tl_box_moment(const struct tl_box *box, enum tl_moment moment)
{
	struct scale scale = scale_of(box);
	uint64_t tsc = 0;

	if (moment < TL_MOMENT_INIT)
		tsc = box->moments[moment];
	else if (box->page)
		tsc = __atomic_load_n(&box->page->moments[moment], __ATOMIC_RELAXED);
	return is_past(&scale, tsc) ? ns_of(&scale, tsc) : 0;
}

void tl_box_shut(struct tl_box *box)
{
	tl_fd_close(&box->pidfd);
	tl_fd_close(&box->link);
	tl_fd_close(&box->file);
	tl_fd_close(&box->pty);
}

void tl_box_close(struct tl_box *box)
{
	tl_box_shut(box);
	if (box->page)
		munmap(box->page, box->page_size);
	free(box->times);
	box->page = NULL;
	box->times = NULL;
	box->count = 0;
}
