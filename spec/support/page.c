/*
 * The launcher's side of the shared page, with what an enemy in PID 1 could write there. Links
 * core/host/box.c; prints the name of each expectation that does not hold.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../core/host/box.h"

enum { COUNT = 3 };

static int wrong;

static void expect(bool holds, const char *what)
{
	if (holds)
		return;
	printf("not so: %s\n", what);
	wrong = 1;
}

static union {
	struct tl_page page;
	char bytes[sizeof(struct tl_page) + COUNT * sizeof(struct tl_span_time)];
} shared;

static uint8_t lanes[COUNT + 1] = { TL_HOST, TL_CHILD, TL_PARENT, TL_CHILD };
static struct tl_span_time times[COUNT];

static struct tl_box make_box(void)
{
	struct timespec now;

	memset(&shared, 0, sizeof(shared));
	shared.page.fault_index = TL_NO_OP;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct tl_box){
		.pidfd = -1,
		.link = -1,
		.file = -1,
		.pty = -1,
		.page = &shared.page,
		.count = COUNT,
		.lanes = lanes,
		.times = times,
		.clock = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec -
			1000000,
		.tsc = __builtin_ia32_rdtsc() - 1000000,
	};
}

static void faults(void)
{
	struct tl_box box = make_box();
	struct tl_fault fault;

	expect(!tl_box_fault(&box, &fault), "there is no fault until there is one");
	shared.page.fault_index = COUNT + 1;
	expect(!tl_box_fault(&box, &fault), "an index beyond the plan is none");
	shared.page.fault_index = 0;
	expect(!tl_box_fault(&box, &fault),
	       "the host's lane has no fault of the child's");
	shared.page.fault_index = COUNT;
	shared.page.fault_errno = EPERM;
	expect(tl_box_fault(&box, &fault) && fault.index == TL_NO_OP &&
		       fault.error == EPERM,
	       "init that could not begin says so");
	shared.page.fault_index = 1;
	for (int i = 0; i < 3; i++) {
		const int odd[] = { 0, -1, 4096 };

		shared.page.fault_errno = odd[i];
		expect(tl_box_fault(&box, &fault) && fault.index == 1 &&
			       fault.error == EPROTO,
		       "what is no errno is EPROTO");
	}
}

static void one_time(const struct tl_box *box, uint64_t start, uint64_t end, bool runs,
		     const char *what)
{
	struct tl_box_times told;
	uint64_t from, to;

	shared.page.times[1] = (struct tl_span_time){ start, end };
	tl_box_times(box, 1, &told);
	from = told.start;
	to = told.end;
	expect(runs ? from > 0 && to >= from && to < 1000000000 : !from && !to, what);
}

static void all_times(void)
{
	struct tl_box box = make_box();
	uint64_t t = box.tsc, later = t + (1ull << 60);

	one_time(&box, t + 1000, t + 2000, true, "a time is a time");
	one_time(&box, t - 1, t + 2000, false, "nothing began before the plan");
	one_time(&box, later, later + 1, false, "nothing begins later than now");
	one_time(&box, t + 2000, t + 1000, true, "nothing ends before it begins");
	one_time(&box, t + 2000, later, true, "nothing ends later than now");
}

/* PID 1 lives, whatever comes over its link. */
static void link_of_pid1(void)
{
	struct tl_box box = make_box();
	struct tl_end end;
	int ends[2];
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	box.forks = true;
	box.pid = pid;
	box.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	box.link = ends[0];
	expect(tl_box_wait(&box, 0, &end) == -ETIMEDOUT, "a box that runs is not over");
	send(ends[1], "", 1, 0);
	expect(tl_box_wait(&box, 0, &end) == -ETIMEDOUT,
	       "a byte alone is not the workload's end");
	close(ends[1]);
	expect(tl_box_wait(&box, 1000, &end) == 0 && end.signaled && end.code == SIGKILL,
	       "a link that was cut ends the box");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	faults();
	all_times();
	link_of_pid1();
	return wrong;
}
