/*
 * The child: a freestanding program that carries out a plan's child lane. Layer: init (includes
 * plan and the constants of sys). It owns every descriptor it was born with; nothing here
 * allocates but one anonymous mapping for argv and envp, made before the first operation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../plan/plan.h"

/* What the compiler may call, and what init therefore defines (main.c). */
void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

struct init {
	const struct tl_plan *plan;
	struct tl_page *page;
	char **vectors; /* room for the pointers of argv and envp */
	int root; /* the new root, -1 before it is made */
	int parent; /* the directory parent_path[0..parent_length] in the new root, or -1 */
	const char *parent_path;
	size_t parent_length;
	/* What was mounted on /proc, on /sys, and last: not where these names lead by now. */
	struct tl_mounted {
		const char *path;
		int fd;
		bool owned;
	} mounted[3];
	int proc; /* a procfs that nobody else can reach, -1 before it is made */
	bool entered; /* cloned into a box that was there */
	bool joined; /* in a namespace where others are */
	bool filtered; /* a filter is loaded: no system call but execve from here on */
	uint32_t index; /* of the operation at hand */
	uint32_t fork_index; /* what PID 1's own faults after the fork are reported as */
	int settled; /* after fork: an end of the pipe that tells when PID 1 has done its lane */
	long call; /* the number of the system call that failed */
};

/* A failed call, remembered by its number for the fault record. */
#define tl_call(s, name, ...) tl_note(s, __NR_##name, raw(name, ##__VA_ARGS__))

static inline long tl_note(struct init *s, long nr, long ret)
{
	if (ret < 0)
		s->call = nr;
	return ret;
}

static inline const char *tl_str(const struct init *s, uint32_t offset)
{
	return offset ? tl_plan_at(s->plan, offset) : NULL;
}

static inline int tl_slot(uint32_t slot)
{
	return TL_FD_SLOT0 + (int)slot;
}

/* Each carries out one operation and returns 0 or -errno, with s->call set. */
#define TL_OP(name, ...)
#define TL_INIT_OP(name, lanes, undo, calls, story, fields) \
	long tl_init_##name(struct init *s, const struct tl_op_##name *op);
#include "../plan/ops.def"
#undef TL_OP
#undef TL_INIT_OP

#define TL_EXIT_SETUP 125

/* Somebody ran this program by hand, or through /proc/self/exe from inside a box. */
_Noreturn void tl_init_refuse(void);

/*
 * Descriptors from the launcher, at most `room`; they land on the lowest free numbers. Returns how
 * many; leaves without a word where the supervisor is gone.
 */
unsigned tl_init_receive_files(int *fds, unsigned room);

/* Hand a descriptor to the supervisor, attached to one byte. */
long tl_init_send_file(struct init *s, int fd);

long tl_init_set_capabilities(struct init *s, struct tl_u64 effective,
			      struct tl_u64 permitted, struct tl_u64 inheritable);

/* Carry out the operations of a lane after s->index, to the end of the plan. */
void tl_init_lane(struct init *s, uint8_t lane);

/* Take from PID 1 all that it had for setting up. */
void tl_init_confine_reaper(struct init *s);

/* PID 1 after the fork: reap, forward signals, report how the workload ended; never returns. */
_Noreturn void tl_init_reap(struct init *s, int workload);

/* Write the fault record once (the first fault is the cause) and end the process. */
_Noreturn void tl_init_fault(struct init *s, uint32_t index, long error);
