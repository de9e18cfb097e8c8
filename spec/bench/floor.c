/*
 * The floor for `tidelock run -- true`: the kernel work of its default plan for a root caller,
 * written down by hand, with nothing configurable. What tidelock takes beyond this is its own.
 *
 *   floor FILTER COMMAND...      FILTER: the default filter, compiled (struct sock_filter)
 *
 * Follows `tidelock explain -- true`; spec/bench/run says so when the two mount different things.
 */
#include "core/sys/raw.h"
#include "spec/bench/floor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_ID "1879048192"

static struct sock_filter filter[FLOOR_FILTER_MAX];
static struct sock_fprog program = { .filter = filter };
static char cwd[4096];

/* Below, "usr" is a path of the new root, which is the working directory, "/usr" one of the host. */
static void bind_system(const char *source, const char *target)
{
	int tree = open_tree_at(source, AT_RECURSIVE);

	must(raw(mkdir, target, 0755));
	set_attr(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		 AT_RECURSIVE, 0);
	attach(tree, target);
}

static void bind_device(const char *source, const char *target)
{
	int tree = open_tree_at(source, 0);

	must(raw(mknod, target, S_IFREG | 0644, 0));
	set_attr(tree, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0);
	attach(tree, target);
}

static int new_root(void)
{
	int fs = (int)must(raw(fsopen, "tmpfs", FSOPEN_CLOEXEC)), root;

	must(raw(fsconfig, fs, FSCONFIG_SET_STRING, "size", "1m", 0));
	must(raw(fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0));
	must(raw(fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	root = (int)must(
		raw(fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
	close(fs);
	must(raw(move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
	must(raw(fchdir, root));
	return root;
}

static void make_dev(void)
{
	mount_new("tmpfs", "dev", MS_NOSUID | MS_NOEXEC, "mode=0755");
	bind_device("/dev/null", "dev/null");
	bind_device("/dev/zero", "dev/zero");
	bind_device("/dev/full", "dev/full");
	bind_device("/dev/random", "dev/random");
	bind_device("/dev/urandom", "dev/urandom");
	bind_device("/dev/tty", "dev/tty");
	must(raw(symlink, "/proc/self/fd", "dev/fd"));
	must(raw(symlink, "/proc/self/fd/0", "dev/stdin"));
	must(raw(symlink, "/proc/self/fd/1", "dev/stdout"));
	must(raw(symlink, "/proc/self/fd/2", "dev/stderr"));
	must(raw(symlink, "pts/ptmx", "dev/ptmx"));
	mount_new("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_new("tmpfs", "dev/shm", FLOOR_QUIET, "mode=1777");
	mount_new("mqueue", "dev/mqueue", FLOOR_QUIET, NULL);
}

static void make_parents(char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	mkdir(path, 0755);
}

static void make_view(int tree)
{
	int root = new_root();

	bind_system("/usr", "usr");
	bind_system("/etc", "etc");
	bind_system("/opt", "opt");
	must(raw(symlink, "usr/bin", "bin"));
	must(raw(symlink, "usr/sbin", "sbin"));
	must(raw(symlink, "usr/lib", "lib"));
	must(raw(symlink, "usr/lib32", "lib32"));
	must(raw(symlink, "usr/lib64", "lib64"));
	must(raw(mkdir, "home", 0755));
	must(raw(mkdir, "media", 0755));
	must(raw(mkdir, "mnt", 0755));
	must(raw(mkdir, "var", 0755));
	mount_new("tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=0755");
	mount_new("tmpfs", "tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_new("tmpfs", "root", MS_NOSUID | MS_NODEV, "mode=0700");
	mount_new("tmpfs", "var/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	must(raw(symlink, "/run", "var/run"));
	make_dev();
	mount_new("proc", "proc", FLOOR_QUIET, NULL);
	mount_new("sysfs", "sys", FLOOR_QUIET | MS_RDONLY, NULL);
	make_parents(cwd + 1);
	attach(tree, cwd + 1);
	hide_directory("proc/acpi");
	hide_file("proc/interrupts");
	hide_file("proc/keys");
	hide_directory("sys/firmware");
	make_readonly("proc/bus");
	make_readonly("proc/fs");
	make_readonly("proc/irq");
	make_readonly("proc/sys");
	change_root();
	set_attr(root, MOUNT_ATTR_RDONLY, 0, 0);
	close(root);
}

static void workload(char **argv)
{
	must(raw(setsid));
	umask(022);
	must(raw(chdir, cwd));
	must(raw(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC));
	drop_bounding(0);
	set_capabilities(0, 0);
	must(raw(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	load_filter(&program);
	execvp(argv[0], argv);
	_exit(127);
}

static void inside(int go, int tree, char **argv)
{
	int status;
	char byte;
	pid_t pid;

	must(raw(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(raw(mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(raw(sethostname, "tidelock", 8));
	link_up();
	if (read(go, &byte, 1) != 1)
		_exit(125);
	must(raw(setgroups, 0, NULL));
	must(raw(setresgid, 0, 0, 0));
	must(raw(setresuid, 0, 0, 0));
	must(raw(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	set_capabilities(FLOOR_ALL_CAPS, 0);
	must(raw(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(raw(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
	make_view(tree);
	pid = (pid_t)must(fork());
	if (pid == 0)
		workload(argv);
	while (wait(&status) != pid)
		;
	_exit(exit_status(status));
}

static void show_with_ids(pid_t pid, int tree)
{
	char path[64];
	int user_ns;

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	write_file(path, "0 " FIRST_ID " 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	write_file(path, "0 " FIRST_ID " 65536");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	user_ns = open_file(path, O_RDONLY);
	set_attr(tree,
		 MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
			 MOUNT_ATTR_NODEV,
		 0, user_ns);
	close(user_ns);
}

int main(int argc, char **argv)
{
	struct floor_clone args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
			CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
	};
	int go[2] = { -1, -1 }, pidfd, tree, status = 0;
	pid_t pid;

	if (argc < 3)
		return 2;
	read_filter(argv[1], &program);
	must(raw(getcwd, cwd, sizeof(cwd)));
	must(raw(pipe2, go, O_CLOEXEC));
	tree = open_tree_at(cwd, AT_RECURSIVE);
	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid = (pid_t)must(raw(clone3, &args, sizeof(args)));
	if (pid == 0) {
		close(go[1]);
		inside(go[0], tree, argv + 2);
	}
	show_with_ids(pid, tree);
	must(raw(write, go[1], "", 1));
	must(raw(wait4, pid, &status, 0, NULL));
	return exit_status(status);
}
