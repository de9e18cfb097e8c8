#include "bind.h"
#include "waitable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FD_CLASS "tidelock.fd"

const char *tl_bind_errno_name(int error)
{
	const char *name = strerrorname_np(error < 0 ? -error : error);

	return name ? name : "E?";
}

int tl_bind_error(lua_State *L, int error)
{
	if (error < 0)
		error = -error;
	lua_pushnil(L);
	lua_pushstring(L, tl_bind_errno_name(error));
	lua_pushinteger(L, error);
	return 3;
}

int tl_bind_true(lua_State *L, int result)
{
	if (result < 0)
		return tl_bind_error(L, errno);
	lua_pushboolean(L, 1);
	return 1;
}

int tl_bind_new_fd(lua_State *L, int fd)
{
	if (fd < 0)
		return tl_bind_error(L, errno);
	tl_bind_push_fd(L, fd);
	return 1;
}

int tl_bind_opt_dirfd(lua_State *L, int arg)
{
	return lua_isnoneornil(L, arg) ? AT_FDCWD : tl_bind_check_fd(L, arg);
}

void tl_bind_set_number(lua_State *L, const char *field, double value)
{
	lua_pushnumber(L, value);
	lua_setfield(L, -2, field);
}

void tl_bind_set_string(lua_State *L, const char *field, const char *value)
{
	lua_pushstring(L, value);
	lua_setfield(L, -2, field);
}

void tl_bind_push_fd(lua_State *L, int fd)
{
	int *box = lua_newuserdata(L, sizeof(*box));

	*box = fd;
	luaL_getmetatable(L, FD_CLASS);
	lua_setmetatable(L, -2);
}

static int *to_fd(lua_State *L, int arg)
{
	return luaL_checkudata(L, arg, FD_CLASS);
}

static int fd_close(lua_State *L)
{
	int *fd = to_fd(L, 1);

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return 0;
}

static int fd_pollfd(lua_State *L)
{
	int fd = *to_fd(L, 1);

	if (fd < 0)
		return luaL_error(L, "the descriptor is closed");
	lua_pushinteger(L, fd);
	return 1;
}

/* fd:read(limit) -> string ("" at the end) | nil, code, errno */
static int fd_read(lua_State *L)
{
	int fd = *to_fd(L, 1);
	size_t limit = (size_t)luaL_optinteger(L, 2, 65536);
	luaL_Buffer buffer;
	ssize_t n;

	luaL_argcheck(L, limit > 0 && limit <= 1u << 20, 2, "1 to 1048576 bytes");
	char *p = lua_newuserdata(L, limit);
	do
		n = read(fd, p, limit);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return tl_bind_error(L, errno);
	luaL_buffinit(L, &buffer);
	luaL_addlstring(&buffer, p, (size_t)n);
	luaL_pushresult(&buffer);
	return 1;
}

/* fd:write(bytes) -> count | nil, code, errno */
static int fd_write(lua_State *L)
{
	int fd = *to_fd(L, 1);
	size_t size;
	const char *bytes = luaL_checklstring(L, 2, &size);
	ssize_t n;

	do
		n = write(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return tl_bind_error(L, errno);
	lua_pushinteger(L, n);
	return 1;
}

static void register_fd(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "close", fd_close },
		{ "pollfd", fd_pollfd },
		{ "read", fd_read },
		{ "write", fd_write },
		{ "events", tl_waitable_readable },
		{ "timeout", tl_waitable_no_timeout },
		{ NULL, NULL },
	};

	tl_bind_class(L, FD_CLASS, methods, fd_close);
}

int tl_bind_check_fd(lua_State *L, int arg)
{
	int fd;

	if (lua_type(L, arg) == LUA_TNUMBER)
		return (int)lua_tointeger(L, arg);
	lua_getfield(L, arg, "pollfd");
	lua_pushvalue(L, arg);
	lua_call(L, 1, 1);
	fd = (int)luaL_checkinteger(L, -1);
	lua_pop(L, 1);
	return fd;
}

uint64_t tl_bind_check_u64(lua_State *L, int arg)
{
	if (lua_type(L, arg) == LUA_TSTRING) {
		const char *text = lua_tostring(L, arg);
		char *end;
		uint64_t value;

		errno = 0;
		value = strtoull(text, &end, 0);
		if (errno || end == text || *end || *text == '-')
			luaL_argerror(L, arg, "not a 64-bit number");
		return value;
	}
	lua_Number value = luaL_checknumber(L, arg);

	if (!(value >= 0 && value <= 9007199254740992.0) ||
	    value != (lua_Number)(uint64_t)value)
		luaL_argerror(L, arg, "not a whole number from 0 to 2^53");
	return (uint64_t)value;
}

void tl_bind_push_u64(lua_State *L, uint64_t value)
{
	char text[32];

	if (value <= 9007199254740992ull) {
		lua_pushnumber(L, (lua_Number)value);
		return;
	}
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	lua_pushstring(L, text);
}

void tl_bind_add(lua_State *L, const luaL_Reg *functions)
{
	for (; functions->name; functions++) {
		lua_pushcfunction(L, functions->func);
		lua_setfield(L, -2, functions->name);
	}
}

void tl_bind_module(lua_State *L, const luaL_Reg *functions)
{
	lua_newtable(L);
	tl_bind_add(L, functions);
}

void tl_bind_class(lua_State *L, const char *name, const luaL_Reg *methods,
		   lua_CFunction gc)
{
	luaL_newmetatable(L, name);
	tl_bind_module(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, gc);
	lua_setfield(L, -2, "__gc");
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__name");
	lua_pop(L, 1);
}

/*
 * tidelock.core: the C half of the library. Each submodule is opened at its first use, so that a
 * command pays for what it calls.
 */
static int core_index(lua_State *L)
{
	static const luaL_Reg modules[] = {
		{ "plan", tl_lua_open_plan },
		{ "launch", tl_lua_open_launch },
		{ "host", tl_lua_open_host },
		{ "poll", tl_lua_open_poll },
		{ "process", tl_lua_open_process },
		{ "filter", tl_lua_open_filter },
		{ "json", tl_lua_open_json },
		{ "namespace", tl_lua_open_namespace },
		{ "mount", tl_lua_open_mount },
		{ "prctl", tl_lua_open_prctl },
		{ "capability", tl_lua_open_capability },
		{ "rlimit", tl_lua_open_rlimit },
		{ "identity", tl_lua_open_identity },
		{ "uts", tl_lua_open_uts },
		{ "landlock", tl_lua_open_landlock },
		{ "seccomp", tl_lua_open_seccomp },
		{ "file", tl_lua_open_file },
		{ "pty", tl_lua_open_pty },
		{ "cgroup", tl_lua_open_cgroup },
		{ "terminal", tl_lua_open_terminal },
		{ "devices", tl_lua_open_devices },
		{ NULL, NULL },
	};
	const char *name = luaL_checkstring(L, 2);

	for (const luaL_Reg *m = modules; m->name; m++)
		if (!strcmp(m->name, name)) {
			m->func(L);
			lua_pushvalue(L, -1);
			lua_setfield(L, 1, name);
			return 1;
		}
	return 0;
}

__attribute__((visibility("default"))) int luaopen_tidelock_core(lua_State *L);

int luaopen_tidelock_core(lua_State *L)
{
	register_fd(L);
	lua_newtable(L);
	lua_newtable(L);
	lua_pushcfunction(L, core_index);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	return 1;
}
