/*
 * A fault injector for the container's own program, by ptrace: it needs no hook in the product and
 * tells init's calls from the supervisor's, which strace's inject= does not.
 *
 *   inject list FILE COMMAND...                        write the calls: "ROLE NAME OCCURRENCE"
 *   inject fail ROLE NAME OCCURRENCE ERRNO COMMAND...  make one call fail
 *   inject kill ROLE CALL COMMAND...                   kill the supervisor before a CALL-th call
 *
 * Roles: 0 the supervisor, 1 init (the first that runs from a memfd), 2 the process that init
 * forks, until it executes the workload, 3 the helpers that join the box (whatever runs from a memfd
 * after that), 4 the processes that these clone into it, and 9 a clone before it executes init.
 * Occurrences count from 1, for each role and system call. Ends as the command does; what it leaves
 * running is let go.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_TRACEES 64
#define MAX_CALLS 512

enum {
	SUPERVISOR = 0,
	INIT = 1,
	WORKLOAD = 2,
	HELPER = 3,
	ENTERED = 4,
	CLONE = 9,
	ROLES = 10
};

struct tracee {
	pid_t pid;
	int role;
	bool fresh, failing;
	bool known, waits; /* its parent has told of it; it stopped before that */
};

static struct tracee tracees[MAX_TRACEES];
static unsigned calls[ROLES][MAX_CALLS], total[ROLES];
static FILE *list;
static int fail_role = -1, fail_call, fail_errno, kill_role = -1;
static unsigned fail_occurrence, kill_call;
static bool struck, has_init;

static void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(99);
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 0 || value > 1 << 20) {
		errno = EINVAL;
		die(text);
	}
	return (int)value;
}

static struct tracee *find(pid_t pid)
{
	struct tracee *unused = NULL;

	for (unsigned i = 0; i < MAX_TRACEES; i++) {
		if (tracees[i].pid == pid)
			return &tracees[i];
		if (!tracees[i].pid && !unused)
			unused = &tracees[i];
	}
	if (!unused) {
		errno = ENOSPC;
		die("tracees");
	}
	*unused = (struct tracee){ .pid = pid, .role = CLONE, .fresh = true };
	return unused;
}

static bool runs_from_memfd(pid_t pid)
{
	char path[32], target[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
		!strncmp(target, "/memfd:", 7);
}

static void enter_call(struct tracee *t, const struct __ptrace_syscall_info *info)
{
	unsigned nr = (unsigned)info->entry.nr, occurrence;

	if (nr >= MAX_CALLS)
		return;
	occurrence = ++calls[t->role][nr];
	total[t->role]++;
	if (list) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, (int)nr);

		fprintf(list, "%d %s %u\n", t->role, name ? name : "?", occurrence);
		free(name);
	}
	if (t->role == kill_role && total[t->role] == kill_call) {
		struck = true;
		kill(tracees[0].pid, SIGKILL);
	}
	if (t->role == fail_role && (int)nr == fail_call &&
	    occurrence == fail_occurrence) {
		struck = t->failing = true;
		ptrace(PTRACE_POKEUSER, t->pid,
		       offsetof(struct user_regs_struct, orig_rax), -1L);
	}
}

static void on_syscall(struct tracee *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		enter_call(t, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->failing) {
		t->failing = false;
		ptrace(PTRACE_POKEUSER, t->pid, offsetof(struct user_regs_struct, rax),
		       (long)-fail_errno);
	}
}

/* Returns whether the tracee is to be let go: it runs a program that is not ours. */
static bool on_exec(struct tracee *t)
{
	if (t->role == SUPERVISOR)
		return false;
	if (!runs_from_memfd(t->pid))
		return true;
	t->role = has_init ? HELPER : INIT;
	has_init = true;
	return false;
}

static void on_child(const struct tracee *parent)
{
	unsigned long pid = 0;
	struct tracee *child;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) < 0)
		return;
	child = find((pid_t)pid);
	if (parent->role == INIT)
		child->role = WORKLOAD;
	else if (parent->role == HELPER)
		child->role = ENTERED;
	child->known = true;
	if (child->waits) {
		child->fresh = false;
		ptrace(PTRACE_SYSCALL, child->pid, 0, 0);
	}
}

static void on_stop(struct tracee *t, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;
	long request = PTRACE_SYSCALL;

	/* Nothing of it is counted before its role is known. */
	if (!t->known) {
		t->waits = true;
		return;
	}
	if (signal == (SIGTRAP | 0x80)) {
		on_syscall(t);
		signal = 0;
	} else if (event == PTRACE_EVENT_EXEC) {
		request = on_exec(t) ? PTRACE_DETACH : PTRACE_SYSCALL;
		signal = 0;
	} else if (event) {
		on_child(t);
		signal = 0;
	} else if (signal == SIGSTOP && t->fresh) {
		signal = 0;
	}
	t->fresh = false;
	ptrace(request, t->pid, 0, (long)signal);
	if (request == PTRACE_DETACH)
		t->pid = 0;
}

/*
 * A child that was cloned just now is stopped once by the tracing: whoever left then would leave it
 * stopped for good, and it could not end as it would without a tracer.
 */
static void let_go(void)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	int status;

	for (int naps = 0; naps < 50;) {
		pid_t pid = waitpid(-1, &status, __WALL | WNOHANG);

		if (pid < 0)
			return;
		if (pid == 0) {
			nanosleep(&nap, NULL);
			naps++;
		} else if (WIFSTOPPED(status)) {
			on_stop(find(pid), status);
		} else {
			find(pid)->pid = 0;
		}
	}
}

static int trace(char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC |
		PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	pid_t command = fork(), pid;
	int status;

	if (command < 0)
		die("fork");
	if (command == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(argv[0], argv);
		die(argv[0]);
	}
	tracees[0] = (struct tracee){ .pid = command, .role = SUPERVISOR, .known = true };
	waitpid(command, &status, 0);
	if (ptrace(PTRACE_SETOPTIONS, command, 0, options) < 0)
		die("ptrace");
	ptrace(PTRACE_SYSCALL, command, 0, 0);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status)) {
			on_stop(find(pid), status);
		} else if (pid == command) {
			let_go();
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
		} else {
			find(pid)->pid = 0;
		}
	}
	die("wait");
	return 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: inject list FILE COMMAND...\n"
		"       inject fail ROLE NAME OCCURRENCE ERRNO COMMAND...\n"
		"       inject kill ROLE CALL COMMAND...\n");
	return 99;
}

int main(int argc, char **argv)
{
	char **command;
	int result;

	if (argc > 3 && !strcmp(argv[1], "list")) {
		list = fopen(argv[2], "w");
		if (!list)
			die(argv[2]);
		command = argv + 3;
	} else if (argc > 6 && !strcmp(argv[1], "fail")) {
		fail_role = number(argv[2]);
		fail_call = seccomp_syscall_resolve_name(argv[3]);
		fail_occurrence = (unsigned)number(argv[4]);
		fail_errno = number(argv[5]);
		command = argv + 6;
	} else if (argc > 4 && !strcmp(argv[1], "kill")) {
		kill_role = number(argv[2]);
		kill_call = (unsigned)number(argv[3]);
		command = argv + 4;
	} else {
		return usage();
	}
	result = trace(command);
	if (list && fclose(list) != 0)
		die("list");
	if (!list && !struck) {
		fprintf(stderr, "inject: the call was never made\n");
		return 98;
	}
	return result;
}
