/*
 * tidelock.core.identity: ids, groups and personality of this process. Documented in
 * lua/tidelock/meta/identity.lua. libc's wrappers change every thread; there is only one.
 */
#include <errno.h>
#include <grp.h>
#include <sys/personality.h>
#include <unistd.h>

#include "bind.h"
#include "names.h"

/* -1, which means "as it is" to the kernel, for nil. */
static uid_t check_id(lua_State *L, int arg)
{
	lua_Number id;

	if (lua_isnoneornil(L, arg))
		return (uid_t)-1;
	id = luaL_checknumber(L, arg);
	if (!(id >= 0 && id < 4294967295.0) || id != (lua_Number)(uid_t)id)
		luaL_argerror(L, arg, "an id is a whole number from 0 to 2^32-2");
	return (uid_t)id;
}

static int push_three(lua_State *L, uid_t real, uid_t effective, uid_t saved)
{
	lua_pushnumber(L, real);
	lua_pushnumber(L, effective);
	lua_pushnumber(L, saved);
	return 3;
}

static int identity_getresuid(lua_State *L)
{
	uid_t real, effective, saved;

	if (getresuid(&real, &effective, &saved) < 0)
		return tl_bind_error(L, errno);
	return push_three(L, real, effective, saved);
}

static int identity_getresgid(lua_State *L)
{
	gid_t real, effective, saved;

	if (getresgid(&real, &effective, &saved) < 0)
		return tl_bind_error(L, errno);
	return push_three(L, real, effective, saved);
}

static int identity_setresuid(lua_State *L)
{
	return tl_bind_true(L, setresuid(check_id(L, 1), check_id(L, 2), check_id(L, 3)));
}

static int identity_setresgid(lua_State *L)
{
	return tl_bind_true(L, setresgid(check_id(L, 1), check_id(L, 2), check_id(L, 3)));
}

static int identity_getgroups(lua_State *L)
{
	int count = getgroups(0, NULL);
	gid_t *groups;

	if (count < 0)
		return tl_bind_error(L, errno);
	groups = lua_newuserdata(L, (size_t)count * sizeof(*groups) + 1);
	count = getgroups(count, groups);
	if (count < 0)
		return tl_bind_error(L, errno);
	lua_createtable(L, count, 0);
	for (int i = 0; i < count; i++) {
		lua_pushnumber(L, groups[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int identity_setgroups(lua_State *L)
{
	size_t count;
	gid_t *groups;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = lua_objlen(L, 1);
	groups = lua_newuserdata(L, count * sizeof(*groups) + 1);
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, 1, (int)i + 1);
		luaL_argcheck(L, lua_type(L, -1) == LUA_TNUMBER, 1, "a list of gids");
		groups[i] = check_id(L, lua_gettop(L));
		lua_pop(L, 1);
	}
	return tl_bind_true(L, setgroups(count, groups));
}

/* The low byte is one of the domains, the rest are flags. */
static const struct tl_name domains[] = { { "linux", PER_LINUX },
					  { "linux32", PER_LINUX32 },
					  { NULL, 0 } };
static const struct tl_name persona_names[] = {
	{ "linux", PER_LINUX },
	{ "linux32", PER_LINUX32 },
	{ "uname26", UNAME26 },
	{ "addr_no_randomize", ADDR_NO_RANDOMIZE },
	{ "mmap_page_zero", MMAP_PAGE_ZERO },
	{ "addr_compat_layout", ADDR_COMPAT_LAYOUT },
	{ "read_implies_exec", READ_IMPLIES_EXEC },
	{ "addr_limit_32bit", ADDR_LIMIT_32BIT },
	{ "short_inode", SHORT_INODE },
	{ "whole_seconds", WHOLE_SECONDS },
	{ "sticky_timeouts", STICKY_TIMEOUTS },
	{ "addr_limit_3gb", ADDR_LIMIT_3GB },
	{ NULL, 0 },
};

static int identity_personality(lua_State *L)
{
	unsigned long persona = 0xffffffff;
	const char *domain;
	int before;

	if (!lua_isnoneornil(L, 1))
		persona = tl_names_check_flags(L, 1, persona_names, "personality");
	before = personality(persona);
	if (before < 0)
		return tl_bind_error(L, errno);
	tl_names_push_flags(L, (uint64_t)before & ~0xffull, persona_names + 2);
	domain = tl_names_find(domains, (uint64_t)before & 0xff);
	if (domain)
		lua_pushstring(L, domain);
	else
		lua_pushinteger(L, before & 0xff);
	lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
	return 1;
}

int tl_lua_open_identity(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "getresuid", identity_getresuid },
		{ "getresgid", identity_getresgid },
		{ "setresuid", identity_setresuid },
		{ "setresgid", identity_setresgid },
		{ "getgroups", identity_getgroups },
		{ "setgroups", identity_setgroups },
		{ "personality", identity_personality },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
