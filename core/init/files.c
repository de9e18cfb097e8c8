/* The view of files: everything inside the new root is resolved on descriptors. */
#include "path.h"

#include <errno.h>
#include <linux/stat.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

static long set_attr(struct init *s, int fd, uint64_t attr, bool recursive)
{
	struct mount_attr set = { .attr_set = attr };

	return tl_call(s, mount_setattr, fd, "",
		       AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &set, sizeof(set));
}

static long clone_tree(struct init *s, int fd, bool recursive)
{
	return tl_call(s, open_tree, fd, "",
		       AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			       (recursive ? AT_RECURSIVE : 0));
}

static long attach(struct init *s, int tree, int target)
{
	return tl_call(s, move_mount, tree, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* mount(2) on a descriptor: "." after fchdir is that very directory, whatever its name is now. */
static long mount_from(struct init *s, const char *source, int target, const char *fstype,
		       uint32_t flags, const char *data)
{
	long ret = tl_call(s, fchdir, target);

	if (ret < 0)
		return ret;
	/* NULL, never "": the kernel allocates and copies a page for an empty string. */
	return tl_call(s, mount, source, ".", fstype, flags, data);
}

static long mount_on(struct init *s, int target, const char *fstype, uint32_t flags,
		     const char *data)
{
	return mount_from(s, fstype, target, fstype, flags, data);
}

/* Put a descriptor into its slot; it is of the type that was expected, or is refused. */
static long keep(struct init *s, long fd, uint32_t to, uint32_t expect,
		 uint32_t wanted_rdev)
{
	int slot = tl_slot(to);
	uint32_t rdev = 0;
	long mode, ret;

	if (fd < 0)
		return fd;
	if (fd != slot) {
		ret = tl_call(s, dup3, fd, slot, O_CLOEXEC);
		raw(close, fd);
		if (ret < 0)
			return ret;
	}
	mode = expect == TL_EXPECT_ANY ? 0 : tl_path_mode(s, slot, &rdev);
	if (mode < 0)
		return mode;
	if (expect == TL_EXPECT_DIR && (mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	if (expect == TL_EXPECT_FILE && (mode & S_IFMT) != S_IFREG)
		return -EINVAL;
	if (expect == TL_EXPECT_CHAR &&
	    ((mode & S_IFMT) != S_IFCHR || rdev != wanted_rdev))
		return -EINVAL;
	return 0;
}

long tl_init_open_path(struct init *s, const struct tl_op_open_path *op)
{
	long fd =
		tl_call(s, openat, AT_FDCWD, tl_str(s, op->path), O_PATH | O_CLOEXEC, 0);

	return keep(s, fd, op->slot, op->expect, op->rdev);
}

/* Whoever may write in the directory may swap what lies in it for a link: none is followed. */
long tl_init_open_beneath(struct init *s, const struct tl_op_open_beneath *op)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = tl_call(s, openat2, tl_slot(op->base), tl_str(s, op->path), &how,
			  sizeof(how));

	return keep(s, fd, op->slot, op->expect, 0);
}

long tl_init_propagation(struct init *s, const struct tl_op_propagation *op)
{
	return tl_call(s, mount, NULL, "/", NULL, op->flags, NULL);
}

long tl_init_root_tmpfs(struct init *s, const struct tl_op_root_tmpfs *op)
{
	autoclose int fs = (int)tl_call(s, fsopen, "tmpfs", FSOPEN_CLOEXEC);
	long ret;

	if (fs < 0)
		return fs;
	ret = tl_call(s, fsconfig, fs, FSCONFIG_SET_STRING, "size", tl_str(s, op->size),
		      0);
	if (ret >= 0)
		ret = tl_call(s, fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0);
	if (ret >= 0)
		ret = tl_call(s, fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (ret >= 0)
		ret = tl_call(s, fsmount, fs, FSMOUNT_CLOEXEC,
			      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (ret < 0)
		return ret;
	s->root = (int)ret;
	/* On top of the old root: no directory of the host is needed, and pivot_root accepts it. */
	return tl_call(s, move_mount, s->root, "", AT_FDCWD, "/",
		       MOVE_MOUNT_F_EMPTY_PATH);
}

long tl_init_root_tree(struct init *s, const struct tl_op_root_tree *op)
{
	long ret = tl_slot(op->slot);

	if (!op->tree) {
		ret = clone_tree(s, (int)ret, true);
		if (ret < 0)
			return ret;
	}
	s->root = (int)ret;
	if (op->attr) {
		ret = set_attr(s, s->root, op->attr, true);
		if (ret < 0)
			return ret;
	}
	return tl_call(s, move_mount, s->root, "", AT_FDCWD, "/",
		       MOVE_MOUNT_F_EMPTY_PATH);
}

long tl_init_mkdir(struct init *s, const struct tl_op_mkdir *op)
{
	autoclose int fd = (int)tl_path_target(s, tl_str(s, op->target), true);
	long ret;

	if (fd < 0 || op->mode == 0755)
		return fd < 0 ? fd : 0;
	ret = tl_call(s, fchdir, fd);
	return ret < 0 ? ret : tl_call(s, fchmodat, AT_FDCWD, ".", op->mode);
}

long tl_init_symlink(struct init *s, const struct tl_op_symlink *op)
{
	const char *name;
	long ret = tl_path_parent(s, tl_str(s, op->target), &name);

	if (ret >= 0)
		ret = tl_call(s, symlinkat, tl_str(s, op->to), ret, name);
	return ret == -EEXIST ? 0 : ret;
}

long tl_init_mount(struct init *s, const struct tl_op_mount *op)
{
	autoclose int target = (int)tl_path_target(s, tl_str(s, op->target), true);
	const char *fstype = tl_str(s, op->fstype), *source = tl_str(s, op->source);
	long ret;

	if (target < 0)
		return target;
	ret = mount_from(s, source ? source : fstype, target, fstype, op->flags,
			 tl_str(s, op->data));
	return ret < 0 ? ret : tl_path_mounted_on(s, tl_str(s, op->target), target);
}

/* Of what was mounted there last. */
long tl_init_mount_attr(struct init *s, const struct tl_op_mount_attr *op)
{
	autoclose int target = (int)tl_path_look_up_mounted(s, tl_str(s, op->target));
	struct mount_attr change = {
		.attr_set = op->set,
		.attr_clr = op->clear,
		.propagation = op->propagation,
	};

	if (target < 0)
		return target;
	return tl_call(s, mount_setattr, target, "",
		       AT_EMPTY_PATH | (op->recursive ? AT_RECURSIVE : 0), &change,
		       sizeof(change));
}

long tl_init_bind(struct init *s, const struct tl_op_bind *op)
{
	autoclose int target = -1, tree = -1;
	int from = tl_slot(op->slot);
	long ret = tl_path_mode(s, from, NULL);

	if (ret < 0)
		return ret;
	ret = tl_path_target(s, tl_str(s, op->target), (ret & S_IFMT) == S_IFDIR);
	if (ret < 0)
		return ret;
	target = (int)ret;
	if (!op->tree) {
		ret = clone_tree(s, from, op->recursive);
		if (ret < 0)
			return ret;
		from = tree = (int)ret;
	}
	if (op->attr) {
		ret = set_attr(s, from, op->attr, op->recursive);
		if (ret < 0)
			return ret;
	}
	ret = attach(s, from, target);
	if (ret >= 0) {
		tl_path_mounted(s, tl_str(s, op->target), from, from == tree);
		tree = -1;
	}
	return ret;
}

/*
 * Lower, upper and result are stacked on one directory: the lower tree is there already, a tmpfs
 * for the changes covers it, the overlay covers both. Nothing else needs a place to stand.
 */
long tl_init_overlay(struct init *s, const struct tl_op_overlay *op)
{
	static char data[128];
	const char *path = tl_str(s, op->target),
		   *parts[] = {
			   "userxattr,lowerdir=/proc/self/fd/",
			   ",upperdir=up,workdir=work",
		   };
	/* A descriptor of the root stays below what is mounted on it; its ".." is what lies on top. */
	const char *top = path[1] ? path : "/..";
	autoclose int lower = (int)tl_path_look_up(s, path, O_DIRECTORY), layer = -1;
	size_t n = 0, digits;
	char number[12];
	long ret;

	if (lower < 0)
		return lower;
	tl_path_forget(s);
	ret = mount_on(s, lower, "tmpfs", MS_NOSUID | MS_NODEV, tl_str(s, op->size));
	if (ret < 0)
		return ret;
	layer = (int)tl_path_look_up(s, top, O_DIRECTORY);
	if (layer < 0)
		return layer;
	ret = tl_call(s, mkdirat, layer, "up", 0755);
	if (ret >= 0)
		ret = tl_call(s, mkdirat, layer, "work", 0700);
	if (ret < 0)
		return ret;
	memcpy(data, parts[0], length(parts[0]));
	n = length(parts[0]);
	digits = 0;
	for (int fd = lower; fd; fd /= 10)
		number[digits++] = (char)('0' + fd % 10);
	while (digits)
		data[n++] = number[--digits];
	memcpy(data + n, parts[1], length(parts[1]) + 1);
	/* The working directory is the layer: upper and work are named relative to it. */
	ret = mount_on(s, layer, "overlay", MS_NOSUID | MS_NODEV, data);
	if (ret < 0 || path[1])
		return ret;
	ret = tl_path_look_up(s, top, O_DIRECTORY);
	if (ret < 0)
		return ret;
	s->root = (int)ret;
	return 0;
}

long tl_init_mask(struct init *s, const struct tl_op_mask *op)
{
	autoclose int target = (int)tl_path_look_up_mounted(s, tl_str(s, op->target)),
		      tree = -1;
	long ret;

	tl_path_forget(s);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	ret = tl_path_mode(s, target, NULL);
	if (ret < 0)
		return ret;
	if ((ret & S_IFMT) == S_IFDIR)
		return mount_on(s, target, "tmpfs",
				MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
				"nr_blocks=1,nr_inodes=1,mode=0555");
	ret = clone_tree(s, tl_slot(op->null), false);
	if (ret < 0)
		return ret;
	tree = (int)ret;
	/* It is the host's node: whose owner is root here could change its mode and times. */
	ret = set_attr(s, tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
		       false);
	return ret < 0 ? ret : attach(s, tree, target);
}

long tl_init_readonly(struct init *s, const struct tl_op_readonly *op)
{
	autoclose int target = (int)tl_path_look_up_mounted(s, tl_str(s, op->target)),
		      tree = -1;
	long ret;

	tl_path_forget(s);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	ret = clone_tree(s, target, true);
	if (ret < 0)
		return ret;
	tree = (int)ret;
	ret = set_attr(s, tree, MOUNT_ATTR_RDONLY, true);
	return ret < 0 ? ret : attach(s, tree, target);
}

long tl_init_seal_root(struct init *s, const struct tl_op_seal_root *op)
{
	(void)op;
	return set_attr(s, s->root, MOUNT_ATTR_RDONLY, false);
}

long tl_init_pivot(struct init *s, const struct tl_op_pivot *op)
{
	long ret = tl_call(s, fchdir, s->root);

	(void)op;
	return ret < 0 ? ret : tl_call(s, pivot_root, ".", ".");
}

long tl_init_detach_old(struct init *s, const struct tl_op_detach_old *op)
{
	(void)op;
	/* pivot_root(".", ".") left the old root mounted on top of the new one, which is ".". */
	return tl_call(s, umount2, ".", MNT_DETACH);
}

long tl_init_private_proc(struct init *s, const struct tl_op_private_proc *op)
{
	autoclose int fs = (int)tl_call(s, fsopen, "proc", FSOPEN_CLOEXEC);
	long ret;

	(void)op;
	if (fs < 0)
		return fs;
	ret = tl_call(s, fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (ret >= 0)
		ret = tl_call(s, fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (ret < 0)
		return ret;
	s->proc = (int)ret;
	return 0;
}

/*
 * "net.ipv4.ip_forward" is sys/net/ipv4/ip_forward of the procfs that nobody else can reach; a slash
 * in the name is a dot in a file's name: "net.ipv4.conf.eth0/1.forwarding" (sysctl(8)).
 */
long tl_init_sysctl(struct init *s, const struct tl_op_sysctl *op)
{
	char path[256] = "sys/";
	const char *name = tl_str(s, op->name), *value = tl_str(s, op->value);
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	size_t n = length(name);
	autoclose int fd = -1;
	long ret;

	if (n + 5 > sizeof(path))
		return -ENOENT;
	for (size_t i = 0; i <= n; i++) {
		/* A component never begins with a dot: ".." would lead to another sysctl than it says. */
		if (name[i] == '/' && (i == 0 || name[i - 1] == '.'))
			return -ENOENT;
		path[4 + i] = name[i] == '.' ? '/' : name[i] == '/' ? '.' : name[i];
	}
	fd = (int)tl_call(s, openat2, s->proc, path, &how, sizeof(how));
	if (fd < 0)
		return fd;
	ret = tl_call(s, write, fd, value, length(value));
	return ret < 0 ? ret : 0;
}

/*
 * No link of /proc/self/fd is followed (CVE-2024-21626): by a descriptor of init's own one comes to
 * a tree below what is mounted on it, such as the lower one of an overlay, past what hides it.
 */
long tl_init_chdir(struct init *s, const struct tl_op_chdir *op)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	autoclose int fd = (int)tl_call(s, openat2, AT_FDCWD, tl_str(s, op->path), &how,
					sizeof(how));
	char where[PATH_LIMIT];
	long ret;

	if (fd < 0)
		return fd;
	ret = tl_call(s, fchdir, fd);
	if (ret < 0)
		return ret;
	ret = tl_call(s, getcwd, where, sizeof(where));
	if (ret < 0)
		return ret;
	/* The kernel writes "(unreachable)" before a directory that is not below the root. */
	return where[0] == '/' ? 0 : -EACCES;
}
