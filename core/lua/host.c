/* tidelock.core.host: facts of the host, for normalise (lua/tidelock/facts.lua). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../host/record.h"
#include "../sys/fd.h"
#include "../sys/kernel.h"
#include "bind.h"

static const char *type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "dir";
	case S_IFREG:
		return "file";
	case S_IFLNK:
		return "link";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	default:
		return "other";
	}
}

static void set_number(lua_State *L, const char *name, double value)
{
	lua_pushnumber(L, value);
	lua_setfield(L, -2, name);
}

/* stat(path, follow) -> {type, uid, gid, mode, size, dev, ino, mtime, rdev} | nil, code, errno */
static int host_stat(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int follow = lua_isnone(L, 2) || lua_toboolean(L, 2);
	struct stat st;

	if (fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return tl_bind_error(L, errno);
	lua_createtable(L, 0, 9);
	lua_pushstring(L, type_of(st.st_mode));
	lua_setfield(L, -2, "type");
	set_number(L, "uid", st.st_uid);
	set_number(L, "gid", st.st_gid);
	set_number(L, "mode", st.st_mode & 07777);
	set_number(L, "size", (double)st.st_size);
	set_number(L, "dev", (double)st.st_dev);
	set_number(L, "ino", (double)st.st_ino);
	set_number(L, "mtime",
		   (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9);
	set_number(L, "rdev", major(st.st_rdev) << 8 | minor(st.st_rdev));
	return 1;
}

static int host_readlink(lua_State *L)
{
	char target[PATH_MAX];
	ssize_t n = readlink(luaL_checkstring(L, 1), target, sizeof(target));

	if (n < 0)
		return tl_bind_error(L, errno);
	lua_pushlstring(L, target, (size_t)n);
	return 1;
}

static int host_realpath(lua_State *L)
{
	char path[PATH_MAX];

	if (!realpath(luaL_checkstring(L, 1), path))
		return tl_bind_error(L, errno);
	lua_pushstring(L, path);
	return 1;
}

static int host_getcwd(lua_State *L)
{
	char path[PATH_MAX];

	if (!getcwd(path, sizeof(path)))
		return tl_bind_error(L, errno);
	lua_pushstring(L, path);
	return 1;
}

static void push_groups(lua_State *L)
{
	gid_t *groups;
	int n = getgroups(0, NULL);

	lua_newtable(L);
	if (n <= 0)
		return;
	groups = lua_newuserdata(L, (size_t)n * sizeof(*groups));
	n = getgroups(n, groups);
	for (int i = 0; i < n; i++) {
		lua_pushnumber(L, groups[i]);
		lua_rawseti(L, -3, i + 1);
	}
	lua_pop(L, 1);
}

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version =
							   _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	syscall(SYS_capget, &header, data);
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* ids() -> {uid, gid, euid, egid, groups, caps_effective, last_cap} */
static int host_ids(lua_State *L)
{
	lua_newtable(L);
	set_number(L, "uid", getuid());
	set_number(L, "gid", getgid());
	set_number(L, "euid", geteuid());
	set_number(L, "egid", getegid());
	push_groups(L);
	lua_setfield(L, -2, "groups");
	tl_bind_push_u64(L, effective_capabilities());
	lua_setfield(L, -2, "caps_effective");
	set_number(L, "last_cap", (double)cap_max_bits() - 1);
	return 1;
}

/* environ() -> {"NAME=value", ...} */
static int host_environ(lua_State *L)
{
	lua_newtable(L);
	for (int i = 0; environ && environ[i]; i++) {
		lua_pushstring(L, environ[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int read_all(lua_State *L, int fd, size_t limit)
{
	luaL_Buffer buffer;

	luaL_buffinit(L, &buffer);
	while (limit) {
		size_t room = limit < LUAL_BUFFERSIZE ? limit : LUAL_BUFFERSIZE;
		ssize_t n = read(fd, luaL_prepbuffer(&buffer), room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tl_bind_error(L, errno);
		if (n == 0)
			break;
		luaL_addsize(&buffer, (size_t)n);
		limit -= (size_t)n;
	}
	luaL_pushresult(&buffer);
	return 1;
}

/* read(path, limit) -> string | nil, code, errno: at most limit bytes (default 1 MiB) */
static int host_read(lua_State *L)
{
	autoclose int fd = open(luaL_checkstring(L, 1),
				O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return tl_bind_error(L, errno);
	return read_all(L, fd, (size_t)luaL_optinteger(L, 2, 1 << 20));
}

/* read_in_root(root, path, limit): the same, the path resolved inside the root (openat2(2), 5.6) */
static int host_read_in_root(lua_State *L)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	autoclose int root =
		open(luaL_checkstring(L, 1), O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = -1;

	if (root < 0)
		return tl_bind_error(L, errno);
	fd = (int)syscall(SYS_openat2, root, luaL_checkstring(L, 2), &how, sizeof(how));
	if (fd < 0)
		return tl_bind_error(L, errno);
	return read_all(L, fd, (size_t)luaL_optinteger(L, 3, 1 << 20));
}

static void push_limit(lua_State *L, rlim_t value)
{
	if (value == RLIM_INFINITY)
		lua_pushstring(L, "unlimited");
	else
		tl_bind_push_u64(L, value);
}

/* rlimit(resource number) -> soft, hard ("unlimited" or a number) | nil, code, errno */
static int host_rlimit(lua_State *L)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)luaL_checkinteger(L, 1), &limit) < 0)
		return tl_bind_error(L, errno);
	push_limit(L, limit.rlim_cur);
	push_limit(L, limit.rlim_max);
	return 2;
}

/*
 * range_lock(file, count, hint) -> index, holder | nil, code, errno. An OFD lock on byte `index`
 * of the file: held while the holder is open, and gone with the process however it ends.
 */
static int host_range_lock(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int count = (int)luaL_checkinteger(L, 2),
	    hint = (int)luaL_optinteger(L, 3, getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	luaL_argcheck(L, count > 0, 2, "at least one");
	if (fd < 0)
		return tl_bind_error(L, errno);
	for (int i = 0; i < count; i++) {
		int index = (hint + i) % count;
		struct flock lock = {
			.l_type = F_WRLCK,
			.l_whence = SEEK_SET,
			.l_start = index,
			.l_len = 1,
		};

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			lua_pushinteger(L, index);
			tl_bind_push_fd(L, fd);
			return 2;
		}
		if (errno != EAGAIN && errno != EACCES)
			break;
	}
	close(fd);
	return tl_bind_error(L, errno);
}

/* mkdir(path, mode) -> true | nil, code, errno: mkdir(2) */
static int host_mkdir(lua_State *L)
{
	if (mkdir(luaL_checkstring(L, 1), (mode_t)luaL_optinteger(L, 2, 0777)) < 0)
		return tl_bind_error(L, errno);
	lua_pushboolean(L, 1);
	return 1;
}

/* list(path) -> names, in no order, without "." and ".." | nil, code, errno: opendir(3) */
static int host_list(lua_State *L)
{
	DIR *dir = opendir(luaL_checkstring(L, 1));
	const struct dirent *entry;
	int n = 0;

	if (!dir)
		return tl_bind_error(L, errno);
	lua_newtable(L);
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		lua_pushstring(L, entry->d_name);
		lua_rawseti(L, -2, ++n);
	}
	closedir(dir);
	return 1;
}

/* access(path, "r" | "w" | "x") -> boolean: by the effective ids (faccessat2(2), 5.8) */
static int host_access(lua_State *L)
{
	const char *how = luaL_optstring(L, 2, "r");
	int mode = *how == 'w' ? W_OK : *how == 'x' ? X_OK : R_OK;

	lua_pushboolean(L,
			faccessat(AT_FDCWD, luaL_checkstring(L, 1), mode, AT_EACCESS) ==
				0);
	return 1;
}

/* record(state, name, text) -> true | nil, code, errno: makes or replaces STATE/boxes/NAME */
static int host_record(lua_State *L)
{
	size_t size;
	const char *text = luaL_checklstring(L, 3, &size);
	int ret = tl_record_write(luaL_checkstring(L, 1), luaL_checkstring(L, 2), text,
				  size);

	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

int tl_lua_open_host(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "stat", host_stat },
		{ "readlink", host_readlink },
		{ "realpath", host_realpath },
		{ "getcwd", host_getcwd },
		{ "ids", host_ids },
		{ "environ", host_environ },
		{ "read", host_read },
		{ "read_in_root", host_read_in_root },
		{ "rlimit", host_rlimit },
		{ "range_lock", host_range_lock },
		{ "mkdir", host_mkdir },
		{ "access", host_access },
		{ "list", host_list },
		{ "record", host_record },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
