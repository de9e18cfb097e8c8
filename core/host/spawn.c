#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../sys/raw.h"

#define STACK_SIZE 16384
/* Shares memory with the caller: no canary to check, no sanitizer's shadow to touch. */
#define IN_CHILD \
	__attribute__((noinline, no_stack_protector, no_sanitize("address", "undefined")))

struct child {
	const struct tl_spawn *spawn;
	volatile long
		error; /* read by the caller when it goes on: the memory is shared */
};

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

IN_CHILD __attribute__((used)) static void become_init(struct child *child)
{
	static const char *const argv[] = { "tidelock-init", NULL },
				 *const envp[] = { NULL };
	const struct tl_spawn *spawn = child->spawn;
	long ret = 0;

	if (spawn->flags & CLONE_NEWUSER)
		ret = keep_capabilities();
	for (unsigned i = 0; i < spawn->fd_count && ret >= 0; i++)
		ret = raw(dup3, spawn->fds[i][0], spawn->fds[i][1], 0);
	if (ret >= 0)
		ret = raw(execveat, spawn->image, "", argv, envp, AT_EMPTY_PATH);
	child->error = ret;
	for (;;)
		raw(exit, 125);
}

/* clone3 returns twice, the second time on another stack: the child must not return from here. */
__attribute__((noinline)) static long clone_onto(struct clone_args *args,
						 struct child *child)
{
	register void (*entry)(struct child *) __asm__("r12") = become_init;
	register struct child *arg __asm__("r13") = child;
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
			 : "a"(SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(entry),
			   "r"(arg)
			 : "rcx", "r11", "memory");
	return ret;
}

pid_t tl_spawn_init(const struct tl_spawn *spawn, int *pidfd)
{
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	struct child child = { .spawn = spawn };
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_PIDFD |
			spawn->flags,
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)stack,
		.stack_size = sizeof(stack),
	};
	sigset_t every, before;
	long pid;

	/* A handler of the caller's must not run in the child, on the caller's memory. */
	sigfillset(&every);
	sigprocmask(SIG_SETMASK, &every, &before);
	pid = clone_onto(&args, &child);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return (pid_t)pid;
	if (child.error) {
		siginfo_t info;

		waitid(P_PIDFD, (id_t)*pidfd, &info, WEXITED | __WALL);
		close(*pidfd);
		return (pid_t)child.error;
	}
	return (pid_t)pid;
}
