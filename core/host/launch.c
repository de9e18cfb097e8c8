#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "../sys/raw.h"
#include "../sys/fd.h"
#include "../sys/kernel.h"
#include "image.h"
#include "spawn.h"
#include "userns.h"

#define RENDEZVOUS_SECONDS 60

struct walk {
	const struct tl_launch *launch;
	const struct tl_plan *plan;
	struct tl_box *box;
	int slots[TL_PLAN_MAX_SLOTS]; /* owned, -1 where closed */
	int image, sealed, page, go,
		up; /* init's ends and files, owned until the clone */
	int userns;
	long call;
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int note(struct walk *w, long call, int ret)
{
	w->call = call;
	return ret < 0 ? -errno : ret;
}

/* Above every fixed number, so that putting descriptors in place never closes a source. */
static int raise_fd(const struct walk *w, int fd)
{
	int floor = TL_FD_SLOT0 + (int)w->plan->inherited, raised;

	if (fd < 0 || fd >= floor)
		return fd;
	raised = fcntl(fd, F_DUPFD_CLOEXEC, floor);
	if (raised < 0)
		raised = -errno;
	close(fd);
	return raised;
}

static int own_slot(struct walk *w, uint32_t slot, int fd)
{
	if (fd < 0)
		return fd;
	fd = raise_fd(w, fd);
	if (fd < 0)
		return fd;
	w->slots[slot] = fd;
	return 0;
}

static int do_open_tree(struct walk *w, const struct tl_op_open_tree *op)
{
	unsigned flags =
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (op->recursive ? AT_RECURSIVE : 0);

	return own_slot(w, op->slot,
			note(w, SYS_open_tree,
			     open_tree(AT_FDCWD, tl_plan_at(w->plan, op->path), flags)));
}

static int check_type(int fd, uint32_t expect, uint32_t rdev)
{
	struct stat st;

	if (expect == TL_EXPECT_ANY)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (expect == TL_EXPECT_DIR && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (expect == TL_EXPECT_FILE && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (expect == TL_EXPECT_CHAR &&
	    (!S_ISCHR(st.st_mode) ||
	     (major(st.st_rdev) << 8 | minor(st.st_rdev)) != rdev))
		return -ENODEV;
	return 0;
}

static int do_open_path(struct walk *w, const struct tl_op_open_path *op)
{
	int fd = note(w, SYS_openat,
		      open(tl_plan_at(w->plan, op->path), O_PATH | O_CLOEXEC));
	int ret = own_slot(w, op->slot, fd);

	return ret < 0 ? ret : check_type(w->slots[op->slot], op->expect, op->rdev);
}

static int do_clone(struct walk *w, const struct tl_op_clone *op)
{
	int fds[TL_PLAN_MAX_SLOTS + 4][2] = {
		{ w->sealed, TL_FD_PLAN },
		{ w->page, TL_FD_PAGE },
		{ w->go, TL_FD_GO },
		{ w->up, TL_FD_UP },
	};
	struct tl_spawn spawn = {
		.flags = tl_u64_value(op->flags),
		.image = w->image,
		.fds = (const int(*)[2])fds,
		.fd_count = 4 + w->plan->inherited,
	};

	for (uint32_t i = 0; i < w->plan->inherited; i++) {
		fds[4 + i][0] = w->slots[i];
		fds[4 + i][1] = TL_FD_SLOT0 + (int)i;
	}
	w->call = SYS_clone3;
	w->box->pid = tl_spawn_init(&spawn, &w->box->pidfd);
	if (w->box->pid < 0) {
		w->box->pidfd = -1;
		return w->box->pid;
	}
	/* init's ends are init's alone: a dead peer is then an end of file on both sides. */
	tl_fd_close(&w->go);
	tl_fd_close(&w->up);
	return 0;
}

static int do_idmap_mount(struct walk *w, const struct tl_op_idmap_mount *op)
{
	int ret;

	if (w->userns < 0)
		w->userns = tl_userns_open(w->box->pid, &w->call);
	if (w->userns < 0)
		return w->userns;
	ret = tl_userns_idmap(w->slots[op->slot], w->userns, op->attr, op->recursive,
			      &w->call);
	if (ret != -EINVAL)
		return ret;
	/* The file system cannot (virtiofs, overlay before 6.x): readable as the host's ids allow. */
	w->box->not_idmapped = true;
	struct mount_attr set = { .attr_set = op->attr };

	return note(w, SYS_mount_setattr,
		    mount_setattr(w->slots[op->slot], "",
				  AT_EMPTY_PATH | (op->recursive ? AT_RECURSIVE : 0),
				  &set, sizeof(set)));
}

/* A write to a pipe without readers raises SIGPIPE, which is not the caller's business. */
static int write_byte(int fd)
{
	struct timespec zero = { 0, 0 };
	sigset_t pipe_signal, before, pending;
	int ret = 0;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	sigprocmask(SIG_BLOCK, &pipe_signal, &before);
	while (write(fd, "", 1) < 0) {
		ret = -errno;
		if (ret != -EINTR)
			break;
		ret = 0;
	}
	if (ret == -EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe_signal, NULL, &zero);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static int wait_byte(struct walk *w)
{
	struct pollfd poll_fd = { .fd = w->box->up, .events = POLLIN };
	uint64_t deadline = clock_ns() + RENDEZVOUS_SECONDS * 1000000000ull;
	char byte;

	for (;;) {
		uint64_t now = clock_ns();
		int n;

		if (now >= deadline)
			return -ETIMEDOUT;
		n = poll(&poll_fd, 1, (int)((deadline - now) / 1000000) + 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			break;
	}
	return read(w->box->up, &byte, 1) == 1 ? 0 : -EPIPE;
}

static int call_hook(struct walk *w, const struct tl_op_hook *op, bool undo)
{
	w->call = 0;
	if (!w->launch->hook)
		return -ENOSYS;
	return w->launch->hook(w->launch->context, op->index, undo, w->box->pid);
}

static int do_write_map(struct walk *w, const struct tl_op_write_map *op)
{
	return tl_userns_write_map(w->box->pid, op->kind == TL_MAP_GID,
				   tl_plan_at(w->plan, op->map), op->helper, &w->call);
}

/* Every case casts to the struct that ops.def generated for that code. */
static int carry_out(struct walk *w, const struct tl_record *r)
{
	const void *op = r;

	w->call = 0;
	switch (r->code) {
	case TL_OP_open_tree:
		return do_open_tree(w, op);
	case TL_OP_open_path:
		return do_open_path(w, op);
	case TL_OP_clone:
		return do_clone(w, op);
	case TL_OP_deny_setgroups:
		return tl_userns_deny_setgroups(w->box->pid, &w->call);
	case TL_OP_write_map:
		return do_write_map(w, op);
	case TL_OP_idmap_mount:
		return do_idmap_mount(w, op);
	case TL_OP_oom_score_adj:
		return tl_userns_oom_score_adj(
			w->box->pid, ((const struct tl_op_oom_score_adj *)r)->value,
			&w->call);
	case TL_OP_hook:
		return call_hook(w, op, false);
	case TL_OP_barrier:
		return write_byte(w->box->go);
	case TL_OP_reach:
		return wait_byte(w);
	default:
		return -ENOSYS;
	}
}

static bool is_ours(const struct tl_record *r)
{
	return !(r->lane & (TL_CHILD | TL_BESIDE)) || r->code == TL_OP_barrier ||
		r->code == TL_OP_reach;
}

/* init's fault, if it left one that makes sense. */
static bool read_fault(const struct tl_box *box, struct tl_fault *fault)
{
	uint32_t index = __atomic_load_n(&box->page->fault_index, __ATOMIC_ACQUIRE);

	if (index >= box->count || !(box->lanes[index] & (TL_CHILD | TL_BESIDE)))
		return false;
	fault->index = index;
	fault->error = __atomic_load_n(&box->page->fault_errno, __ATOMIC_RELAXED);
	if (fault->error <= 0 || fault->error > 4095)
		fault->error = EPROTO;
	fault->call = __atomic_load_n(&box->page->fault_detail, __ATOMIC_RELAXED);
	return true;
}

static int walk_plan(struct walk *w, struct tl_fault *fault)
{
	const struct tl_record *ops = tl_plan_ops(w->plan);

	for (uint32_t i = 0; i < w->plan->count; i++) {
		int ret;

		if (!is_ours(&ops[i]))
			continue;
		w->box->times[i].start = raw_tsc();
		ret = carry_out(w, &ops[i]);
		w->box->times[i].end = raw_tsc();
		if (ret >= 0)
			continue;
		*fault = (struct tl_fault){ i, -ret, (uint32_t)w->call };
		/* A broken rendezvous is the sound of init's own fault: that is the cause. */
		if (ret == -EPIPE && ops[i].lane == TL_CHILD) {
			tl_box_kill(w->box);
			read_fault(w->box, fault);
		}
		for (uint32_t k = i; k-- > 0;)
			if (ops[k].code == TL_OP_hook)
				call_hook(w, (const void *)&ops[k], true);
		return ret;
	}
	return 0;
}

static int open_pipe(struct walk *w, int *mine, int *theirs, bool i_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return note(w, SYS_pipe2, -1);
	*mine = ends[i_write];
	*theirs = raise_fd(w, ends[!i_write]);
	return *theirs < 0 ? *theirs : 0;
}

static int map_page(struct walk *w)
{
	struct tl_box *box = w->box;
	void *p;

	box->page_size =
		sizeof(struct tl_page) + box->count * sizeof(struct tl_span_time);
	w->page = raise_fd(w, note(w, SYS_memfd_create, tl_image_page(box->page_size)));
	if (w->page < 0)
		return w->page;
	p = mmap(NULL, box->page_size, PROT_READ | PROT_WRITE, MAP_SHARED, w->page, 0);
	if (p == MAP_FAILED)
		return note(w, SYS_mmap, -1);
	box->page = p;
	box->page->fault_index = TL_NO_OP;
	return 0;
}

static int prepare(struct walk *w)
{
	struct tl_box *box = w->box;
	int ret;

	box->times = calloc(box->count, sizeof(*box->times) + 1);
	if (!box->times)
		return -ENOMEM;
	box->lanes = (uint8_t *)(box->times + box->count);
	for (uint32_t i = 0; i < box->count; i++)
		box->lanes[i] = tl_plan_ops(w->plan)[i].lane;
	for (uint32_t i = 0; i < box->count; i++)
		box->forks |= tl_plan_ops(w->plan)[i].code == TL_OP_fork;
	for (unsigned i = 0; i < w->launch->given_count; i++) {
		int floor = TL_FD_SLOT0 + (int)w->plan->inherited;

		w->slots[i] = note(w, SYS_fcntl,
				   fcntl(w->launch->given[i], F_DUPFD_CLOEXEC, floor));
		if (w->slots[i] < 0)
			return w->slots[i];
	}
	ret = map_page(w);
	if (ret < 0)
		return ret;
	w->call = SYS_memfd_create;
	w->sealed = raise_fd(w, tl_image_plan(w->launch->plan, w->launch->size));
	if (w->sealed < 0)
		return w->sealed;
	w->image = raise_fd(w, tl_image_init());
	if (w->image < 0)
		return w->image;
	ret = open_pipe(w, &box->go, &w->go, true);
	return ret < 0 ? ret : open_pipe(w, &box->up, &w->up, false);
}

static void release(struct walk *w)
{
	for (unsigned i = 0; i < TL_PLAN_MAX_SLOTS; i++)
		tl_fd_close(&w->slots[i]);
	tl_fd_close(&w->image);
	tl_fd_close(&w->sealed);
	tl_fd_close(&w->page);
	tl_fd_close(&w->go);
	tl_fd_close(&w->up);
	tl_fd_close(&w->userns);
}

int tl_launch_start(const struct tl_launch *launch, struct tl_box *box,
		    struct tl_fault *fault)
{
	struct walk w = { .launch = launch, .plan = launch->plan, .box = box };
	unsigned index;
	const char *why;
	int ret;

	*box = (struct tl_box){ .pidfd = -1, .go = -1, .up = -1 };
	*fault = (struct tl_fault){ TL_NO_OP, EINVAL, 0 };
	if (tl_plan_check(launch->plan, launch->size, &index, &why) < 0 ||
	    w.plan->given != launch->given_count) {
		fault->index = index;
		return -EINVAL;
	}
	w.image = w.sealed = w.page = w.go = w.up = w.userns = -1;
	for (unsigned i = 0; i < TL_PLAN_MAX_SLOTS; i++)
		w.slots[i] = -1;
	box->count = w.plan->count;
	box->clock = clock_ns();
	box->tsc = raw_tsc();
	ret = prepare(&w);
	if (ret < 0)
		*fault = (struct tl_fault){ TL_NO_OP, -ret, (uint32_t)w.call };
	else
		ret = walk_plan(&w, fault);
	release(&w);
	if (ret < 0) {
		tl_box_kill(box);
		tl_box_close(box);
	}
	return ret;
}

static int reap(struct tl_box *box, siginfo_t *info, struct rusage *usage)
{
	long ret;

	/* The libc's waitid has no usage; the kernel's has. */
	do
		ret = syscall(SYS_waitid, P_PIDFD, box->pidfd, info, WEXITED | __WALL,
			      usage);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	tl_fd_close(&box->pidfd);
	box->pid = 0;
	return 0;
}

static uint64_t microseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

/* PID 1 is the workload, or died before it could tell: the kernel's word, without the peak. */
static int end_of_init(struct tl_box *box, struct tl_end *end)
{
	siginfo_t info = { 0 };
	struct rusage usage = { 0 };
	int ret = reap(box, &info, &usage);

	end->signaled = info.si_code != CLD_EXITED;
	end->code = info.si_status;
	end->usage = (struct tl_usage){
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
	return box->forks ? box->up : box->pidfd;
}

int tl_box_wait(struct tl_box *box, int timeout, struct tl_end *end)
{
	struct pollfd p = { .fd = tl_box_pollfd(box), .events = POLLIN };
	uint32_t state;
	int ret = poll(&p, 1, timeout);

	if (ret <= 0)
		return ret == 0 || errno == EINTR ? -ETIMEDOUT : -errno;
	*end = (struct tl_end){ 0 };
	state = __atomic_load_n(&box->page->state, __ATOMIC_ACQUIRE);
	if (state & TL_PAGE_WAITED)
		end_of_workload(box, end);
	else
		ret = end_of_init(box, end);
	state |= __atomic_load_n(&box->page->state, __ATOMIC_ACQUIRE);
	end->wall = clock_ns() - box->clock;
	end->setup_failed = read_fault(box, &end->fault);
	end->executed = state & TL_PAGE_EXEC && !end->setup_failed;
	return ret < 0 ? ret : 0;
}

void tl_box_kill(struct tl_box *box)
{
	siginfo_t info;
	struct rusage usage;

	if (box->pidfd < 0)
		return;
	syscall(SYS_pidfd_send_signal, box->pidfd, SIGKILL, NULL, 0);
	reap(box, &info, &usage);
}

void tl_box_times(const struct tl_box *box, uint32_t index, uint64_t *start,
		  uint64_t *end)
{
	uint64_t now = clock_ns(), ticks = raw_tsc() - box->tsc;
	double ns_per_tick = ticks ? (double)(now - box->clock) / (double)ticks : 0;
	struct tl_span_time t = box->times[index];

	if (box->lanes[index] & (TL_CHILD | TL_BESIDE)) {
		t.start =
			__atomic_load_n(&box->page->times[index].start, __ATOMIC_RELAXED);
		t.end = __atomic_load_n(&box->page->times[index].end, __ATOMIC_RELAXED);
	}
	if (t.start < box->tsc || t.start - box->tsc > ticks) {
		*start = *end = 0;
		return;
	}
	if (t.end < t.start || t.end - box->tsc > ticks)
		t.end = t.start;
	*start = (uint64_t)((double)(t.start - box->tsc) * ns_per_tick);
	*end = (uint64_t)((double)(t.end - box->tsc) * ns_per_tick);
}

void tl_box_close(struct tl_box *box)
{
	tl_fd_close(&box->pidfd);
	tl_fd_close(&box->go);
	tl_fd_close(&box->up);
	if (box->page)
		munmap(box->page, box->page_size);
	free(box->times);
	box->page = NULL;
	box->times = NULL;
	box->count = 0;
}
