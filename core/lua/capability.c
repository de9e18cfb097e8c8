/*
 * tidelock.core.capability: the five sets of capabilities(7) by name, through libcap. Documented
 * in lua/tidelock/meta/capability.lua. libcap's memory is held by userdata with a __gc, because a
 * Lua error may come between its allocation and its use.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include "bind.h"
#include "names.h"

#define STATE_CLASS "tidelock.capabilities"

/* The sets of capget(2) and capset(2), then the two that prctl(2) reads and changes. */
enum { EFFECTIVE, PERMITTED, INHERITABLE, BOUNDING, AMBIENT, SETS };
static const char *const set_names[] = {
	"effective", "permitted", "inheritable", "bounding", "ambient", NULL,
};
static const cap_flag_t set_flags[] = { CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE };

static int state_free(lua_State *L)
{
	cap_t *state = luaL_checkudata(L, 1, STATE_CLASS);

	if (*state)
		cap_free(*state);
	*state = NULL;
	return 0;
}

/* Push the capabilities of this process as a userdata that frees them; NULL with errno. */
static cap_t push_state(lua_State *L)
{
	cap_t *state = lua_newuserdata(L, sizeof(cap_t));

	*state = NULL;
	luaL_getmetatable(L, STATE_CLASS);
	lua_setmetatable(L, -2);
	return *state = cap_get_proc();
}

static cap_value_t check_name(lua_State *L, int index)
{
	char text[64] = "cap_";
	cap_value_t value = 0;
	const char *given =
		lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "?";
	const char *name = strncasecmp(given, "cap_", 4) == 0 ? given + 4 : given;

	snprintf(text + 4, sizeof(text) - 4, "%s", name);
	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!isalpha((unsigned char)text[4]) || cap_from_name(text, &value) < 0)
		luaL_error(L,
			   "\"%s\" is no capability (accepted: CHOWN, NET_ADMIN, "
			   "CAP_NET_ADMIN ...; capabilities(7) lists them)",
			   given);
	return value;
}

/* Push "NET_ADMIN"; a number for one that libcap does not know. */
static void push_name(lua_State *L, cap_value_t value)
{
	char text[64] = "";
	char *name = cap_to_name(value);

	if (name)
		snprintf(text, sizeof(text), "%s",
			 strncmp(name, "cap_", 4) == 0 ? name + 4 : name);
	cap_free(name);
	for (char *p = text; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	lua_pushstring(L, text);
}

static bool holds(cap_t state, int set, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	if (set == BOUNDING)
		return cap_get_bound(value) == CAP_SET;
	if (set == AMBIENT)
		return cap_get_ambient(value) == CAP_SET;
	cap_get_flag(state, value, set_flags[set], &flag);
	return flag == CAP_SET;
}

static int capability_capget(lua_State *L)
{
	cap_t state = push_state(L);

	if (!state)
		return tl_bind_error(L, errno);
	lua_createtable(L, 0, SETS);
	for (int set = 0; set < SETS; set++) {
		int count = 0;

		lua_newtable(L);
		for (cap_value_t value = 0; value < cap_max_bits(); value++)
			if (holds(state, set, value)) {
				push_name(L, value);
				lua_rawseti(L, -2, ++count);
			}
		lua_setfield(L, -2, set_names[set]);
	}
	return 1;
}

/* The mask of the set's list in the table at 1; false if the set is not to change. */
static bool wanted(lua_State *L, int set, uint64_t *mask)
{
	*mask = 0;
	lua_getfield(L, 1, set_names[set]);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		return false;
	}
	luaL_checktype(L, -1, LUA_TTABLE);
	for (int i = 1; i <= (int)lua_objlen(L, -1); i++) {
		lua_rawgeti(L, -1, i);
		*mask |= UINT64_C(1) << check_name(L, lua_gettop(L));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return true;
}

/* A capability can leave the bounding set, none can enter it. */
static int drop_bounding(uint64_t keep)
{
	for (cap_value_t value = 0; value < cap_max_bits(); value++) {
		bool kept = keep >> value & 1, there = cap_get_bound(value) == CAP_SET;

		if (kept && !there) {
			errno = EPERM;
			return -1;
		}
		if (!kept && there && cap_drop_bound(value) < 0)
			return -1;
	}
	return 0;
}

static int set_ambient(uint64_t mask)
{
	for (cap_value_t value = 0; value < cap_max_bits(); value++) {
		bool on = mask >> value & 1;

		if (on != (cap_get_ambient(value) == CAP_SET) &&
		    cap_set_ambient(value, on ? CAP_SET : CAP_CLEAR) < 0)
			return -1;
	}
	return 0;
}

static int set_process(cap_t state, const uint64_t *masks, const bool *change)
{
	for (int set = EFFECTIVE; set <= INHERITABLE; set++)
		for (cap_value_t value = 0; change[set] && value < cap_max_bits();
		     value++)
			if (cap_set_flag(state, set_flags[set], 1, &value,
					 masks[set] >> value & 1 ? CAP_SET : CAP_CLEAR) <
			    0)
				return -1;
	return cap_set_proc(state);
}

/* Bounding first, which takes SETPCAP; ambient last, which takes permitted and inheritable. */
static int capability_capset(lua_State *L)
{
	uint64_t masks[SETS];
	bool change[SETS];
	cap_t state;

	tl_names_check_fields(L, 1, set_names);
	for (int set = 0; set < SETS; set++)
		change[set] = wanted(L, set, &masks[set]);
	state = push_state(L);
	if (!state)
		return tl_bind_error(L, errno);
	if (change[BOUNDING] && drop_bounding(masks[BOUNDING]) < 0)
		return tl_bind_error(L, errno);
	if ((change[EFFECTIVE] || change[PERMITTED] || change[INHERITABLE]) &&
	    set_process(state, masks, change) < 0)
		return tl_bind_error(L, errno);
	return tl_bind_true(L, change[AMBIENT] ? set_ambient(masks[AMBIENT]) : 0);
}

int tl_lua_open_capability(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "capget", capability_capget },
		{ "capset", capability_capset },
		{ NULL, NULL },
	};
	static const luaL_Reg none[] = { { NULL, NULL } };

	tl_bind_class(L, STATE_CLASS, none, state_free);
	tl_bind_module(L, functions);
	return 1;
}
