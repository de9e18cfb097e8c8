/*
 * tidelock.core.namespace: namespaces(7) and the id maps of user_namespaces(7). Documented in
 * lua/tidelock/meta/namespace.lua.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../host/userns.h"
#include "../sys/fd.h"
#include "bind.h"
#include "names.h"

/* What unshare(2) parts besides the namespaces. */
static const struct tl_name unshare_flags[] = {
	{ "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC },
	{ "mount", CLONE_NEWNS },      { "network", CLONE_NEWNET },
	{ "pid", CLONE_NEWPID },       { "time", CLONE_NEWTIME },
	{ "user", CLONE_NEWUSER },     { "uts", CLONE_NEWUTS },
	{ "files", CLONE_FILES },      { "fs", CLONE_FS },
	{ "sysvsem", CLONE_SYSVSEM },  { NULL, 0 },
};

/* The files of /proc/PID/ns, as positions in proc_files. */
static const struct tl_name proc_names[] = {
	{ "cgroup", 0 },
	{ "ipc", 1 },
	{ "mount", 2 },
	{ "network", 3 },
	{ "pid", 4 },
	{ "time", 5 },
	{ "user", 6 },
	{ "uts", 7 },
	{ "pid_for_children", 8 },
	{ "time_for_children", 9 },
	{ NULL, 0 },
};
static const char *const proc_files[] = {
	"cgroup",
	"ipc",
	"mnt",
	"net",
	"pid",
	"time",
	"user",
	"uts",
	"pid_for_children",
	"time_for_children",
};

static int namespace_unshare(lua_State *L)
{
	uint64_t flags;

	luaL_checkany(L, 1);
	flags = tl_names_check_flags(L, 1, unshare_flags, "unshare");
	return tl_bind_true(L, unshare((int)flags));
}

static int namespace_setns(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1);
	uint64_t flags = tl_names_check_flags(L, 2, tl_names_namespaces, "setns");

	return tl_bind_true(L, setns(fd, (int)flags));
}

/* The caller's own pid for nil. */
static pid_t opt_pid(lua_State *L, int arg)
{
	pid_t pid = (pid_t)luaL_optinteger(L, arg, getpid());

	luaL_argcheck(L, pid > 0, arg, "a process id is greater than 0");
	return pid;
}

static int namespace_open(lua_State *L)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)opt_pid(L, 1),
		 proc_files[tl_names_check(L, 2, proc_names, "namespace")]);
	return tl_bind_new_fd(L, open(path, O_RDONLY | O_CLOEXEC));
}

static int namespace_nstype(lua_State *L)
{
	int type = ioctl(tl_bind_check_fd(L, 1), NS_GET_NSTYPE);

	if (type < 0)
		return tl_bind_error(L, errno);
	lua_pushstring(L, tl_names_find(tl_names_namespaces, (uint64_t)type));
	return 1;
}

/* These two descriptors are O_CLOEXEC from the kernel: ioctl_ns(2) */
static int namespace_userns(lua_State *L)
{
	return tl_bind_new_fd(L, ioctl(tl_bind_check_fd(L, 1), NS_GET_USERNS));
}

static int namespace_parent(lua_State *L)
{
	return tl_bind_new_fd(L, ioctl(tl_bind_check_fd(L, 1), NS_GET_PARENT));
}

static int namespace_owner_uid(lua_State *L)
{
	uid_t uid;

	if (ioctl(tl_bind_check_fd(L, 1), NS_GET_OWNER_UID, &uid) < 0)
		return tl_bind_error(L, errno);
	lua_pushnumber(L, uid);
	return 1;
}

/* Push the text of a map: the string at 2, or its {inside, outside, count} rows as lines. */
static const char *check_map(lua_State *L)
{
	luaL_Buffer buffer;
	int count;

	if (lua_type(L, 2) == LUA_TSTRING)
		return lua_tostring(L, 2);
	luaL_checktype(L, 2, LUA_TTABLE);
	count = (int)lua_objlen(L, 2);
	luaL_argcheck(L, count > 0, 2, "no rows; {inside, outside, count} is one");
	luaL_buffinit(L, &buffer);
	for (int i = 1; i <= count; i++) {
		char line[64];
		lua_Number row[3];

		lua_rawgeti(L, 2, i);
		luaL_argcheck(L, lua_istable(L, -1), 2,
			      "rows are {inside, outside, count}");
		for (int k = 0; k < 3; k++) {
			lua_rawgeti(L, -1, k + 1);
			row[k] =
				lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
			luaL_argcheck(L,
				      row[k] >= 0 && row[k] <= 4294967295.0 &&
					      row[k] == (lua_Number)(uint32_t)row[k],
				      2, "rows are {inside, outside, count}");
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
		snprintf(line, sizeof(line), "%u %u %u\n", (uint32_t)row[0],
			 (uint32_t)row[1], (uint32_t)row[2]);
		luaL_addstring(&buffer, line);
	}
	luaL_pushresult(&buffer);
	return lua_tostring(L, -1);
}

static int write_map(lua_State *L, bool gid, bool helper)
{
	pid_t pid = opt_pid(L, 1);
	const char *map = check_map(L);
	long call;
	int ret = tl_userns_write_map(pid, gid, map, helper, &call);

	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

static int namespace_uid_map(lua_State *L)
{
	return write_map(L, false, false);
}

static int namespace_gid_map(lua_State *L)
{
	return write_map(L, true, false);
}

static int namespace_newuidmap(lua_State *L)
{
	return write_map(L, false, true);
}

static int namespace_newgidmap(lua_State *L)
{
	return write_map(L, true, true);
}

static int namespace_deny_setgroups(lua_State *L)
{
	long call;
	int ret = tl_userns_deny_setgroups(opt_pid(L, 1), &call);

	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

static void offset_line(lua_State *L, int table, const char *clock, char *text,
			size_t size)
{
	lua_Number seconds;
	long long whole;

	text[0] = '\0';
	lua_getfield(L, table, clock);
	if (!lua_isnil(L, -1)) {
		seconds = luaL_checknumber(L, -1);
		if (!(seconds > -9e9 && seconds < 9e9))
			luaL_error(L, "%s: too many seconds", clock);
		/* The kernel wants nanoseconds that are not negative. */
		whole = (long long)seconds - (seconds < (lua_Number)(long long)seconds);
		snprintf(text, size, "%s %lld %ld\n", clock, whole,
			 (long)((seconds - (lua_Number)whole) * 1e9));
	}
	lua_pop(L, 1);
}

static int namespace_timens_offsets(lua_State *L)
{
	static const char *const clocks[] = { "monotonic", "boottime", NULL };
	char path[64], text[128];
	pid_t pid = opt_pid(L, 1);
	autoclose int fd = -1;
	size_t length;

	tl_names_check_fields(L, 2, clocks);
	offset_line(L, 2, "monotonic", text, sizeof(text));
	length = strlen(text);
	offset_line(L, 2, "boottime", text + length, sizeof(text) - length);
	snprintf(path, sizeof(path), "/proc/%d/timens_offsets", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return tl_bind_true(L, fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0);
}

int tl_lua_open_namespace(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "unshare", namespace_unshare },
		{ "setns", namespace_setns },
		{ "open", namespace_open },
		{ "nstype", namespace_nstype },
		{ "userns", namespace_userns },
		{ "parent", namespace_parent },
		{ "owner_uid", namespace_owner_uid },
		{ "uid_map", namespace_uid_map },
		{ "gid_map", namespace_gid_map },
		{ "newuidmap", namespace_newuidmap },
		{ "newgidmap", namespace_newgidmap },
		{ "deny_setgroups", namespace_deny_setgroups },
		{ "timens_offsets", namespace_timens_offsets },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
