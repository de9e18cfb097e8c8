#include "names.h"

#include <errno.h>
#include <lauxlib.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's range, which starts below that of libc's SIGRTMIN. */
#define RTMIN 34
#define RTMAX 64

const struct tl_name tl_names_namespaces[] = {
	{ "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC }, { "mount", CLONE_NEWNS },
	{ "network", CLONE_NEWNET },   { "pid", CLONE_NEWPID }, { "time", CLONE_NEWTIME },
	{ "user", CLONE_NEWUSER },     { "uts", CLONE_NEWUTS }, { NULL, 0 },
};

/* Raises: what: "given" is not accepted (accepted: a, b). */
static void refuse(lua_State *L, int index, const struct tl_name *names, const char *what)
{
	const char *given = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index)
							      : luaL_typename(L, index);
	luaL_Buffer buffer;

	luaL_buffinit(L, &buffer);
	for (const struct tl_name *n = names; n->name; n++) {
		if (n != names)
			luaL_addstring(&buffer, ", ");
		luaL_addstring(&buffer, n->name);
	}
	luaL_pushresult(&buffer);
	luaL_error(L, "%s: \"%s\" is not accepted (accepted: %s)", what, given,
		   lua_tostring(L, -1));
}

uint64_t tl_names_check(lua_State *L, int index, const struct tl_name *names,
			const char *what)
{
	if (lua_type(L, index) == LUA_TSTRING) {
		const char *text = lua_tostring(L, index);

		for (const struct tl_name *n = names; n->name; n++)
			if (!strcmp(n->name, text))
				return n->value;
	}
	refuse(L, index, names, what);
	return 0;
}

uint64_t tl_names_check_flags(lua_State *L, int index, const struct tl_name *names,
			      const char *what)
{
	uint64_t value = 0;
	int count;

	if (lua_isnoneornil(L, index))
		return 0;
	if (lua_type(L, index) != LUA_TTABLE)
		return tl_names_check(L, index, names, what);
	if (index < 0)
		index = lua_gettop(L) + 1 + index;
	count = (int)lua_objlen(L, index);
	for (int i = 1; i <= count; i++) {
		lua_rawgeti(L, index, i);
		value |= tl_names_check(L, lua_gettop(L), names, what);
		lua_pop(L, 1);
	}
	/* A set such as { user = true } would otherwise count as none. */
	lua_pushnil(L);
	while (lua_next(L, index)) {
		if (lua_type(L, -2) != LUA_TNUMBER)
			luaL_error(L, "%s: a list of names is expected", what);
		lua_pop(L, 1);
	}
	return value;
}

uint64_t tl_names_field_flags(lua_State *L, int table, const char *field,
			      const struct tl_name *names)
{
	uint64_t value;

	lua_getfield(L, table, field);
	value = tl_names_check_flags(L, lua_gettop(L), names, field);
	lua_pop(L, 1);
	return value;
}

void tl_names_check_fields(lua_State *L, int table, const char *const *accepted)
{
	luaL_checktype(L, table, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, table)) {
		const char *key =
			lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "[1]";
		const char *const *name = accepted;

		while (*name && strcmp(*name, key) != 0)
			name++;
		if (!*name) {
			lua_pushliteral(L, "");
			for (name = accepted; *name; name++) {
				lua_pushfstring(L, name == accepted ? "%s%s" : "%s, %s",
						lua_tostring(L, -1), *name);
				lua_remove(L, -2);
			}
			luaL_error(L, "unknown field \"%s\" (accepted: %s)", key,
				   lua_tostring(L, -1));
		}
		lua_pop(L, 1);
	}
}

void tl_names_push_flags(lua_State *L, uint64_t value, const struct tl_name *names)
{
	char text[32];
	int count = 0;

	lua_newtable(L);
	for (; names->name; names++)
		if (names->value && (value & names->value) == names->value) {
			value &= ~names->value;
			lua_pushstring(L, names->name);
			lua_rawseti(L, -2, ++count);
		}
	if (!value)
		return;
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	lua_pushstring(L, text);
	lua_rawseti(L, -2, ++count);
}

const char *tl_names_find(const struct tl_name *names, uint64_t value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

/* The number after RTMIN+ or RTMAX-, or -1. */
static int real_time(const char *text)
{
	bool low = !strncmp(text, "RTMIN", 5);
	char *end;
	long step = 0;

	if (!low && strncmp(text, "RTMAX", 5) != 0)
		return -1;
	text += 5;
	if (*text) {
		if (*text != (low ? '+' : '-') || text[1] < '0' || text[1] > '9')
			return -1;
		step = strtol(text + 1, &end, 10);
		if (*end || step > RTMAX - RTMIN)
			return -1;
	}
	return (int)(low ? RTMIN + step : RTMAX - step);
}

static const char *signal_name(int sig)
{
	return sig == SIGIO ? "IO" : sig > 0 && sig < RTMIN ? sigabbrev_np(sig) : NULL;
}

int tl_names_check_signal(lua_State *L, int index)
{
	static const struct tl_name other[] = {
		{ "IOT", SIGIOT }, { "CLD", SIGCHLD }, { "POLL", SIGPOLL }, { NULL, 0 }
	};
	const char *text;
	int sig;

	if (lua_type(L, index) == LUA_TNUMBER)
		return (int)lua_tointeger(L, index);
	text = luaL_checkstring(L, index);
	if (!strncmp(text, "SIG", 3))
		text += 3;
	for (sig = 1; sig < RTMIN; sig++) {
		const char *name = signal_name(sig);

		if (name && !strcmp(name, text))
			return sig;
	}
	for (const struct tl_name *n = other; n->name; n++)
		if (!strcmp(n->name, text))
			return (int)n->value;
	sig = real_time(text);
	if (sig < 0)
		luaL_error(
			L,
			"\"%s\" is no signal (accepted: TERM, SIGTERM, RTMIN+1, 15 ...; "
			"signal(7) lists them)",
			lua_tostring(L, index));
	return sig;
}

void tl_names_push_signal(lua_State *L, int sig)
{
	const char *name = signal_name(sig);

	if (name)
		lua_pushstring(L, name);
	else if (sig == RTMIN)
		lua_pushliteral(L, "RTMIN");
	else if (sig > RTMIN && sig <= RTMAX)
		lua_pushfstring(L, "RTMIN+%d", sig - RTMIN);
	else
		lua_pushinteger(L, sig);
}
