/*
 * The floor for `tidelock run -- true`: the kernel work of its default plan for a root caller,
 * written down by hand, with nothing configurable. What tidelock takes beyond this is its own.
 *
 *   floor FILTER COMMAND...      FILTER: the default filter, compiled (struct sock_filter)
 *
 * Follows `tidelock explain -- true`; spec/bench/run says so when the two mount different things.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS_QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define FIRST_ID "1879048192"

struct clone3 {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

static struct sock_filter filter[4096];
static struct sock_fprog program = { .filter = filter };
static char cwd[4096];

#define must(call) must_be_good((call), #call)

static long must_be_good(long result, const char *call)
{
	if (result < 0) {
		perror(call);
		_exit(125);
	}
	return result;
}

static int open_tree_at(const char *path, unsigned flags)
{
	return (int)must(syscall(SYS_open_tree, AT_FDCWD, path,
				 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

static void set_attr(int tree, uint64_t attr, unsigned flags, int user_ns)
{
	struct mount_attr set = { .attr_set = attr, .userns_fd = (uint64_t)user_ns };

	must(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | flags, &set,
		     sizeof(set)));
}

static void attach(int tree, const char *target)
{
	must(syscall(SYS_move_mount, tree, "", AT_FDCWD, target,
		     MOVE_MOUNT_F_EMPTY_PATH));
	close(tree);
}

/* Below, "usr" is a path of the new root, which is the working directory, "/usr" one of the host. */
static void bind_system(const char *source, const char *target)
{
	int tree = open_tree_at(source, AT_RECURSIVE);

	must(mkdir(target, 0755));
	set_attr(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		 AT_RECURSIVE, 0);
	attach(tree, target);
}

static void bind_device(const char *source, const char *target)
{
	int tree = open_tree_at(source, 0);

	must(mknod(target, S_IFREG | 0644, 0));
	set_attr(tree, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0);
	attach(tree, target);
}

static void mount_new(const char *type, const char *target, unsigned long flags,
		      const char *data)
{
	must(mkdir(target, 0755));
	must(mount(type, target, type, flags, data));
}

static void hide_directory(const char *target)
{
	if (access(target, F_OK) == 0)
		must(mount("tmpfs", target, "tmpfs", MS_QUIET | MS_RDONLY,
			   "nr_blocks=1,nr_inodes=1,mode=0555"));
}

static void hide_file(const char *target)
{
	if (access(target, F_OK) == 0)
		attach(open_tree_at("/dev/null", 0), target);
}

static void make_readonly(const char *target)
{
	int tree;

	if (access(target, F_OK) < 0)
		return;
	tree = open_tree_at(target, AT_RECURSIVE);
	set_attr(tree, MOUNT_ATTR_RDONLY, AT_RECURSIVE, 0);
	attach(tree, target);
}

static void write_file(const char *path, const char *text)
{
	int fd = (int)must(open(path, O_WRONLY | O_CLOEXEC));

	must(write(fd, text, strlen(text)));
	close(fd);
}

static void link_up(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = (int)must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	strcpy(request.ifr_name, "lo");
	must(ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

static int new_root(void)
{
	int fs = (int)must(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)), root;

	must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "1m", 0));
	must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0));
	must(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	root = (int)must(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
				 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
	close(fs);
	must(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
	must(fchdir(root));
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
	must(symlink("/proc/self/fd", "dev/fd"));
	must(symlink("/proc/self/fd/0", "dev/stdin"));
	must(symlink("/proc/self/fd/1", "dev/stdout"));
	must(symlink("/proc/self/fd/2", "dev/stderr"));
	must(symlink("pts/ptmx", "dev/ptmx"));
	mount_new("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_new("tmpfs", "dev/shm", MS_QUIET, "mode=1777");
	mount_new("mqueue", "dev/mqueue", MS_QUIET, NULL);
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
	must(symlink("usr/bin", "bin"));
	must(symlink("usr/sbin", "sbin"));
	must(symlink("usr/lib", "lib"));
	must(symlink("usr/lib32", "lib32"));
	must(symlink("usr/lib64", "lib64"));
	must(mkdir("home", 0755));
	must(mkdir("media", 0755));
	must(mkdir("mnt", 0755));
	must(mkdir("var", 0755));
	mount_new("tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=0755");
	mount_new("tmpfs", "tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_new("tmpfs", "root", MS_NOSUID | MS_NODEV, "mode=0700");
	mount_new("tmpfs", "var/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	must(symlink("/run", "var/run"));
	make_dev();
	mount_new("proc", "proc", MS_QUIET, NULL);
	mount_new("sysfs", "sys", MS_QUIET | MS_RDONLY, NULL);
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
	must(syscall(SYS_pivot_root, ".", "."));
	must(umount2(".", MNT_DETACH));
	set_attr(root, MOUNT_ATTR_RDONLY, 0, 0);
	close(root);
}

static void set_capabilities(uint64_t all)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = {
		{ (uint32_t)all, (uint32_t)all, 0 },
		{ (uint32_t)(all >> 32), (uint32_t)(all >> 32), 0 },
	};

	must(syscall(SYS_capset, &header, sets));
}

static void drop_capabilities(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		must(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
	set_capabilities(0);
}

static void workload(char **argv)
{
	must(setsid());
	umask(022);
	must(chdir(cwd));
	must(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC));
	drop_capabilities();
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
	execvp(argv[0], argv);
	_exit(127);
}

static void inside(int go, int tree, char **argv)
{
	int status;
	char byte;
	pid_t pid;

	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(sethostname("tidelock", 8));
	link_up();
	if (read(go, &byte, 1) != 1)
		_exit(125);
	must(syscall(SYS_setgroups, 0, NULL));
	must(syscall(SYS_setresgid, 0, 0, 0));
	must(syscall(SYS_setresuid, 0, 0, 0));
	must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	set_capabilities(0x1ffffffffff);
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	make_view(tree);
	pid = (pid_t)must(fork());
	if (pid == 0)
		workload(argv);
	while (wait(&status) != pid)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
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
	user_ns = (int)must(open(path, O_RDONLY | O_CLOEXEC));
	set_attr(tree,
		 MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
			 MOUNT_ATTR_NODEV,
		 0, user_ns);
	close(user_ns);
}

int main(int argc, char **argv)
{
	struct clone3 args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
			CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
	};
	int go[2], pidfd, fd, tree, status;
	pid_t pid;

	if (argc < 3)
		return 2;
	fd = (int)must(open(argv[1], O_RDONLY | O_CLOEXEC));
	program.len = (unsigned short)(must(read(fd, filter, sizeof(filter))) / 8);
	close(fd);
	must(getcwd(cwd, sizeof(cwd)) ? 0 : -1);
	must(pipe2(go, O_CLOEXEC));
	tree = open_tree_at(cwd, AT_RECURSIVE);
	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid = (pid_t)must(syscall(SYS_clone3, &args, sizeof(args)));
	if (pid == 0) {
		close(go[1]);
		inside(go[0], tree, argv + 2);
	}
	show_with_ids(pid, tree);
	must(write(go[1], "", 1));
	must(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
