/*
 * What the floors share: the kernel work of a container written down by hand, each step as few
 * system calls as it can be. Raw calls, so that a floor without a libc can have them too: each
 * returns -errno, and must() ends the process, status 125, at the first that fails.
 */
#pragma once

#include "core/sys/raw.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FLOOR_QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define FLOOR_ALL_CAPS 0x1ffffffffff
#define FLOOR_FILTER_MAX 4096

struct floor_clone {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

#define must(call) must_be_good((call), #call)

static inline size_t length_of(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

static inline void complain(const char *text)
{
	(void)raw(write, 2, text, length_of(text));
}

static inline long must_be_good(long result, const char *call)
{
	char number[] = ": error 000\n";

	if (result >= 0)
		return result;
	for (int place = 10; place >= 8; place--, result /= 10)
		number[place] = (char)('0' - result % 10);
	complain(call);
	complain(number);
	raw(exit_group, 125);
	__builtin_unreachable();
}

static inline int open_file(const char *path, int flags)
{
	return (int)must(raw(openat, AT_FDCWD, path, flags | O_CLOEXEC));
}

static inline void write_file(const char *path, const char *text)
{
	int fd = open_file(path, O_WRONLY);

	must(raw(write, fd, text, length_of(text)));
	raw(close, fd);
}

static inline int open_tree_at(const char *path, unsigned flags)
{
	return (int)must(raw(open_tree, AT_FDCWD, path,
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

static inline void set_attr(int tree, uint64_t attr, unsigned flags, int user_ns)
{
	struct mount_attr set = { .attr_set = attr, .userns_fd = (uint64_t)user_ns };

	must(raw(mount_setattr, tree, "", AT_EMPTY_PATH | flags, &set, sizeof(set)));
}

static inline void attach(int tree, const char *target)
{
	must(raw(move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
	raw(close, tree);
}

static inline void mount_at(const char *type, const char *target, unsigned long flags,
			    const char *data)
{
	must(raw(mount, type, target, type, flags, data));
}

static inline void mount_new(const char *type, const char *target, unsigned long flags,
			     const char *data)
{
	must(raw(mkdir, target, 0755));
	mount_at(type, target, flags, data);
}

static inline void hide_directory(const char *target)
{
	if (raw(access, target, F_OK) == 0)
		mount_at("tmpfs", target, FLOOR_QUIET | MS_RDONLY,
			 "nr_blocks=1,nr_inodes=1,mode=0555");
}

static inline void hide_file(const char *target)
{
	if (raw(access, target, F_OK) == 0)
		attach(open_tree_at("/dev/null", 0), target);
}

static inline void make_readonly(const char *target)
{
	int tree;

	if (raw(access, target, F_OK) < 0)
		return;
	tree = open_tree_at(target, AT_RECURSIVE);
	set_attr(tree, MOUNT_ATTR_RDONLY, AT_RECURSIVE, 0);
	attach(tree, target);
}

static inline void link_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = (int)must(raw(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	must(raw(ioctl, fd, SIOCSIFFLAGS, &request));
	raw(close, fd);
}

/* Permitted and effective; what is inheritable. */
static inline void set_capabilities(uint64_t all, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = {
		{ (uint32_t)all, (uint32_t)all, (uint32_t)inheritable },
		{ (uint32_t)(all >> 32), (uint32_t)(all >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	must(raw(capset, &header, sets));
}

static inline void drop_bounding(uint64_t keep)
{
	for (int cap = 0; raw(prctl, PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep >> cap & 1))
			must(raw(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0));
}

/* The working directory becomes the root, and the old one goes. */
static inline void change_root(void)
{
	must(raw(pivot_root, ".", "."));
	must(raw(umount2, ".", MNT_DETACH));
}

static inline void read_filter(const char *path, struct sock_fprog *program)
{
	int fd = open_file(path, O_RDONLY);

	program->len = (unsigned short)(must(raw(read, fd, program->filter,
						 FLOOR_FILTER_MAX * 8)) /
					8);
	raw(close, fd);
}

static inline void load_filter(const struct sock_fprog *program)
{
	must(raw(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (program->len)
		must(raw(seccomp, SECCOMP_SET_MODE_FILTER, 0, program));
}

static inline int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
