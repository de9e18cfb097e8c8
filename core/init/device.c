/* Device nodes, where the box has a real root to make them: every one in a directory that is held. */
#include "path.h"

#include <errno.h>
#include <linux/stat.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

/* A rootfs may bring a node of its own: it is taken if it is the very device, and no link is followed. */
static long check_node(struct init *s, int fd, const struct tl_op_mknod *op)
{
	struct statx st;
	long ret = tl_call(s, statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);

	if (ret < 0)
		return ret;
	if ((st.stx_mode & S_IFMT) != (op->mode & S_IFMT))
		return -EEXIST;
	if ((op->mode & S_IFMT) == S_IFIFO)
		return 0;
	return st.stx_rdev_major == op->major && st.stx_rdev_minor == op->minor ? 0
										: -EEXIST;
}

/* As mknod(2) takes a device number: the kernel's new_encode_dev(). */
static uint32_t encode_device(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

/* The umask is 0 by then, so that the mode is the one that was asked for. */
long tl_init_mknod(struct init *s, const struct tl_op_mknod *op)
{
	const char *name;
	autoclose int fd = -1;
	long parent = tl_path_parent(s, tl_str(s, op->target), &name), ret;

	if (parent < 0)
		return parent;
	ret = tl_call(s, mknodat, parent, name, op->mode,
		      encode_device(op->major, op->minor));
	if (ret >= 0 && !op->uid && !op->gid)
		return 0;
	if (ret < 0 && ret != -EEXIST)
		return ret;
	fd = (int)tl_call(s, openat, parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	ret = check_node(s, fd, op);
	if (ret < 0)
		return ret;
	return tl_call(s, fchownat, fd, "", op->uid, op->gid, AT_EMPTY_PATH);
}

/*
 * Descriptor 0 is the slave that open_pty made, so that no name is asked where it is: what lies at
 * /dev/pts/N may be anything by now (CVE-2025-52565).
 */
long tl_init_console(struct init *s, const struct tl_op_console *op)
{
	autoclose int target = -1, tree = -1;
	long ret = tl_call(s, fchown, 0, op->uid, -1);

	if (ret < 0)
		return ret;
	ret = tl_path_target(s, tl_str(s, op->target), false);
	if (ret < 0)
		return ret;
	target = (int)ret;
	ret = tl_call(s, open_tree, 0, "",
		      AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (ret < 0)
		return ret;
	tree = (int)ret;
	return tl_call(s, move_mount, tree, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
