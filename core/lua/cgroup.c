/* tidelock.core.cgroup: the control groups of a box, see core/host/cgroup.h. cgroups(7). */
#include "../host/cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind.h"

#define CGROUP_CLASS "tidelock.cgroup"
#define TEXT_MAX 65536

static struct tl_cgroup *to_group(lua_State *L)
{
	return luaL_checkudata(L, 1, CGROUP_CLASS);
}

/* new() -> group: empty, for launch.start{cgroup=}. Collected while it is not, it kills and removes. */
static int cgroup_new(lua_State *L)
{
	struct tl_cgroup *group = lua_newuserdata(L, sizeof(*group));

	*group = (struct tl_cgroup){ .count = 0 };
	luaL_getmetatable(L, CGROUP_CLASS);
	lua_setmetatable(L, -2);
	return 1;
}

/* version(path) -> 1 | 2 | nil: of the cgroup file system that the path is on */
static int cgroup_version(lua_State *L)
{
	int version = tl_cgroup_version(luaL_checkstring(L, 1));

	if (!version)
		return 0;
	lua_pushinteger(L, version);
	return 1;
}

static int answer(lua_State *L, int ret)
{
	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

/*
 * group:adopt(top, path, inode, made) -> true | nil, code, errno: add TOP/PATH, which is there; with
 * an inode (its digits), only if it is that very one
 */
static int group_adopt(lua_State *L)
{
	struct tl_cgroup_identity identity = { 0, 0 };
	bool identified = !lua_isnoneornil(L, 4);

	if (identified) {
		identity.inode = strtoull(luaL_checkstring(L, 4), NULL, 10);
		identity.made = (uint32_t)luaL_optnumber(L, 5, 0);
	}
	return answer(L,
		      tl_cgroup_adopt(to_group(L), luaL_checkstring(L, 2),
				      luaL_checkstring(L, 3),
				      identified ? &identity : NULL));
}

/* group:identities() -> { { inode = digits, made = mask }... }, in the order of the directories */
static int group_identities(lua_State *L)
{
	const struct tl_cgroup *group = to_group(L);

	lua_newtable(L);
	for (unsigned i = 0; i < group->count; i++) {
		struct tl_cgroup_identity identity = { 0, 0 };
		char digits[24];

		tl_cgroup_identify(group, i, &identity);
		snprintf(digits, sizeof(digits), "%llu",
			 (unsigned long long)identity.inode);
		lua_newtable(L);
		lua_pushstring(L, digits);
		lua_setfield(L, -2, "inode");
		lua_pushnumber(L, identity.made);
		lua_setfield(L, -2, "made");
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

/* group:read(file) -> text | nil, code, errno: at most 64 KiB, of whichever directory has it */
static int group_read(lua_State *L)
{
	const struct tl_cgroup *group = to_group(L);
	const char *file = luaL_checkstring(L, 2);
	char *text = lua_newuserdata(L, TEXT_MAX);
	int length = tl_cgroup_get(group, file, text, TEXT_MAX);

	if (length < 0)
		return tl_bind_error(L, length);
	lua_pushlstring(L, text, (size_t)length);
	return 1;
}

/* group:oom_event() -> descriptor, readable once memory ran out (v1 only) | nil, code, errno */
static int group_oom_event(lua_State *L)
{
	int fd = tl_cgroup_oom_event(to_group(L));

	if (fd < 0)
		return tl_bind_error(L, fd);
	tl_bind_push_fd(L, fd);
	return 1;
}

/* group:oom() -> boolean: the box's own memory limit killed a process, also after close() */
static int group_oom(lua_State *L)
{
	lua_pushboolean(L, tl_cgroup_oom(to_group(L)));
	return 1;
}

/* group:kill(): SIGKILL to every process in it */
static int group_kill(lua_State *L)
{
	tl_cgroup_kill(to_group(L));
	return 0;
}

/* group:close() -> true | nil, code, errno: removes the directories; what is left stays in it */
static int group_close(lua_State *L)
{
	return answer(L, tl_cgroup_remove(to_group(L)));
}

static int group_gc(lua_State *L)
{
	struct tl_cgroup *group = to_group(L);

	if (group->count) {
		tl_cgroup_kill(group);
		tl_cgroup_remove(group);
	}
	tl_cgroup_close(group);
	return 0;
}

int tl_lua_open_cgroup(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "new", cgroup_new },
		{ "version", cgroup_version },
		{ NULL, NULL },
	};
	static const luaL_Reg methods[] = {
		{ "adopt", group_adopt }, { "identities", group_identities },
		{ "read", group_read },	  { "oom_event", group_oom_event },
		{ "oom", group_oom },	  { "kill", group_kill },
		{ "close", group_close }, { NULL, NULL },
	};

	tl_bind_class(L, CGROUP_CLASS, methods, group_gc);
	tl_bind_module(L, functions);
	return 1;
}
