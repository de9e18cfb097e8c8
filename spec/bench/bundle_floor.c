/*
 * The floor for `tidelock run --bundle`: the kernel work that the bundles of bundle.lua ask for,
 * written down by hand, with nothing configurable and no libc.
 *
 *   bundle_floor ROOTFS FILTER|- CGROUP|- COMMAND...
 *
 * FILTER: compiled (struct sock_filter); CGROUP: a name, for limits on memory, pids and cpu in
 * cgroups v1. spec/bench/probe.lua says where what it makes differs from what the others make.
 */
#include "core/sys/raw.h"
#include "spec/bench/floor.h"

#include <sys/resource.h>

#define CAP(name) (1ULL << CAP_##name)
#define KEPT_CAPS (CAP(AUDIT_WRITE) | CAP(KILL) | CAP(NET_BIND_SERVICE))

/* The freezer has no limit: it is how all of a container's processes are killed at once. */
static const struct limit {
	const char *controller, *file, *value;
} limits[] = {
	{ "freezer", NULL, NULL },
	{ "memory", "memory.limit_in_bytes", "268435456" },
	{ "pids", "pids.max", "64" },
	{ "cpu", "cpu.cfs_period_us", "100000" },
	{ "cpu", "cpu.cfs_quota_us", "100000" },
};
#define LIMITS (sizeof(limits) / sizeof(limits[0]))

static struct sock_filter filter[FLOOR_FILTER_MAX];
static struct sock_fprog program = { .filter = filter };

/* gcc may call these two, whatever else it is told. */
void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

void *memset(void *to, int value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = (char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

/* /sys/fs/cgroup/CONTROLLER/NAME, and /FILE unless it is NULL. */
static const char *cgroup_path(const char *controller, const char *name, const char *file)
{
	static char path[512];
	const char *parts[] = { "/sys/fs/cgroup", controller, name, file };
	size_t used = 0;

	for (size_t i = 0; i < 4 && parts[i]; i++) {
		size_t length = length_of(parts[i]);

		if (used + length + 2 > sizeof(path))
			raw(exit_group, 125);
		if (i)
			path[used++] = '/';
		memcpy(path + used, parts[i], length);
		used += length;
	}
	path[used] = '\0';
	return path;
}

static int first_of_controller(size_t i)
{
	return i == 0 || limits[i].controller != limits[i - 1].controller;
}

static void make_cgroups(const char *name)
{
	for (size_t i = 0; i < LIMITS; i++) {
		const struct limit *limit = &limits[i];

		if (first_of_controller(i))
			must(raw(mkdir, cgroup_path(limit->controller, name, NULL),
				 0755));
		if (limit->file)
			write_file(cgroup_path(limit->controller, name, limit->file),
				   limit->value);
	}
}

static void join_cgroups(const char *name)
{
	for (size_t i = 0; i < LIMITS; i++)
		if (first_of_controller(i))
			write_file(cgroup_path(limits[i].controller, name, "tasks"), "0");
}

static void remove_cgroups(const char *name)
{
	for (size_t i = 0; i < LIMITS; i++)
		if (first_of_controller(i))
			must(raw(rmdir, cgroup_path(limits[i].controller, name, NULL)));
}

static void make_device(const char *path, unsigned major, unsigned minor)
{
	must(raw(mknod, path, S_IFCHR | 0666, major << 8 | minor));
}

static void make_dev(void)
{
	mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	mount_new("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_new("tmpfs", "dev/shm", FLOOR_QUIET, "mode=1777,size=65536k");
	mount_new("mqueue", "dev/mqueue", FLOOR_QUIET, NULL);
	make_device("dev/null", 1, 3);
	make_device("dev/zero", 1, 5);
	make_device("dev/full", 1, 7);
	make_device("dev/random", 1, 8);
	make_device("dev/urandom", 1, 9);
	make_device("dev/tty", 5, 0);
	must(raw(symlink, "/proc/self/fd", "dev/fd"));
	must(raw(symlink, "/proc/self/fd/0", "dev/stdin"));
	must(raw(symlink, "/proc/self/fd/1", "dev/stdout"));
	must(raw(symlink, "/proc/self/fd/2", "dev/stderr"));
	must(raw(symlink, "pts/ptmx", "dev/ptmx"));
}

static void make_root(const char *rootfs)
{
	int root = open_tree_at(rootfs, AT_RECURSIVE);

	set_attr(root, MOUNT_ATTR_RDONLY, 0, 0);
	must(raw(move_mount, root, "", AT_FDCWD, rootfs, MOVE_MOUNT_F_EMPTY_PATH));
	must(raw(fchdir, root));
	mount_at("proc", "proc", 0, NULL);
	make_dev();
	mount_at("sysfs", "sys", FLOOR_QUIET | MS_RDONLY, NULL);
	change_root();
	hide_directory("proc/acpi");
	hide_directory("proc/asound");
	hide_file("proc/kcore");
	hide_file("proc/keys");
	hide_file("proc/latency_stats");
	hide_file("proc/timer_list");
	hide_file("proc/timer_stats");
	hide_file("proc/sched_debug");
	hide_directory("sys/firmware");
	hide_directory("proc/scsi");
	make_readonly("proc/bus");
	make_readonly("proc/fs");
	make_readonly("proc/irq");
	make_readonly("proc/sys");
	make_readonly("proc/sysrq-trigger");
}

static void inside(const char *rootfs, const char *cgroup, char **argv)
{
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm", NULL
	};
	static const struct rlimit files = { 1024, 1024 };

	must(raw(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	if (cgroup)
		join_cgroups(cgroup);
	must(raw(mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(raw(sethostname, "bench", 5));
	link_up();
	make_root(rootfs);
	must(raw(setsid));
	must(raw(chdir, "/"));
	must(raw(umask, 022));
	must(raw(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC));
	must(raw(prlimit64, 0, RLIMIT_NOFILE, &files, NULL));
	drop_bounding(KEPT_CAPS);
	set_capabilities(KEPT_CAPS, 0);
	load_filter(&program);
	must(raw(execve, argv[0], argv, environment));
}

void floor_main(long *stack);

void floor_main(long *stack)
{
	struct floor_clone args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	char **argv = (char **)(stack + 1);
	const char *cgroup;
	int status = 0;
	long pid;

	if (*stack < 5) {
		complain("usage: bundle_floor ROOTFS FILTER|- CGROUP|- COMMAND...\n");
		raw(exit_group, 2);
	}
	cgroup = argv[3][0] == '-' ? NULL : argv[3];
	if (argv[2][0] != '-')
		read_filter(argv[2], &program);
	if (cgroup)
		make_cgroups(cgroup);
	pid = must(raw(clone3, &args, sizeof(args)));
	if (pid == 0)
		inside(argv[1], cgroup, argv + 4);
	must(raw(wait4, pid, &status, 0, NULL));
	if (cgroup)
		remove_cgroups(cgroup);
	raw(exit_group, exit_status(status));
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n"
	"\tcall floor_main\n\tud2\n");
