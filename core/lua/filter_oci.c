/*
 * tidelock.core.filter, second file: the OCI runtime specification's linux.seccomp.
 */
#include "../host/bpf.h"
#include "../host/filter_oci.h"
#include "bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An error's value: a string, or what else the source text says. */
static void push_value(lua_State *L, const struct tl_filter_oci_error *error)
{
	lua_pushstring(L, error->value);
	if (error->is_string)
		return;
	if (!*error->value)
		lua_pushnil(L);
	else if (lua_isnumber(L, -1))
		lua_pushnumber(L, lua_tonumber(L, -1));
	else
		lua_pushboolean(L, strcmp(error->value, "true") == 0);
	lua_replace(L, -2);
}

/* compile_oci(text) -> bytes, flags | nil, message, path, accepted or nil, value or nil */
static int compile_oci(lua_State *L)
{
	struct tl_filter_oci_error error;
	struct sock_filter *prog, *copy;
	const char *text;
	uint32_t flags;
	size_t size;
	int count;

	text = luaL_checklstring(L, 1, &size);
	/* Room first, so that no Lua error can come between the compiler's malloc and its free. */
	copy = lua_newuserdata(L, TL_BPF_MAX * sizeof(*copy));
	count = tl_filter_compile_oci(text, size, &prog, &flags, &error);
	if (count == -ENOMEM)
		return luaL_error(L, "not enough memory for the filter");
	if (count < 0) {
		lua_pushnil(L);
		lua_pushstring(L, error.why);
		lua_pushstring(L, error.path);
		lua_pushstring(L, error.accepted);
		push_value(L, &error);
		return 5;
	}
	memcpy(copy, prog, (size_t)count * sizeof(*prog));
	free(prog);
	lua_pushlstring(L, (const char *)copy, (size_t)count * sizeof(*copy));
	lua_pushnumber(L, flags);
	return 2;
}

void tl_lua_add_filter_oci(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "compile_oci", compile_oci },
		{ NULL, NULL },
	};

	tl_bind_add(L, functions);
}
