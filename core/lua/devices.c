/* tidelock.core.devices: see core/host/device_filter.h. Documented in lua/tidelock/meta/devices.lua. */
#include "../host/device_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "bind.h"

#define REASON 256

/* Rules as text, each ending in NUL, on top of the stack. */
static const char *check_rules(lua_State *L, int arg, bool *allow, size_t *size)
{
	struct tl_device_rule rule;
	luaL_Buffer buffer;
	int count;

	luaL_checktype(L, arg, LUA_TTABLE);
	lua_getfield(L, arg, "allow");
	*allow = lua_toboolean(L, -1);
	lua_pop(L, 1);
	count = (int)lua_objlen(L, arg);
	if (count > TL_DEVICE_RULES)
		luaL_error(L, "more than %d rules", TL_DEVICE_RULES);
	luaL_buffinit(L, &buffer);
	for (int i = 1; i <= count; i++) {
		const char *text;
		size_t length;

		lua_rawgeti(L, arg, i);
		text = lua_tolstring(L, -1, &length);
		if (!text || strlen(text) != length ||
		    tl_device_rule_parse(text, &rule) < 0)
			luaL_error(L, "rule %d is none: %s (such as \"c 1:3 rwm\")", i,
				   text ? text : luaL_typename(L, -1));
		luaL_addvalue(&buffer);
		luaL_addchar(&buffer, '\0');
	}
	luaL_pushresult(&buffer);
	return lua_tolstring(L, -1, size);
}

static int compile_rules(lua_State *L, int arg, struct bpf_insn *insns)
{
	size_t size;
	bool allow;
	const char *text = check_rules(L, arg, &allow, &size);

	return tl_device_filter_compile_text(allow, text, size, insns);
}

/* compile{allow=, rule...} -> instructions, 8 bytes each */
static int devices_compile(lua_State *L)
{
	struct bpf_insn insns[TL_DEVICE_INSNS];
	int count = compile_rules(L, 1, insns);

	if (count < 0)
		return tl_bind_error(L, count);
	lua_pushlstring(L, (const char *)insns, (size_t)count * sizeof(*insns));
	return 1;
}

static int push_failure(lua_State *L, int error, const char *why)
{
	tl_bind_error(L, error);
	if (!*why)
		return 3;
	lua_pushstring(L, why);
	return 4;
}

/* load(instructions) -> fd | nil, code, errno, what the verifier says */
static int devices_load(lua_State *L)
{
	struct bpf_insn insns[TL_DEVICE_INSNS];
	char why[REASON];
	size_t size;
	const char *bytes = luaL_checklstring(L, 1, &size);
	int fd;

	luaL_argcheck(L, size % sizeof(*insns) == 0 && size <= sizeof(insns), 1,
		      "at most 4096 instructions of 8 bytes");
	memcpy(insns, bytes, size);
	fd = tl_device_filter_load(insns, size / sizeof(*insns), why, sizeof(why));
	if (fd < 0)
		return push_failure(L, fd, why);
	tl_bind_push_fd(L, fd);
	return 1;
}

static int open_cgroup(lua_State *L)
{
	return open(luaL_checkstring(L, 1), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* attach(cgroup, rules) and replace(cgroup, rules) -> true | nil, code, errno, reason */
static int put(lua_State *L, int (*how)(int cgroup, int program))
{
	struct bpf_insn insns[TL_DEVICE_INSNS];
	int count = compile_rules(L, 2, insns), ret;
	autoclose int cgroup = open_cgroup(L), program = -1;
	char why[REASON];

	if (count < 0 || cgroup < 0)
		return tl_bind_error(L, count < 0 ? count : errno);
	program = tl_device_filter_load(insns, (size_t)count, why, sizeof(why));
	if (program < 0)
		return push_failure(L, program, why);
	ret = how(cgroup, program);
	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

static int devices_attach(lua_State *L)
{
	return put(L, tl_device_filter_attach);
}

static int devices_replace(lua_State *L)
{
	return put(L, tl_device_filter_replace);
}

/* detach(cgroup) -> how many | nil, code, errno */
static int devices_detach(lua_State *L)
{
	autoclose int cgroup = open_cgroup(L);
	int count = cgroup < 0 ? -errno : tl_device_filter_detach(cgroup);

	if (count < 0)
		return tl_bind_error(L, count);
	lua_pushinteger(L, count);
	return 1;
}

int tl_lua_open_devices(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "compile", devices_compile }, { "load", devices_load },
		{ "attach", devices_attach },	{ "replace", devices_replace },
		{ "detach", devices_detach },	{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	lua_pushinteger(L, TL_DEVICE_RULES);
	lua_setfield(L, -2, "most");
	return 1;
}
