#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "../sys/fd.h"
#include "../sys/raw.h"
#include "image.h"

/* Shares memory with the caller: no canary to check, no sanitizer's shadow to touch. */
#define IN_CHILD \
	__attribute__((noinline, no_stack_protector, no_sanitize("address", "undefined")))

/*
 * After an exec with host uid 0 in a new user namespace no capability is left, because that uid
 * is not the namespace's root: the ambient set carries them across. Only the inheritable and
 * ambient sets change, so the shared memory stays dumpable.
 */
IN_CHILD static long keep_capabilities(void)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t permitted;
	long ret = raw(capget, &header, data);

	if (ret < 0)
		return ret;
	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	ret = raw(capset, &header, data);
	for (unsigned cap = 0; cap < 64 && ret >= 0; cap++)
		if (permitted >> cap & 1)
			ret = raw(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return ret;
}

/*
 * The loopback device takes as long to come up as two mounts: while Lua is still planning that is for
 * nothing. The plan's own link_up is what counts, and tells if it fails.
 */
IN_CHILD static void bring_up_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	long fd = raw(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	raw(ioctl, fd, SIOCSIFFLAGS, &request);
	raw(close, fd);
}

IN_CHILD __attribute__((used)) static void become_init(struct tl_spawn *spawn)
{
	/* Not static: there may be nobody yet to relocate them. */
	const char *argv[] = { "tidelock-init", NULL }, *envp[] = { NULL };
	long ret = 0;

	spawn->moments[TL_MOMENT_BORN] = raw_tsc();
	if (spawn->flags & CLONE_NEWUSER)
		ret = keep_capabilities();
	if (ret >= 0 && spawn->moved)
		ret = raw(sched_setaffinity, 0, sizeof(spawn->processors),
			  &spawn->processors);
	if (spawn->flags & CLONE_NEWNET)
		bring_up_loopback();
	if (ret >= 0)
		ret = raw(dup3, spawn->theirs, TL_FD_LINK, 0);
	if (ret >= 0)
		ret = raw(execveat, spawn->image, "", argv, envp, AT_EMPTY_PATH);
	spawn->error = ret;
	for (;;)
		raw(exit, 125);
}

/* The struct is wherever its owner put it; the ABI wants the top of a stack at a multiple of 16. */
static inline uintptr_t aligned(const char *stack)
{
	return ((uintptr_t)stack + 15) & ~(uintptr_t)15;
}

/* clone3 returns twice, the second time on another stack: the child must not return from here. */
__attribute__((noinline, no_stack_protector,
	       no_sanitize("address", "undefined"))) static long
clone_onto(struct clone_args *args, void (*run)(struct tl_spawn *),
	   struct tl_spawn *spawn)
{
	register void (*entry)(struct tl_spawn *) __asm__("r12") = run;
	register struct tl_spawn *arg __asm__("r13") = spawn;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(__NR_clone3), "D"(args), "S"(sizeof(*args)), "r"(entry),
			   "r"(arg)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Above the number that it gets in the child, and never that number itself. */
IN_CHILD static long raise_fd(int *fd)
{
	long raised;

	if (*fd > TL_FD_LINK)
		return 0;
	raised = raw(fcntl, *fd, F_DUPFD_CLOEXEC, TL_FD_LINK + 1);
	if (raised < 0)
		return raised;
	raw(close, *fd);
	*fd = (int)raised;
	return 0;
}

/* What the clone needs: init's program, and the socket to it. */
IN_CHILD static long provide(struct tl_spawn *spawn)
{
	int ends[2];
	long ret;

	ret = spawn->image = tl_image_init(&spawn->call);
	if (ret < 0)
		return ret;
	spawn->call = __NR_socketpair;
	ret = raw(socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	if (ret < 0)
		return ret;
	spawn->link = ends[0];
	spawn->theirs = ends[1];
	spawn->call = __NR_fcntl;
	ret = raise_fd(&spawn->theirs);
	if (ret >= 0)
		ret = raise_fd(&spawn->image);
	return ret;
}

IN_CHILD static void clone_init(struct tl_spawn *spawn, uint64_t flags)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_PIDFD |
			flags | spawn->flags,
		.pidfd = (uintptr_t)&spawn->pidfd,
		.stack = aligned(spawn->child_stack),
		.stack_size = TL_SPAWN_STACK,
	};
	long ret = provide(spawn);

	if (spawn->into >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)spawn->into;
	}

	if (ret >= 0) {
		spawn->call = __NR_clone3;
		spawn->moments[TL_MOMENT_CLONE] = raw_tsc();
		ret = clone_onto(&args, become_init, spawn);
	}
	spawn->pid = ret;
}

IN_CHILD __attribute__((used)) static void help(struct tl_spawn *spawn)
{
	if (spawn->first)
		spawn->first();
	clone_init(spawn, CLONE_PARENT);
	for (;;)
		raw(exit, 0);
}

/*
 * To another processor than this one, where the kernel would often queue it behind the caller.
 * init takes back what the caller may run on.
 */
IN_CHILD static void move_away(struct tl_spawn *spawn)
{
	cpu_set_t others = spawn->processors;
	unsigned here = 0;

	raw(getcpu, &here, NULL, NULL);
	CPU_CLR(here, &others);
	raw(sched_setaffinity, spawn->helper, sizeof(others), &others);
}

IN_CHILD static void start_helper(struct tl_spawn *spawn)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FILES,
		.stack = aligned(spawn->helper_stack),
		.stack_size = TL_SPAWN_STACK,
	};

	spawn->moved = raw(sched_getaffinity, 0, sizeof(spawn->processors),
			   &spawn->processors) > 0;
	spawn->helper = (pid_t)clone_onto(&args, help, spawn);
	if (spawn->helper > 0 && spawn->moved)
		move_away(spawn);
}

IN_CHILD void tl_spawn_begin(struct tl_spawn *spawn, uint64_t flags, int into)
{
	uint64_t every = ~UINT64_C(0), before = 0;
	struct timespec now = { 0 };

	spawn->flags = flags;
	spawn->into = into;
	spawn->link = spawn->pidfd = spawn->image = spawn->theirs = -1;
	raw(clock_gettime, CLOCK_MONOTONIC, &now);
	spawn->clock = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	spawn->tsc = raw_tsc();
	/* A handler of the caller's must not run in the helper or the child, on its memory. */
	raw(rt_sigprocmask, SIG_SETMASK, &every, &before, sizeof(every));
	/* Without namespaces to make there is nothing to wait for but the exec itself. */
	if (flags)
		start_helper(spawn);
	else
		clone_init(spawn, 0);
	raw(rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
}

static void close_all(struct tl_spawn *spawn)
{
	tl_fd_close(&spawn->link);
	tl_fd_close(&spawn->pidfd);
	tl_fd_close(&spawn->image);
	tl_fd_close(&spawn->theirs);
}

static void reap(idtype_t type, int id)
{
	siginfo_t info;

	while (waitid(type, (id_t)id, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
}

pid_t tl_spawn_finish(struct tl_spawn *spawn, long *call)
{
	long pid;

	if (spawn->helper > 0) {
		reap(P_PID, spawn->helper);
		if (!spawn->pid)
			spawn->pid = -ECANCELED; /* somebody killed the helper */
	} else if (spawn->helper < 0) {
		spawn->pid = spawn->helper;
		spawn->call = __NR_clone3;
	}
	spawn->helper = 0;
	*call = spawn->call;
	/* init's end is init's alone from here on: a dead peer is an end of file on both sides. */
	tl_fd_close(&spawn->image);
	tl_fd_close(&spawn->theirs);
	pid = spawn->pid;
	if (pid > 0 && spawn->error) {
		reap(P_PIDFD, spawn->pidfd);
		pid = spawn->error;
	}
	if (pid < 0)
		close_all(spawn);
	return (pid_t)pid;
}

void tl_spawn_take(struct tl_spawn *spawn, int *pidfd, int *link)
{
	*pidfd = tl_fd_steal(&spawn->pidfd);
	*link = tl_fd_steal(&spawn->link);
	spawn->pid = 0;
}

void tl_spawn_abandon(struct tl_spawn *spawn)
{
	long call;

	if (tl_spawn_finish(spawn, &call) > 0) {
		raw(pidfd_send_signal, spawn->pidfd, SIGKILL, NULL, 0);
		reap(P_PIDFD, spawn->pidfd);
	}
	close_all(spawn);
}
