#include "init.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/stat.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

#define SEALS_WANTED \
	0xf /* SEAL, SHRINK, GROW, WRITE: nobody can change the plan after the check */

void *memset(void *to, int value, size_t n)
{
	char *p = to;

	while (n--)
		*p++ = (char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	char *p = to;
	const char *q = from;

	while (n--)
		*p++ = *q++;
	return to;
}

_Noreturn static void leave(int status)
{
	for (;;)
		raw(exit_group, status);
}

/* Somebody ran this program by hand, or through /proc/self/exe from inside a box. */
_Noreturn void tl_init_refuse(void)
{
	static const char text[] = "tidelock-init: there is no plan here to carry out\n";

	raw(write, 2, text, sizeof(text) - 1);
	leave(TL_EXIT_SETUP);
}

_Noreturn void tl_init_fault(struct init *s, uint32_t index, long error)
{
	uint64_t none = TL_NO_OP, fault = (uint64_t)(uint32_t)-error << 32 | index;

	if (index < s->plan->count && !s->page->times[index].end)
		s->page->times[index].end = raw_tsc();
	if (__atomic_compare_exchange_n(&s->page->fault, &none, fault, false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		s->page->fault_detail = (uint32_t)s->call;
	if (s->filtered)
		__builtin_trap(); /* the filter may forbid exit_group, or hand it to a supervisor */
	leave(TL_EXIT_SETUP);
}

static const void *map_plan(int fd, size_t *size)
{
	struct statx st;
	long seals = raw(fcntl, fd, F_GET_SEALS), p;

	if (seals < 0 || (seals & SEALS_WANTED) != SEALS_WANTED)
		tl_init_refuse();
	if (raw(statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) < 0 || !st.stx_size)
		tl_init_refuse();
	p = raw(mmap, 0, st.stx_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p < 0 && p > -4096)
		tl_init_refuse();
	raw(close, fd);
	*size = st.stx_size;
	return (const void *)p;
}

static struct tl_page *map_page(int fd, const struct tl_plan *plan)
{
	size_t size = sizeof(struct tl_page) + plan->count * sizeof(struct tl_span_time);
	struct statx st;
	long p;

	if (raw(statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) < 0 || st.stx_size < size)
		tl_init_refuse();
	p = raw(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p < 0 && p > -4096)
		tl_init_refuse();
	raw(close, fd);
	return (struct tl_page *)p;
}

/*
 * Plan, page, then the inherited slots to their places. A message's descriptors lie below the
 * link's number, because nothing else is open there, so that no place is taken by one of them.
 * Above it lies one only where what the caller had open could not be closed.
 */
static void receive_files(struct init *s, long closed)
{
	int fds[TL_LINK_FILES];
	unsigned count = tl_init_receive_files(fds, TL_LINK_FILES), next = 2, index;
	const char *why;
	size_t size;
	long placed;

	if (count < 2)
		tl_init_refuse();
	s->plan = map_plan(fds[0], &size);
	if (tl_plan_check(s->plan, size, &index, &why) < 0)
		tl_init_refuse();
	s->page = map_page(fds[1], s->plan);
	for (uint32_t slot = 0; slot < s->plan->inherited; slot++, next++) {
		if (next == count) {
			count = tl_init_receive_files(fds, TL_LINK_FILES);
			next = 0;
		}
		if (next >= count)
			tl_init_refuse();
		placed = fds[next] < TL_FD_LINK
			? tl_call(s, dup3, fds[next], tl_slot(slot), O_CLOEXEC)
			: closed;
		if (placed < 0)
			tl_init_fault(s, s->plan->count, placed);
		raw(close, fds[next]);
	}
}

static uint32_t count_strings(const struct init *s, struct tl_span span)
{
	const char *p = tl_plan_at(s->plan, span.offset);
	uint32_t n = 0;

	for (uint32_t i = 0; i < span.size; i++)
		n += p[i] == '\0';
	return n;
}

/* argv and envp need memory, which must be there before anything is confined. */
static void prepare_exec(struct init *s)
{
	const struct tl_record *op = tl_plan_ops(s->plan) + s->plan->count - 1;
	const struct tl_op_exec *exec = (const void *)op;
	long p;

	if (op->code != TL_OP_exec)
		return;
	p = raw(mmap, 0,
		(count_strings(s, exec->argv) + count_strings(s, exec->envp) + 2) *
			sizeof(char *),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p < 0 && p > -4096)
		tl_init_fault(s, s->plan->count - 1, p);
	s->vectors = (char **)p;
}

static void reset_ignored_signals(void)
{
	/* CLONE_CLEAR_SIGHAND leaves what the caller ignores ignored: SIGPIPE, SIGINT, SIGCHLD. */
	for (int sig = 1; sig <= 64; sig++) {
		uint64_t action[4] = { 0, 0, 0, 0 };

		if (sig != SIGKILL && sig != SIGSTOP)
			raw(rt_sigaction, sig, action, 0, 8);
	}
}

static long carry_out(struct init *s, const struct tl_record *r)
{
	switch (r->code) {
#define TL_OP(name, ...)
#define TL_INIT_OP(name, lanes, undo, calls, story, fields) \
	case TL_OP_##name: \
		return tl_init_##name(s, (const void *)r);
#include "../plan/ops.def"
#undef TL_OP
#undef TL_INIT_OP
	default:
		return -ENOSYS;
	}
}

void tl_init_lane(struct init *s, uint8_t lane)
{
	const struct tl_record *ops = tl_plan_ops(s->plan);
	uint64_t now = raw_tsc();

	for (; s->index < s->plan->count; s->index++) {
		long error;

		if (ops[s->index].lane != lane)
			continue;
		s->page->times[s->index].start = now;
		s->call = 0;
		error = carry_out(s, &ops[s->index]);
		if (error < 0)
			tl_init_fault(s, s->index, error);
		now = raw_tsc();
		s->page->times[s->index].end = now;
	}
}

/*
 * pivot_root moves whoever stands in the old root, and nobody else: from the caller's directory
 * PID 1 would be a way back into it. And descriptors 0 to 2 are taken, so that nothing that is
 * opened later stands where a stream goes.
 */
static void leave_host(struct init *s)
{
	long ret = tl_call(s, chdir, "/");

	for (int fd = 0; fd <= 2 && ret >= 0; fd++)
		if (raw(fcntl, fd, F_GETFD) < 0)
			ret = tl_call(s, openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	if (ret < 0)
		tl_init_fault(s, s->plan->count, ret);
}

_Noreturn void tl_init_main(void);

__attribute__((used)) _Noreturn void tl_init_main(void)
{
	struct init s = { .root = -1, .parent = -1, .proc = -1, .settled = -1 };

	uint64_t born = raw_tsc();
	long closed;

	/* What the caller's process had open stays out of here (CVE-2024-21626). */
	closed = tl_call(&s, close_range, 3, TL_FD_LINK - 1, 0);
	if (closed >= 0)
		closed = tl_call(&s, close_range, TL_FD_LINK + 1, ~0u, 0);
	receive_files(&s, closed);
	s.page->moments[TL_MOMENT_INIT] = born;
	s.page->moments[TL_MOMENT_READY] = raw_tsc();
	if (closed < 0)
		tl_init_fault(&s, s.plan->count, closed);
	leave_host(&s);
	raw(prctl, PR_SET_NAME, "tidelock-init");
	prepare_exec(&s);
	reset_ignored_signals();
	tl_init_lane(&s, TL_CHILD);
	tl_init_fault(&s, s.plan->count - 1,
		      -ENOEXEC); /* a checked plan ends in exec: not reached */
}

/* The stack is aligned as the ABI wants it; arguments and environment are not looked at. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall tl_init_main\n\tud2\n");
