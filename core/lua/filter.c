/*
 * tidelock.core.filter: seccomp filters for Lua.
 *
 * Layer: core/lua, bindings only. Child safety: parent only. Descriptors: none kept.
 * Memory that must survive a Lua error lives in userdata; what C allocates is copied into a Lua
 * string and freed by the next statement that cannot raise an error.
 */
#include "../host/bpf.h"
#include "../host/bpf_tree.h"
#include "../host/filter.h"
#include "../host/filter_cache.h"
#include "../host/sha256.h"
#include "bind.h"

#include <errno.h>
#include <lauxlib.h>
#include <linux/audit.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

/* A whole number below 2^53, or a string such as "0xffffffff00000001" for all of 64 bits. */
static uint64_t to_u64(lua_State *L, int index, const char *what)
{
	lua_Number number;
	const char *text;
	char *end;
	uint64_t value;

	if (lua_type(L, index) == LUA_TNUMBER) {
		number = lua_tonumber(L, index);
		if (number >= -9007199254740992.0 && number < 0 &&
		    (lua_Number)(int64_t)number == number)
			return (uint64_t)(int64_t)number;
		if (number >= 0 && number < 9007199254740992.0 &&
		    (lua_Number)(uint64_t)number == number)
			return (uint64_t)number;
	} else if (lua_type(L, index) == LUA_TSTRING) {
		text = lua_tostring(L, index);
		errno = 0;
		value = strtoull(text, &end, 0);
		if (end != text && !*end && errno == 0 && *text != '-')
			return value;
	}
	return (uint64_t)luaL_error(
		L, "%s must be a whole number or a string such as \"0x10\", not %s", what,
		luaL_typename(L, index));
}

static uint64_t field_u64(lua_State *L, int table, const char *name, uint64_t otherwise)
{
	uint64_t value = otherwise;

	lua_getfield(L, table, name);
	if (!lua_isnil(L, -1))
		value = to_u64(L, -1, name);
	lua_pop(L, 1);
	return value;
}

static unsigned int field_arg(lua_State *L, int table, const char *name)
{
	uint64_t arg = field_u64(L, table, name, TL_FILTER_ARGS);

	if (arg >= TL_FILTER_ARGS)
		luaL_error(L, "%s must be an argument's number, 0 to 5", name);
	return (unsigned int)arg;
}

static uint32_t field_action(lua_State *L, int table, const char *name)
{
	uint32_t action = 0;

	lua_getfield(L, table, name);
	if (lua_type(L, -1) != LUA_TSTRING ||
	    tl_filter_parse_action(lua_tostring(L, -1), &action) < 0)
		luaL_error(
			L,
			"%s: \"%s\" is not an action (accepted: allow, log, notify, trap, "
			"kill, kill_thread, errno:EPERM, trace:1)",
			name, lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
	lua_pop(L, 1);
	return action;
}

static bool field_flag(lua_State *L, int table, const char *name)
{
	bool flag;

	lua_getfield(L, table, name);
	flag = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return flag;
}

/* Zeroed memory that the collector owns; it is left on the stack until the call returns. */
static void *scratch(lua_State *L, size_t count, size_t size)
{
	void *memory = lua_newuserdata(L, count * size + 1);

	memset(memory, 0, count * size + 1);
	return memory;
}

/* The list in a field of the table; an absent one is empty. Leaves the list on the stack. */
static size_t open_list(lua_State *L, int table, const char *name)
{
	lua_getfield(L, table, name);
	if (lua_isnil(L, -1))
		return 0;
	if (!lua_istable(L, -1))
		luaL_error(L, "%s must be a list", name);
	return lua_objlen(L, -1);
}

/* The strings stay alive because the policy, which the caller holds, does. */
static const char *const *field_names(lua_State *L, int table, size_t *count)
{
	const char **names;
	int list;
	size_t i;

	*count = open_list(L, table, "names");
	list = lua_gettop(L);
	if (*count == 0)
		luaL_error(L, "a rule needs names = { \"read\", ... }");
	names = scratch(L, *count, sizeof(*names));
	for (i = 0; i < *count; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "names must be strings");
		names[i] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	return names;
}

static void read_compare(lua_State *L, int table, struct tl_filter_compare *compare)
{
	static const char *const operators[] = { "==", "~=", "<", "<=",
						 ">",  ">=", "&", NULL };

	compare->arg = field_arg(L, table, "arg");
	compare->value = field_u64(L, table, "value", 0);
	compare->mask = field_u64(L, table, "mask", UINT64_MAX);
	lua_getfield(L, table, "op");
	compare->operator=(enum tl_filter_operator)
		luaL_checkoption(L, -1, "==", operators);
	lua_pop(L, 1);
	if (compare->mask != UINT64_MAX && compare->operator!= TL_FILTER_MASKED)
		luaL_error(L, "a mask goes with op \"&\" only");
}

static void read_rule(lua_State *L, int table, struct tl_filter_rule *rule)
{
	size_t i, count;
	int list;

	rule->names = field_names(L, table, &rule->name_count);
	rule->action = field_action(L, table, "action");
	rule->optional = field_flag(L, table, "optional");
	count = open_list(L, table, "args");
	list = lua_gettop(L);
	if (count > TL_FILTER_ARGS)
		luaL_error(L, "args has more than 6 comparisons");
	for (i = 0; i < count; i++) {
		lua_rawgeti(L, list, (int)i + 1);
		luaL_argcheck(L, lua_istable(L, -1), 1, "args must hold tables");
		read_compare(L, lua_gettop(L), &rule->compare[i]);
		lua_pop(L, 1);
	}
	rule->compare_count = (unsigned int)count;
}

static void read_guard(lua_State *L, int table, struct tl_filter_guard *guard)
{
	uint32_t *values;
	size_t i;
	int list;

	guard->names = field_names(L, table, &guard->name_count);
	guard->action = field_action(L, table, "action");
	guard->arg = field_arg(L, table, "arg");
	guard->value_count = open_list(L, table, "unless");
	guard->unless = guard->value_count > 0;
	if (!guard->unless)
		guard->value_count = open_list(L, table, "values");
	list = lua_gettop(L);
	if (guard->value_count == 0 || guard->value_count > TL_FILTER_VALUES)
		luaL_error(L, "a guard needs 1 to 64 numbers in values or in unless");
	values = scratch(L, guard->value_count, sizeof(*values));
	guard->values = values;
	for (i = 0; i < guard->value_count; i++) {
		uint64_t value;

		lua_rawgeti(L, list, (int)i + 1);
		value = to_u64(L, -1, "a guard's value");
		if (value > UINT32_MAX)
			luaL_error(L, "a guard compares 32 bits only");
		values[i] = (uint32_t)value;
		lua_pop(L, 1);
	}
}

static void read_policy(lua_State *L, int table, struct tl_filter_policy *policy)
{
	struct tl_filter_guard *guards;
	struct tl_filter_rule *rules;
	int list;
	size_t i;

	policy->otherwise = field_action(L, table, "otherwise");
	policy->bad_arch = field_action(L, table, "bad_arch");
	policy->unknown = field_action(L, table, "unknown");
	policy->rule_count = open_list(L, table, "rules");
	list = lua_gettop(L);
	rules = scratch(L, policy->rule_count, sizeof(*rules));
	policy->rules = rules;
	for (i = 0; i < policy->rule_count; i++) {
		luaL_checkstack(L, 16, "too many rules");
		lua_rawgeti(L, list, (int)i + 1);
		luaL_argcheck(L, lua_istable(L, -1), 1, "rules must hold tables");
		read_rule(L, lua_gettop(L), &rules[i]);
	}
	policy->guard_count = open_list(L, table, "guards");
	list = lua_gettop(L);
	guards = scratch(L, policy->guard_count, sizeof(*guards));
	policy->guards = guards;
	for (i = 0; i < policy->guard_count; i++) {
		luaL_checkstack(L, 16, "too many guards");
		lua_rawgeti(L, list, (int)i + 1);
		luaL_argcheck(L, lua_istable(L, -1), 1, "guards must hold tables");
		read_guard(L, lua_gettop(L), &guards[i]);
	}
}

/* compile(policy) -> bytes | nil, message */
static int compile(lua_State *L)
{
	struct tl_filter_policy policy = { 0 };
	char why[TL_FILTER_WHY];
	struct sock_filter *prog, *copy;
	int count;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	read_policy(L, 1, &policy);
	/* Room first, so that no Lua error can come between the compiler's malloc and its free. */
	copy = scratch(L, TL_BPF_MAX, sizeof(*copy));
	count = tl_filter_compile(&policy, &prog, why);
	if (count < 0) {
		lua_pushnil(L);
		lua_pushstring(L, why);
		return 2;
	}
	memcpy(copy, prog, (size_t)count * sizeof(*prog));
	free(prog);
	lua_pushlstring(L, (const char *)copy, (size_t)count * sizeof(*copy));
	return 1;
}

/* Lua strings have no alignment to rely on in principle; in LuaJIT and PUC they are aligned. */
static const struct sock_filter *to_program(lua_State *L, int index, size_t *count)
{
	size_t length;
	const char *bytes = luaL_checklstring(L, index, &length);

	if (length % sizeof(struct sock_filter))
		luaL_argerror(L, index, "the size of a filter is a multiple of 8");
	*count = length / sizeof(struct sock_filter);
	return (const void *)bytes;
}

/* check(bytes) -> true | nil, message, index (from 0) */
static int check(lua_State *L)
{
	const char *why;
	size_t count, index;
	const struct sock_filter *prog = to_program(L, 1, &count);

	if (tl_bpf_check(prog, count, &index, &why) == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	if (count == 0 || count > TL_BPF_MAX)
		lua_pushstring(L, why);
	else
		lua_pushfstring(L, "instruction %d %s", (int)index, why);
	lua_pushinteger(L, (lua_Integer)index);
	return 3;
}

/* tree(bytes) -> bytes | nil, errno's name, errno */
static int tree(lua_State *L)
{
	size_t count, index;
	const struct sock_filter *prog = to_program(L, 1, &count);
	struct sock_filter *copy = scratch(L, TL_BPF_MAX, sizeof(*copy)), *made;
	const char *why;
	int result;

	luaL_argcheck(L, tl_bpf_check(prog, count, &index, &why) == 0, 1,
		      "the filter is not valid");
	result = tl_bpf_tree(prog, count, &made);
	if (result < 0)
		return tl_bind_error(L, result);
	memcpy(copy, made, (size_t)result * sizeof(*copy));
	free(made);
	lua_pushlstring(L, (const char *)copy, (size_t)result * sizeof(*copy));
	return 1;
}

/* evaluate(bytes, { nr = , arch = , args = { }, ip = }) -> action | nil, message */
static int evaluate(lua_State *L)
{
	struct seccomp_data data = { 0 };
	size_t count, i, args;
	const struct sock_filter *prog = to_program(L, 1, &count);
	uint32_t result;

	luaL_checktype(L, 2, LUA_TTABLE);
	data.nr = (int)field_u64(L, 2, "nr", 0);
	data.arch = (uint32_t)field_u64(L, 2, "arch", AUDIT_ARCH_X86_64);
	data.instruction_pointer = field_u64(L, 2, "ip", 0);
	args = open_list(L, 2, "args");
	for (i = 0; i < args && i < TL_FILTER_ARGS; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		data.args[i] = to_u64(L, -1, "an argument");
		lua_pop(L, 1);
	}
	if (tl_bpf_evaluate(prog, count, &data, &result) < 0) {
		lua_pushnil(L);
		lua_pushliteral(
			L, "the program leaves its bounds or uses an unknown operation");
		return 2;
	}
	lua_pushnumber(L, result);
	return 1;
}

/* action("errno:EPERM") -> the filter's return value | nil */
static int action_value(lua_State *L)
{
	uint32_t action;

	if (tl_filter_parse_action(luaL_checkstring(L, 1), &action) < 0)
		lua_pushnil(L);
	else
		lua_pushnumber(L, action);
	return 1;
}

/* syscall_number(name) -> number | nil */
static int syscall_number(lua_State *L)
{
	int number = tl_filter_number(luaL_checkstring(L, 1));

	if (number < 0)
		lua_pushnil(L);
	else
		lua_pushinteger(L, number);
	return 1;
}

/* syscall_name(number) -> name | nil */
static int syscall_name(lua_State *L)
{
	char copy[64], *name = tl_filter_name(luaL_checkint(L, 1));

	if (!name) {
		lua_pushnil(L);
		return 1;
	}
	strncpy(copy, name, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	free(name);
	lua_pushstring(L, copy);
	return 1;
}

/* sha256(bytes, portable) -> 64 hex digits */
static int sha256(lua_State *L)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[TL_SHA256_SIZE];
	char text[2 * TL_SHA256_SIZE];
	struct tl_sha256 hash;
	size_t length, i;
	const char *bytes = luaL_checklstring(L, 1, &length);

	if (lua_toboolean(L, 2))
		tl_sha256_init_portable(&hash);
	else
		tl_sha256_init(&hash);
	tl_sha256_update(&hash, bytes, length);
	tl_sha256_final(&hash, digest);
	for (i = 0; i < sizeof(digest); i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	lua_pushlstring(L, text, sizeof(text));
	return 1;
}

/* cache_load(dir, name) -> bytes, flags | nil, errno's name, errno (EPERM: others may write it;
 * EBADMSG: damaged) */
static int cache_load(lua_State *L)
{
	const char *dir = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
	struct sock_filter prog[TL_BPF_MAX];
	uint32_t flags;
	int count = tl_filter_cache_load(dir, name, prog, &flags);

	if (count < 0)
		return tl_bind_error(L, count);
	lua_pushlstring(L, (const char *)prog, (size_t)count * sizeof(prog[0]));
	lua_pushnumber(L, flags);
	return 2;
}

/* cache_store(dir, name, bytes, flags) -> true | nil, errno's name, errno */
static int cache_store(lua_State *L)
{
	const char *dir = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
	size_t count;
	const struct sock_filter *prog = to_program(L, 3, &count);
	uint32_t flags = (uint32_t)luaL_optnumber(L, 4, 0);
	int result = tl_filter_cache_store(dir, name, prog, count, flags);

	if (result < 0)
		return tl_bind_error(L, result);
	lua_pushboolean(L, 1);
	return 1;
}

int tl_lua_open_filter(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "compile", compile },
		{ "check", check },
		{ "evaluate", evaluate },
		{ "tree", tree },
		{ "action", action_value },
		{ "syscall_number", syscall_number },
		{ "syscall_name", syscall_name },
		{ "sha256", sha256 },
		{ "cache_load", cache_load },
		{ "cache_store", cache_store },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	tl_lua_add_filter_oci(L);
	lua_pushnumber(L, AUDIT_ARCH_X86_64);
	lua_setfield(L, -2, "arch");
	lua_pushinteger(L, (lua_Integer)tl_filter_library());
	lua_setfield(L, -2, "library");
	return 1;
}
