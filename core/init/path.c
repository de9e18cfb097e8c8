#include "path.h"

#include <errno.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sys/vfs.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

#define MAX_LINKS \
	8 /* on the way to what is not there; the kernel follows 40 to what is */

/* A rename anywhere makes the kernel unsure about "..": it says EAGAIN. */
#define TRIES 1000

static long open_again(struct init *s, int root, const char *path, struct open_how *how)
{
	long fd = -EAGAIN;

	for (unsigned i = 0; i < TRIES && fd == -EAGAIN; i++)
		fd = tl_call(s, openat2, root, path, how, sizeof(*how));
	return fd;
}

static long open_in(struct init *s, int root, const char *path, uint64_t flags,
		    uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve };

	return open_again(s, root, path, &how);
}

long tl_path_look_up(struct init *s, const char *path, uint64_t flags)
{
	return open_in(s, s->root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

enum { ON_PROC, ON_SYS, LAST, MOUNTED };

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static struct tl_mounted *place_of(struct init *s, const char *path)
{
	return &s->mounted[is_same(path, "/proc")	   ? ON_PROC
				   : is_same(path, "/sys") ? ON_SYS
							   : LAST];
}

void tl_path_mounted(struct init *s, const char *path, int fd, bool owned)
{
	struct tl_mounted *place = place_of(s, path);

	if (place->path && place->owned)
		raw(close, place->fd);
	*place = (struct tl_mounted){ path, fd, owned };
}

long tl_path_mounted_on(struct init *s, const char *path, int target)
{
	const struct tl_record *ops = tl_plan_ops(s->plan);
	long fd;

	if (place_of(s, path) == &s->mounted[LAST] &&
	    (s->index + 1 >= s->plan->count ||
	     ops[s->index + 1].code != TL_OP_mount_attr))
		return 0;
	/* A descriptor of a directory stays below what is mounted on it; its ".." is what lies on top. */
	fd = open_in(s, target, "/..", O_DIRECTORY, RESOLVE_IN_ROOT);
	if (fd < 0)
		return fd;
	tl_path_mounted(s, path, (int)fd, true);
	return 0;
}

/* What of a path lies below a directory: "" or "name...", or NULL. */
static const char *rest_of(const char *path, const char *dir)
{
	while (*dir && *path == *dir)
		path++, dir++;
	if (*dir || (*path && *path != '/'))
		return NULL;
	while (*path == '/')
		path++;
	return path;
}

long tl_path_look_up_mounted(struct init *s, const char *path)
{
	for (unsigned i = MOUNTED; i-- > 0;) {
		const struct tl_mounted *on = &s->mounted[i];
		const char *rest = on->path ? rest_of(path, on->path) : NULL;

		if (!rest)
			continue;
		/* Of a file there is nothing below. */
		if (!*rest)
			return tl_call(s, dup, on->fd);
		return open_in(s, on->fd, rest, 0,
			       RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	}
	return tl_path_look_up(s, path, 0);
}

long tl_path_mode(struct init *s, int fd, uint32_t *rdev)
{
	struct statx st;
	long ret = tl_call(s, statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);

	if (ret < 0)
		return ret;
	if (rdev)
		*rdev = st.stx_rdev_major << 8 | st.stx_rdev_minor;
	return st.stx_mode;
}

/* The length of the parent's path: "/a/b" has "/a", "/a" has "/". */
static size_t parent_length(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

/*
 * Where the link at path[0..n] leads, as a path to be resolved in the root like any other: an image
 * may have links whose ends are yet to be made (/etc/resolv.conf into /run).
 */
static long follow(struct init *s, const char *path, size_t n, char to[PATH_LIMIT])
{
	char link[PATH_LIMIT];
	size_t up = parent_length(path, n), name = up;
	autoclose int parent = -1;
	long size;

	while (name < n && path[name] == '/')
		name++;
	memcpy(to, path, up);
	to[up] = '\0';
	parent = (int)tl_path_look_up(s, to, O_DIRECTORY);
	if (parent < 0)
		return parent;
	memcpy(link, path + name, n - name);
	link[n - name] = '\0';
	size = tl_call(s, readlinkat, parent, link, link, sizeof(link) - 1);
	if (size < 0)
		return size;
	link[size] = '\0';
	if (link[0] == '/')
		up = 0;
	else
		to[up++] = '/';
	if (up + (size_t)size >= PATH_LIMIT)
		return -ENAMETOOLONG;
	memcpy(to + up, link, (size_t)size + 1);
	return 0;
}

static long make_directory(struct init *s, const char *path, unsigned links);

/* The directory at path[0..n], which is a link to one that is not there yet. */
static long make_linked(struct init *s, const char *path, size_t n, unsigned links)
{
	char to[PATH_LIMIT];
	long ret = links ? follow(s, path, n, to) : -ELOOP;

	return ret < 0 ? ret : make_directory(s, to, links - 1);
}

/*
 * Make a directory and its parents. Each prefix is resolved anew in the root and the next name
 * made in that directory, so that a symlink on the way leads where it would lead inside, and
 * never out.
 */
static long make_directory(struct init *s, const char *path, unsigned links)
{
	char prefix[PATH_LIMIT];
	size_t n = length(path), missing[64], depth = 0;
	long parent;

	while (n > 1 && path[n - 1] == '/')
		n--;
	memcpy(prefix, path, n);
	prefix[n] = '\0';
	for (;;) { /* up to what is there */
		size_t up = parent_length(path, n);

		missing[depth++] = n;
		prefix[up] = '\0';
		parent = tl_path_look_up(s, prefix, O_DIRECTORY);
		if (parent != -ENOENT || up <= 1)
			break;
		if (depth == sizeof(missing) / sizeof(missing[0]))
			return -ENAMETOOLONG;
		n = up;
	}
	while (depth-- > 0 && parent >= 0) { /* and down again */
		autoclose int fd = (int)parent;
		size_t up = parent_length(path, missing[depth]), name = up;
		long ret;

		while (path[name] == '/')
			name++;
		memcpy(prefix, path, missing[depth]);
		prefix[missing[depth]] = '\0';
		ret = tl_call(s, mkdirat, fd, prefix + name, 0755);
		if (ret < 0 && ret != -EEXIST)
			return ret;
		parent = tl_path_look_up(s, prefix, O_DIRECTORY);
		if (parent == -ENOENT && ret == -EEXIST)
			parent = make_linked(s, path, missing[depth], links);
	}
	return parent;
}

/* Make an empty file to mount on; resolved and created by one call, so nothing can slip between. */
static long make_file(struct init *s, const char *path, unsigned links)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		.mode = 0644,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	char parent[PATH_LIMIT];
	size_t n = parent_length(path, length(path));
	long fd = open_again(s, s->root, path, &how);

	if (fd == -EEXIST) { /* a link to what is not there */
		fd = links ? follow(s, path, length(path), parent) : -ELOOP;
		return fd < 0 ? fd : make_file(s, parent, links - 1);
	}
	if (fd != -ENOENT)
		return fd;
	memcpy(parent, path, n);
	parent[n] = '\0';
	fd = make_directory(s, parent, links);
	if (fd < 0)
		return fd;
	raw(close, fd);
	return open_again(s, s->root, path, &how);
}

/*
 * What is mounted over the kernel's own files is decided by name, so that no link of the root may
 * lead there under another.
 */
static long refuse_proc(struct init *s, const char *path, long fd)
{
	struct statfs fs;
	long ret;

	if (fd < 0 || rest_of(path, "/proc"))
		return fd;
	ret = tl_call(s, fstatfs, fd, &fs);
	if (ret >= 0 && fs.f_type == PROC_SUPER_MAGIC)
		ret = -ELOOP;
	if (ret >= 0)
		return fd;
	raw(close, fd);
	return ret;
}

static bool same_bytes(const char *a, const char *b, size_t n)
{
	while (n && *a++ == *b++)
		n--;
	return n == 0;
}

void tl_path_forget(struct init *s)
{
	close_fd(&s->parent);
	s->parent = -1;
}

long tl_path_parent(struct init *s, const char *path, const char **name)
{
	char parent[PATH_LIMIT];
	size_t n = parent_length(path, length(path));
	long fd;

	*name = path + n;
	while (**name == '/')
		++*name;
	if (s->parent >= 0 && s->parent_length == n &&
	    same_bytes(s->parent_path, path, n))
		return s->parent;
	tl_path_forget(s);
	memcpy(parent, path, n);
	parent[n] = '\0';
	fd = tl_path_look_up(s, parent, O_DIRECTORY);
	if (fd == -ENOENT)
		fd = make_directory(s, parent, MAX_LINKS);
	fd = refuse_proc(s, path, fd);
	if (fd < 0)
		return fd;
	s->parent = (int)fd;
	s->parent_path = path;
	s->parent_length = n;
	return fd;
}

static bool is_plain_name(const char *name)
{
	return name[0] &&
		!(name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) &&
		name[length(name) - 1] != '/';
}

/*
 * A descriptor of a mount point, made when it is not there. One component below a directory that
 * was resolved in the root is not followed if it is a link: that takes the long way.
 */
long tl_path_target(struct init *s, const char *path, bool directory)
{
	const char *name;
	long parent, fd;

	if (!path[1]) {
		tl_path_forget(s);
		return tl_path_look_up(s, path, O_DIRECTORY);
	}
	parent = tl_path_parent(s, path, &name);
	if (parent < 0)
		return parent;
	if (!is_plain_name(name))
		fd = -ELOOP;
	else if (directory)
		fd = tl_call(s, mkdirat, parent, name, 0755);
	else
		fd = tl_call(s, openat, parent, name,
			     O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd >= 0 && !directory)
		return fd;
	if (fd >= 0 || fd == -EEXIST) {
		int flags =
			O_PATH | O_NOFOLLOW | O_CLOEXEC | (directory ? O_DIRECTORY : 0);

		fd = tl_call(s, openat, parent, name, flags, 0);
		if (fd >= 0 && !directory &&
		    (tl_path_mode(s, (int)fd, NULL) & S_IFMT) == S_IFLNK) {
			raw(close, fd);
			fd = -ELOOP;
		}
	}
	if (fd != -ELOOP && fd != -ENOTDIR)
		return fd;
	tl_path_forget(s); /* a link may lead above it */
	fd = tl_path_look_up(s, path, directory ? O_DIRECTORY : 0);
	if (fd != -ENOENT)
		return refuse_proc(s, path, fd);
	return directory ? make_directory(s, path, MAX_LINKS)
			 : make_file(s, path, MAX_LINKS);
}
