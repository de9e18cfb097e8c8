/* PID 1 after the fork, or of a box that is held open: reap, forward signals, report the end. */
#include "init.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

/* The OutNoRoutes counter of /proc/net/snmp: the 12th number of the second line. */
static uint32_t count_no_routes(void)
{
	char text[1024];
	long fd = raw(openat, AT_FDCWD, "/proc/net/snmp", O_RDONLY | O_CLOEXEC, 0), n,
	     i = 0;
	uint32_t value = 0;

	if (fd < 0)
		return 0;
	n = raw(read, fd, text, sizeof(text));
	raw(close, fd);
	while (i < n && text[i] != '\n')
		i++;
	for (int field = 0; field < 12 && i < n; field++) {
		while (i < n && text[i] != ' ')
			i++;
		i++;
	}
	for (; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		value = value * 10 + (uint32_t)(text[i] - '0');
	return value;
}

static uint64_t microseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void note_usage(struct tl_usage *to)
{
	struct rusage usage = { .ru_maxrss = 0 };

	raw(getrusage, RUSAGE_CHILDREN, &usage);
	to->user = microseconds(usage.ru_utime);
	to->system = microseconds(usage.ru_stime);
	to->max_rss = (uint64_t)usage.ru_maxrss * 1024;
	to->minor_faults = (uint64_t)usage.ru_minflt;
	to->major_faults = (uint64_t)usage.ru_majflt;
	to->voluntary_switches = (uint64_t)usage.ru_nvcsw;
	to->involuntary_switches = (uint64_t)usage.ru_nivcsw;
}

/* What the workload left behind ends before its end is told. */
static void kill_rest(void)
{
	if (raw(wait4, -1, NULL, WNOHANG, NULL) == -ECHILD)
		return;
	raw(kill, -1, SIGKILL);
	while (raw(wait4, -1, NULL, 0, NULL) != -ECHILD)
		;
}

_Noreturn static void report_end(struct init *s, int status)
{
	s->page->moments[TL_MOMENT_REAPED] = raw_tsc();
	if (status)
		s->page->no_routes = count_no_routes();
	kill_rest();
	note_usage(&s->page->usage);
	s->page->wait_status = status;
	s->page->moments[TL_MOMENT_TOLD] = raw_tsc();
	__atomic_or_fetch(&s->page->state, TL_PAGE_WAITED, __ATOMIC_RELEASE);
	/* Every process but this one is gone. The kernel takes 0.3 ms to take the namespaces apart. */
	raw(sendto, TL_FD_LINK, "", 1, MSG_NOSIGNAL, NULL, 0);
	for (;;)
		raw(exit_group,
		    status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

static void reap_all(struct init *s, int workload)
{
	int status = 0;
	long pid;

	while ((pid = raw(wait4, -1, &status, WNOHANG, NULL)) > 0)
		if (pid == workload)
			report_end(s, status);
}

/*
 * Nothing that PID 1 still does needs more than to signal a workload of another uid. Where that
 * cannot be had the box ends: its PID 1 would be worth taking over. The workload waits for it, and
 * who enters the box comes later: with CAP_SYS_PTRACE they may look at what PID 1 has open.
 */
void tl_init_confine_reaper(struct init *s)
{
	struct tl_u64 kill = { 1u << CAP_KILL, 0 }, none = { 0, 0 };
	int kept = TL_FD_LINK;
	long ret = 0;

	/* The end of the pipe on which the workload waits goes last. */
	if (s->settled >= 0 && s->settled != ++kept)
		ret = tl_call(s, dup3, s->settled, kept, O_CLOEXEC);
	if (ret >= 0)
		ret = tl_call(s, close_range, 0, TL_FD_LINK - 1, 0);
	/* Out of the caller's process group: its terminal's signals come by way of the supervisor. */
	raw(setsid);
	if (ret >= 0)
		ret = tl_call(s, close_range, kept + 1, ~0u, 0);
	if (ret >= 0)
		ret = tl_init_set_capabilities(s, kill, kill, none);
	if (ret >= 0)
		ret = tl_call(s, prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (ret < 0)
		tl_init_fault(s, s->fork_index, ret);
	/* The word that the workload waits for; an end of the file alone would be PID 1's death. */
	if (s->settled >= 0) {
		raw(write, kept, "", 1);
		raw(close, kept);
	}
	s->settled = -1;
}

/* The box stays open until its supervisor closes the link or kills it. */
long tl_init_hold(struct init *s, const struct tl_op_hold *op)
{
	(void)op;
	s->fork_index = s->index;
	tl_init_reap(s, 0);
}

_Noreturn void tl_init_reap(struct init *s, int workload)
{
	uint64_t every = ~0ull;
	struct signalfd_siginfo info;
	struct pollfd poll[2] = { { TL_FD_LINK, 0, 0 }, { -1, POLLIN, 0 } };

	tl_init_confine_reaper(s);
	raw(rt_sigprocmask, SIG_SETMASK, &every, NULL, sizeof(every));
	poll[1].fd = (int)tl_call(s, signalfd4, -1, &every, sizeof(every),
				  O_CLOEXEC | O_NONBLOCK);
	if (poll[1].fd < 0)
		tl_init_fault(s, s->fork_index, poll[1].fd);
	for (;;) {
		reap_all(s, workload);
		if (raw(poll, poll, 2, -1) < 0)
			continue;
		/* The supervisor holds the other end for as long as it lives. */
		if (poll[0].revents & (POLLHUP | POLLERR))
			raw(exit_group, 128 + SIGKILL);
		while (raw(read, poll[1].fd, &info, sizeof(info)) == (long)sizeof(info))
			if (info.ssi_signo != SIGCHLD && workload > 0)
				raw(kill, workload, info.ssi_signo);
	}
}
