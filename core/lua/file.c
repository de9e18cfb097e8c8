/*
 * tidelock.core.file: files by descriptor. Documented in lua/tidelock/meta/file.lua. Every
 * descriptor is O_CLOEXEC; dup2 alone makes one that is not, for the program of an execve.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/kernel.h"
#include "bind.h"
#include "names.h"

static const struct tl_name open_flags[] = {
	{ "rdonly", O_RDONLY },	    { "wronly", O_WRONLY },
	{ "rdwr", O_RDWR },	    { "append", O_APPEND },
	{ "creat", O_CREAT },	    { "directory", O_DIRECTORY },
	{ "dsync", O_DSYNC },	    { "excl", O_EXCL },
	{ "noatime", O_NOATIME },   { "nofollow", O_NOFOLLOW },
	{ "nonblock", O_NONBLOCK }, { "path", O_PATH },
	{ "sync", O_SYNC },	    { "tmpfile", O_TMPFILE },
	{ "trunc", O_TRUNC },	    { NULL, 0 },
};

static const struct tl_name resolve_flags[] = {
	{ "beneath", RESOLVE_BENEATH },
	{ "cached", RESOLVE_CACHED },
	{ "in_root", RESOLVE_IN_ROOT },
	{ "no_magiclinks", RESOLVE_NO_MAGICLINKS },
	{ "no_symlinks", RESOLVE_NO_SYMLINKS },
	{ "no_xdev", RESOLVE_NO_XDEV },
	{ NULL, 0 },
};

static mode_t opt_mode(lua_State *L, int arg, mode_t otherwise)
{
	lua_Integer mode = luaL_optinteger(L, arg, (lua_Integer)otherwise);

	luaL_argcheck(L, mode >= 0 && mode <= 07777, arg, "a mode is 0 to 4095 (07777)");
	return (mode_t)mode;
}

static int file_openat2(lua_State *L)
{
	static const char *const fields[] = { "flags", "mode", "resolve", NULL };
	int dirfd = tl_bind_opt_dirfd(L, 1);
	const char *path = luaL_checkstring(L, 2);
	struct open_how how = { .flags = O_CLOEXEC };

	if (!lua_isnoneornil(L, 3)) {
		tl_names_check_fields(L, 3, fields);
		how.flags |= tl_names_field_flags(L, 3, "flags", open_flags);
		how.resolve = tl_names_field_flags(L, 3, "resolve", resolve_flags);
		lua_getfield(L, 3, "mode");
		how.mode = opt_mode(L, lua_gettop(L), 0);
	}
	/* A terminal that is opened never becomes the controlling one by accident. */
	if (!(how.flags & O_PATH))
		how.flags |= O_NOCTTY;
	return tl_bind_new_fd(L,
			      (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how)));
}

static int file_memfd_create(lua_State *L)
{
	static const struct tl_name names[] = {
		{ "allow_sealing", MFD_ALLOW_SEALING },
		{ "exec", MFD_EXEC },
		{ "hugetlb", MFD_HUGETLB },
		{ "noexec_seal", MFD_NOEXEC_SEAL },
		{ NULL, 0 },
	};
	const char *name = luaL_checkstring(L, 1);
	uint64_t flags = tl_names_check_flags(L, 2, names, "memfd_create");

	return tl_bind_new_fd(L, memfd_create(name, (unsigned)flags | MFD_CLOEXEC));
}

static int file_userfaultfd(lua_State *L)
{
	static const struct tl_name names[] = {
		{ "nonblock", O_NONBLOCK },
		{ "user_mode_only", UFFD_USER_MODE_ONLY },
		{ NULL, 0 },
	};
	uint64_t flags = tl_names_check_flags(L, 1, names, "userfaultfd");

	return tl_bind_new_fd(L,
			      (int)syscall(SYS_userfaultfd, (unsigned)flags | O_CLOEXEC));
}

static const struct tl_name seals[] = {
	{ "seal", F_SEAL_SEAL },
	{ "shrink", F_SEAL_SHRINK },
	{ "grow", F_SEAL_GROW },
	{ "write", F_SEAL_WRITE },
	{ "future_write", F_SEAL_FUTURE_WRITE },
	{ "exec", F_SEAL_EXEC },
	{ NULL, 0 },
};

static int file_add_seals(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1);

	return tl_bind_true(L,
			    fcntl(fd, F_ADD_SEALS,
				  (int)tl_names_check_flags(L, 2, seals, "seals")));
}

static int file_get_seals(lua_State *L)
{
	int bits = fcntl(tl_bind_check_fd(L, 1), F_GET_SEALS);

	if (bits < 0)
		return tl_bind_error(L, errno);
	tl_names_push_flags(L, (uint64_t)bits, seals);
	return 1;
}

static int file_close_range(lua_State *L)
{
	static const struct tl_name names[] = {
		{ "cloexec", CLOSE_RANGE_CLOEXEC },
		{ "unshare", CLOSE_RANGE_UNSHARE },
		{ NULL, 0 },
	};
	lua_Integer first = luaL_checkinteger(L, 1);
	unsigned last = lua_isnoneornil(L, 2) ? ~0u : (unsigned)luaL_checkinteger(L, 2);
	uint64_t flags = tl_names_check_flags(L, 3, names, "close_range");

	luaL_argcheck(L, first >= 0, 1, "a descriptor's number");
	return tl_bind_true(L, close_range((unsigned)first, last, (int)flags));
}

static int file_dup(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1), from = (int)luaL_optinteger(L, 2, 0);

	return tl_bind_new_fd(L, fcntl(fd, F_DUPFD_CLOEXEC, from));
}

static int file_dup2(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1), number = (int)luaL_checkinteger(L, 2);

	if (fd == number)
		return tl_bind_true(L, fcntl(fd, F_SETFD, 0));
	fflush(NULL);
	return tl_bind_true(L, dup2(fd, number));
}

static const char *type_of(mode_t mode)
{
	static const struct tl_name types[] = {
		{ "dir", S_IFDIR },	{ "file", S_IFREG }, { "link", S_IFLNK },
		{ "socket", S_IFSOCK }, { "char", S_IFCHR }, { "block", S_IFBLK },
		{ "fifo", S_IFIFO },	{ NULL, 0 },
	};
	const char *name = tl_names_find(types, mode & S_IFMT);

	return name ? name : "other";
}

static void set_u64(lua_State *L, const char *field, uint64_t value)
{
	tl_bind_push_u64(L, value);
	lua_setfield(L, -2, field);
}

static int file_fstat(lua_State *L)
{
	struct stat st;

	if (fstat(tl_bind_check_fd(L, 1), &st) < 0)
		return tl_bind_error(L, errno);
	lua_createtable(L, 0, 10);
	tl_bind_set_string(L, "type", type_of(st.st_mode));
	tl_bind_set_number(L, "mode", st.st_mode & 07777);
	tl_bind_set_number(L, "uid", st.st_uid);
	tl_bind_set_number(L, "gid", st.st_gid);
	tl_bind_set_number(L, "nlink", (double)st.st_nlink);
	tl_bind_set_number(L, "size", (double)st.st_size);
	set_u64(L, "dev", st.st_dev);
	set_u64(L, "ino", st.st_ino);
	set_u64(L, "rdev", st.st_rdev);
	tl_bind_set_number(L, "mtime",
			   (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9);
	return 1;
}

static int file_mkdirat(lua_State *L)
{
	int dirfd = tl_bind_opt_dirfd(L, 1);

	return tl_bind_true(L,
			    mkdirat(dirfd, luaL_checkstring(L, 2), opt_mode(L, 3, 0777)));
}

static int file_symlinkat(lua_State *L)
{
	const char *target = luaL_checkstring(L, 1);
	int dirfd = tl_bind_opt_dirfd(L, 2);

	return tl_bind_true(L, symlinkat(target, dirfd, luaL_checkstring(L, 3)));
}

static int file_unlinkat(lua_State *L)
{
	static const struct tl_name names[] = { { "removedir", AT_REMOVEDIR },
						{ NULL, 0 } };
	int dirfd = tl_bind_opt_dirfd(L, 1);
	const char *path = luaL_checkstring(L, 2);

	return tl_bind_true(L,
			    unlinkat(dirfd, path,
				     (int)tl_names_check_flags(L, 3, names, "unlinkat")));
}

static int file_chdir(lua_State *L)
{
	return tl_bind_true(L, chdir(luaL_checkstring(L, 1)));
}

static int file_fchdir(lua_State *L)
{
	return tl_bind_true(L, fchdir(tl_bind_check_fd(L, 1)));
}

static int file_umask(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)umask(opt_mode(L, 1, 0)));
	return 1;
}

int tl_lua_open_file(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "openat2", file_openat2 },
		{ "memfd_create", file_memfd_create },
		{ "userfaultfd", file_userfaultfd },
		{ "add_seals", file_add_seals },
		{ "get_seals", file_get_seals },
		{ "close_range", file_close_range },
		{ "dup", file_dup },
		{ "dup2", file_dup2 },
		{ "fstat", file_fstat },
		{ "mkdirat", file_mkdirat },
		{ "symlinkat", file_symlinkat },
		{ "unlinkat", file_unlinkat },
		{ "chdir", file_chdir },
		{ "fchdir", file_fchdir },
		{ "umask", file_umask },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
