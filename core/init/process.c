/* Identity, confinement, fork, exec, and the life of PID 1. */
#include "init.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

#define LAST_CAP 63

long tl_init_pdeathsig(struct init *s, const struct tl_op_pdeathsig *op)
{
	struct pollfd link = { TL_FD_LINK, 0, 0 };
	long ret = tl_call(s, prctl, PR_SET_PDEATHSIG, op->signal, 0, 0, 0);

	if (ret < 0)
		return ret;
	/* Who died before that sends no signal, but has closed its end. */
	ret = tl_call(s, poll, &link, 1, 0);
	return ret > 0 ? -EPIPE : ret;
}

long tl_init_dumpable(struct init *s, const struct tl_op_dumpable *op)
{
	return tl_call(s, prctl, PR_SET_DUMPABLE, op->value, 0, 0, 0);
}

long tl_init_join_cgroup(struct init *s, const struct tl_op_join_cgroup *op)
{
	long ret = tl_call(s, write, tl_slot(op->slot), "0", 1);

	return ret < 0 ? ret : 0;
}

long tl_init_setns(struct init *s, const struct tl_op_setns *op)
{
	long ret = tl_call(s, setns, tl_slot(op->slot), tl_u64_value(op->flags));

	raw(close, tl_slot(op->slot)); /* nothing of it goes on inside */
	s->joined = true;
	return ret;
}

long tl_init_unshare(struct init *s, const struct tl_op_unshare *op)
{
	return tl_call(s, unshare, tl_u64_value(op->flags));
}

static uint32_t length(const char *s)
{
	uint32_t n = 0;

	while (s[n])
		n++;
	return n;
}

static size_t decimal(char text[12], int32_t value)
{
	uint32_t rest = value < 0 ? -(uint32_t)value : (uint32_t)value;
	char digits[12];
	size_t n = 0, size = 0;

	do
		digits[n++] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (value < 0)
		text[size++] = '-';
	while (n)
		text[size++] = digits[--n];
	return size;
}

/* While the host's /proc is still in view: that of the box may lie. */
long tl_init_oom_score_adj(struct init *s, const struct tl_op_oom_score_adj *op)
{
	long fd = tl_call(s, openat, AT_FDCWD, "/proc/self/oom_score_adj",
			  O_WRONLY | O_CLOEXEC, 0);
	struct statfs fs;
	char text[12];
	long ret;

	if (fd < 0)
		return fd;
	ret = tl_call(s, fstatfs, fd, &fs);
	if (ret >= 0 && fs.f_type != PROC_SUPER_MAGIC)
		ret = -ENODEV;
	if (ret >= 0)
		ret = tl_call(s, write, fd, text, decimal(text, op->value));
	raw(close, fd);
	return ret < 0 ? ret : 0;
}

long tl_init_personality(struct init *s, const struct tl_op_personality *op)
{
	long ret = tl_call(s, personality, op->persona);

	return ret < 0 ? ret : 0;
}

long tl_init_sethostname(struct init *s, const struct tl_op_sethostname *op)
{
	const char *name = tl_str(s, op->name);

	return tl_call(s, sethostname, name, length(name));
}

long tl_init_setdomainname(struct init *s, const struct tl_op_setdomainname *op)
{
	const char *name = tl_str(s, op->name);

	return tl_call(s, setdomainname, name, length(name));
}

long tl_init_link_up(struct init *s, const struct tl_op_link_up *op)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	const char *name = tl_str(s, op->name);
	long fd, ret;

	for (int i = 0; i < IFNAMSIZ - 1 && name[i]; i++)
		request.ifr_name[i] = name[i];
	fd = tl_call(s, socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	ret = tl_call(s, ioctl, fd, SIOCSIFFLAGS, &request);
	raw(close, fd);
	return ret;
}

long tl_init_setgroups(struct init *s, const struct tl_op_setgroups *op)
{
	return tl_call(s, setgroups, op->gids.size / sizeof(uint32_t),
		       tl_plan_at(s->plan, op->gids.offset));
}

long tl_init_setresgid(struct init *s, const struct tl_op_setresgid *op)
{
	return tl_call(s, setresgid, op->gid, op->gid, op->gid);
}

long tl_init_setresuid(struct init *s, const struct tl_op_setresuid *op)
{
	return tl_call(s, setresuid, op->uid, op->uid, op->uid);
}

/* The workload's own process: PID 1 stays behind, and does not come back from here. */
long tl_init_fork(struct init *s, const struct tl_op_fork *op)
{
	int ends[2];
	long pid = tl_call(s, pipe2, ends, O_CLOEXEC);

	(void)op;
	if (pid < 0)
		return pid;
	pid = tl_call(s, clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		return pid;
	s->fork_index = s->index;
	s->settled = ends[pid > 0];
	raw(close, ends[pid == 0]);
	if (pid > 0) {
		tl_init_lane(s, TL_BESIDE);
		tl_init_reap(s, (int)pid);
	}
	return 0;
}

/*
 * This process has joined the box's namespaces, and its children are born in the pid namespace.
 * The child is the supervisor's, which gets a pidfd of it; this process stays outside and leaves.
 */
long tl_init_enter(struct init *s, const struct tl_op_enter *op)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_PARENT_SETTID,
		.pidfd = (uintptr_t)&pidfd,
		/* Before it runs: if this process ends too soon, the supervisor finds its child. */
		.parent_tid = (uintptr_t)&s->page->entered,
	};
	long ret = tl_call(s, clone3, &args, sizeof(args));

	(void)op;
	s->entered = ret == 0;
	if (ret <= 0)
		return ret;
	ret = tl_init_send_file(s, pidfd);
	for (;;)
		raw(exit_group, ret < 0);
}

long tl_init_leave(struct init *s, const struct tl_op_leave *op)
{
	(void)s;
	(void)op;
	for (;;)
		raw(exit_group, 0);
}

long tl_init_settle(struct init *s, const struct tl_op_settle *op)
{
	char byte;
	long ret = tl_call(s, read, s->settled, &byte, 1);

	(void)op;
	if (ret < 0)
		return ret;
	/* The end of the file: PID 1 failed, and the kernel is about to end this process, too. */
	return ret == 1 ? 0 : -EPIPE;
}

long tl_init_setsid(struct init *s, const struct tl_op_setsid *op)
{
	long ret = tl_call(s, setsid);

	(void)op;
	return ret < 0 ? ret : 0;
}

long tl_init_dup(struct init *s, const struct tl_op_dup *op)
{
	long ret;

	if (tl_slot(op->slot) == (int)op->fd)
		ret = tl_call(s, fcntl, op->fd, F_SETFD, 0);
	else
		ret = tl_call(s, dup3, tl_slot(op->slot), op->fd, 0);
	return ret < 0 ? ret : 0;
}

long tl_init_umask(struct init *s, const struct tl_op_umask *op)
{
	(void)s;
	raw(umask, op->mode);
	return 0;
}

/* The first slot that no later operation passes on. */
static unsigned last_passed(const struct init *s)
{
	const struct tl_record *ops = tl_plan_ops(s->plan);
	unsigned end = 0;

	for (unsigned i = s->index + 1; i < s->plan->count; i++) {
		const struct tl_op_dup *dup = (const void *)&ops[i];

		if (ops[i].code == TL_OP_dup && dup->slot >= end)
			end = dup->slot + 1;
	}
	return end;
}

/*
 * At once, not at exec: execve resolves its path, and what a script or a program names as its
 * interpreter, before it closes anything. A link to /proc/self/fd/N/../.. would lead through a
 * bind's source to any program of the host, which could then be written by way of /proc/self/exe.
 */
long tl_init_close_fds(struct init *s, const struct tl_op_close_fds *op)
{
	bool among_others = s->entered || s->joined;
	long ret;

	(void)op;
	/*
	 * Where others live the link is closed here and now as well: execve gives the process memory
	 * that belongs to the box's user namespace before it closes anything, and who has
	 * CAP_SYS_PTRACE there could take a descriptor in between.
	 */
	ret = tl_call(s, close_range, 3, among_others ? TL_FD_SLOT0 - 1 : TL_FD_LINK - 1,
		      0);
	if (ret >= 0 && !among_others)
		ret = tl_call(s, close_range, TL_FD_LINK + 1, TL_FD_SLOT0 - 1, 0);
	if (ret >= 0)
		ret = tl_call(s, close_range, tl_slot(last_passed(s)), ~0u, 0);
	return ret < 0 ? ret : tl_call(s, close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
}

long tl_init_rlimit(struct init *s, const struct tl_op_rlimit *op)
{
	uint64_t limit[2] = { tl_u64_value(op->soft), tl_u64_value(op->hard) };

	return tl_call(s, prlimit64, 0, op->resource, limit, NULL);
}

long tl_init_drop_bounding(struct init *s, const struct tl_op_drop_bounding *op)
{
	uint64_t keep = tl_u64_value(op->keep);

	for (unsigned cap = 0; cap <= LAST_CAP; cap++) {
		long ret;

		if (keep >> cap & 1)
			continue;
		ret = tl_call(s, prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (ret == -EINVAL && cap > CAP_CHOWN)
			break; /* the first number that this kernel does not know */
		if (ret < 0)
			return ret;
	}
	return 0;
}

long tl_init_keepcaps(struct init *s, const struct tl_op_keepcaps *op)
{
	(void)op;
	return tl_call(s, prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

long tl_init_set_capabilities(struct init *s, struct tl_u64 effective,
			      struct tl_u64 permitted, struct tl_u64 inheritable)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ effective.low, permitted.low, inheritable.low },
		{ effective.high, permitted.high, inheritable.high },
	};

	return tl_call(s, capset, &header, data);
}

long tl_init_capset(struct init *s, const struct tl_op_capset *op)
{
	return tl_init_set_capabilities(s, op->effective, op->permitted, op->inheritable);
}

long tl_init_ambient(struct init *s, const struct tl_op_ambient *op)
{
	uint64_t raise = tl_u64_value(op->raise);
	long ret = tl_call(s, prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

	for (unsigned cap = 0; cap <= LAST_CAP && ret >= 0; cap++)
		if (raise >> cap & 1)
			ret = tl_call(s, prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap,
				      0, 0);
	return ret;
}

long tl_init_no_new_privs(struct init *s, const struct tl_op_no_new_privs *op)
{
	(void)op;
	return tl_call(s, prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

long tl_init_sigmask(struct init *s, const struct tl_op_sigmask *op)
{
	uint64_t mask = tl_u64_value(op->mask);

	return tl_call(s, rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

long tl_init_seccomp(struct init *s, const struct tl_op_seccomp *op)
{
	struct {
		uint16_t count;
		const char *filter;
	} program = { (uint16_t)(op->filter.size / 8),
		      tl_plan_at(s->plan, op->filter.offset) };
	long ret = tl_call(s, seccomp, SECCOMP_SET_MODE_FILTER, op->flags, &program);

	s->filtered = ret >= 0;
	return ret;
}

static char **fill_vector(const struct init *s, struct tl_span span, char **to)
{
	char *p = (char *)tl_plan_at(s->plan, span.offset);

	for (uint32_t i = 0; i < span.size; i += length(p + i) + 1)
		*to++ = p + i;
	*to++ = NULL;
	return to;
}

long tl_init_exec(struct init *s, const struct tl_op_exec *op)
{
	const char *path = tl_plan_at(s->plan, op->path.offset);
	char **argv = s->vectors, **envp = fill_vector(s, op->argv, argv);
	long ret = -ENOENT, kept = -ENOENT;

	fill_vector(s, op->envp, envp);
	s->page->state |= TL_PAGE_EXEC;
	/* As execvp(3): go on past what is not there, remember what is there and may not be run. */
	for (uint32_t i = 0; i < op->path.size; i += length(path + i) + 1) {
		ret = raw(execve, path + i, argv, envp);
		if (ret == -EACCES)
			kept = ret;
		else if (ret != -ENOENT && ret != -ENOTDIR)
			break;
	}
	s->call = __NR_execve;
	return ret == -ENOENT || ret == -ENOTDIR ? kept : ret;
}
