/* tidelock.core.landlock: landlock(7) by ABI. Documented in lua/tidelock/meta/landlock.lua. */
#include "../sys/landlock.h"

#include <errno.h>
#include <string.h>

#include "bind.h"
#include "names.h"

/* In the order of their bits; with each the ABI that brought it. */
struct access {
	const char *name;
	int abi;
};

static const struct access fs_access[] = {
	{ "execute", 1 },   { "write_file", 1 }, { "read_file", 1 },
	{ "read_dir", 1 },  { "remove_dir", 1 }, { "remove_file", 1 },
	{ "make_char", 1 }, { "make_dir", 1 },	 { "make_reg", 1 },
	{ "make_sock", 1 }, { "make_fifo", 1 },	 { "make_block", 1 },
	{ "make_sym", 1 },  { "refer", 2 },	 { "truncate", 3 },
	{ "ioctl_dev", 5 }, { NULL, 0 },
};
static const struct access net_access[] = {
	{ "bind_tcp", 4 },
	{ "connect_tcp", 4 },
	{ NULL, 0 },
};
static const struct access scopes[] = {
	{ "abstract_unix_socket", 6 },
	{ "signal", 6 },
	{ NULL, 0 },
};

#define ACCESS_MAX 17

static uint64_t check_access(lua_State *L, int index, const struct access *access,
			     const char *what)
{
	struct tl_name names[ACCESS_MAX] = { { NULL, 0 } };

	for (int i = 0; access[i].name; i++)
		names[i] = (struct tl_name){ access[i].name, UINT64_C(1) << i };
	return tl_names_check_flags(L, index, names, what);
}

static uint64_t field_access(lua_State *L, const char *field, const struct access *access)
{
	uint64_t value;

	lua_getfield(L, 1, field);
	value = check_access(L, lua_gettop(L), access, field);
	lua_pop(L, 1);
	return value;
}

static void set_access(lua_State *L, const char *field, const struct access *access,
		       int abi)
{
	int count = 0;

	lua_newtable(L);
	for (; access->name; access++)
		if (access->abi <= abi) {
			lua_pushstring(L, access->name);
			lua_rawseti(L, -2, ++count);
		}
	lua_setfield(L, -2, field);
}

static int landlock_abi(lua_State *L)
{
	int abi = tl_landlock_create_ruleset(NULL, 0, TL_LANDLOCK_VERSION);

	if (abi < 0)
		return tl_bind_error(L, errno);
	lua_pushinteger(L, abi);
	return 1;
}

static int landlock_access(lua_State *L)
{
	int abi = lua_isnoneornil(L, 1)
		? tl_landlock_create_ruleset(NULL, 0, TL_LANDLOCK_VERSION)
		: (int)luaL_checkinteger(L, 1);

	if (abi < 0)
		return tl_bind_error(L, errno);
	lua_createtable(L, 0, 3);
	set_access(L, "fs", fs_access, abi);
	set_access(L, "net", net_access, abi);
	set_access(L, "scoped", scopes, abi);
	return 1;
}

static int landlock_create_ruleset(lua_State *L)
{
	static const char *const fields[] = { "fs", "net", "scoped", NULL };
	struct tl_landlock_ruleset ruleset;

	tl_names_check_fields(L, 1, fields);
	ruleset.fs = field_access(L, "fs", fs_access);
	ruleset.net = field_access(L, "net", net_access);
	ruleset.scoped = field_access(L, "scoped", scopes);
	return tl_bind_new_fd(L,
			      tl_landlock_create_ruleset(&ruleset, sizeof(ruleset), 0));
}

static int landlock_add_rule(lua_State *L)
{
	static const struct tl_name types[] = {
		{ "path_beneath", TL_LANDLOCK_PATH_BENEATH },
		{ "net_port", TL_LANDLOCK_NET_PORT },
		{ NULL, 0 },
	};
	int ruleset = tl_bind_check_fd(L, 1);
	int type = (int)tl_names_check(L, 2, types, "rule");

	if (type == TL_LANDLOCK_NET_PORT) {
		struct tl_landlock_port rule = {
			.access = check_access(L, 4, net_access, "net"),
			.port = tl_bind_check_u64(L, 3),
		};

		return tl_bind_true(L, tl_landlock_add_rule(ruleset, type, &rule));
	}
	struct tl_landlock_path rule = {
		.access = check_access(L, 4, fs_access, "fs"),
		.fd = tl_bind_check_fd(L, 3),
	};

	return tl_bind_true(L, tl_landlock_add_rule(ruleset, type, &rule));
}

static int landlock_restrict_self(lua_State *L)
{
	static const struct tl_name names[] = {
		{ "log_same_exec_off", 1 },
		{ "log_new_exec_on", 2 },
		{ "log_subdomains_off", 4 },
		{ NULL, 0 },
	};
	int ruleset = tl_bind_check_fd(L, 1);
	uint64_t flags = tl_names_check_flags(L, 2, names, "restrict_self");

	return tl_bind_true(L, tl_landlock_restrict_self(ruleset, (uint32_t)flags));
}

int tl_lua_open_landlock(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "abi", landlock_abi },
		{ "access", landlock_access },
		{ "create_ruleset", landlock_create_ruleset },
		{ "add_rule", landlock_add_rule },
		{ "restrict_self", landlock_restrict_self },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
