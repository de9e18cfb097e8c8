/* tidelock.core.prctl: prctl(2) by name. Documented in lua/tidelock/meta/prctl.lua. */
#include <errno.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>

#include "../sys/kernel.h"
#include "bind.h"
#include "names.h"

static int push_flag(lua_State *L, int result)
{
	if (result < 0)
		return tl_bind_error(L, errno);
	lua_pushboolean(L, result);
	return 1;
}

/* true for nothing: set_child_subreaper() is set_child_subreaper(true) */
static unsigned long opt_flag(lua_State *L, int arg)
{
	if (lua_isnoneornil(L, arg))
		return 1;
	luaL_checktype(L, arg, LUA_TBOOLEAN);
	return (unsigned long)lua_toboolean(L, arg);
}

static int set_no_new_privs(lua_State *L)
{
	return tl_bind_true(L, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static int get_no_new_privs(lua_State *L)
{
	return push_flag(L, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static int set_dumpable(lua_State *L)
{
	return tl_bind_true(L, prctl(PR_SET_DUMPABLE, opt_flag(L, 1), 0, 0, 0));
}

/* 2 is what the kernel sets after a change of ids under fs.suid_dumpable=2: root may read it. */
static int get_dumpable(lua_State *L)
{
	int value = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	if (value < 0)
		return tl_bind_error(L, errno);
	lua_pushboolean(L, value == 1);
	return 1;
}

static int set_child_subreaper(lua_State *L)
{
	return tl_bind_true(L, prctl(PR_SET_CHILD_SUBREAPER, opt_flag(L, 1), 0, 0, 0));
}

static int get_child_subreaper(lua_State *L)
{
	int value = 0;

	return prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0) < 0
		? tl_bind_error(L, errno)
		: push_flag(L, value);
}

static int set_pdeathsig(lua_State *L)
{
	unsigned long sig =
		lua_isnoneornil(L, 1) ? 0 : (unsigned long)tl_names_check_signal(L, 1);

	return tl_bind_true(L, prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0));
}

static int get_pdeathsig(lua_State *L)
{
	int sig = 0;

	if (prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0) < 0)
		return tl_bind_error(L, errno);
	if (sig)
		tl_names_push_signal(L, sig);
	else
		lua_pushboolean(L, 0);
	return 1;
}

static const struct tl_name securebits[] = {
	{ "noroot", SECBIT_NOROOT },
	{ "noroot_locked", SECBIT_NOROOT_LOCKED },
	{ "no_setuid_fixup", SECBIT_NO_SETUID_FIXUP },
	{ "no_setuid_fixup_locked", SECBIT_NO_SETUID_FIXUP_LOCKED },
	{ "keep_caps", SECBIT_KEEP_CAPS },
	{ "keep_caps_locked", SECBIT_KEEP_CAPS_LOCKED },
	{ "no_cap_ambient_raise", SECBIT_NO_CAP_AMBIENT_RAISE },
	{ "no_cap_ambient_raise_locked", SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED },
	{ NULL, 0 },
};

static int set_securebits(lua_State *L)
{
	luaL_checkany(L, 1);
	return tl_bind_true(L,
			    prctl(PR_SET_SECUREBITS,
				  (unsigned long)tl_names_check_flags(L, 1, securebits,
								      "securebits"),
				  0, 0, 0));
}

static int get_securebits(lua_State *L)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (bits < 0)
		return tl_bind_error(L, errno);
	tl_names_push_flags(L, (uint64_t)bits, securebits);
	return 1;
}

static int set_keepcaps(lua_State *L)
{
	return tl_bind_true(L, prctl(PR_SET_KEEPCAPS, opt_flag(L, 1), 0, 0, 0));
}

static int get_keepcaps(lua_State *L)
{
	return push_flag(L, prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
}

static int set_name(lua_State *L)
{
	return tl_bind_true(L, prctl(PR_SET_NAME, luaL_checkstring(L, 1), 0, 0, 0));
}

static int get_name(lua_State *L)
{
	char name[17] = "";

	if (prctl(PR_GET_NAME, name, 0, 0, 0) < 0)
		return tl_bind_error(L, errno);
	lua_pushstring(L, name);
	return 1;
}

static const struct tl_name mdwe_flags[] = {
	{ "refuse_exec_gain", PR_MDWE_REFUSE_EXEC_GAIN },
	{ "no_inherit", PR_MDWE_NO_INHERIT },
	{ NULL, 0 },
};

/* The JIT compiler makes its pages executable after it has written them: it would raise. */
static void stop_jit(lua_State *L)
{
	lua_getglobal(L, "jit");
	if (lua_istable(L, -1)) {
		lua_getfield(L, -1, "off");
		lua_call(L, 0, 0);
		lua_getfield(L, -1, "flush");
		lua_call(L, 0, 0);
	}
	lua_pop(L, 1);
}

static int set_mdwe(lua_State *L)
{
	uint64_t flags = lua_isnoneornil(L, 1)
		? PR_MDWE_REFUSE_EXEC_GAIN
		: tl_names_check_flags(L, 1, mdwe_flags, "mdwe");

	stop_jit(L);
	return tl_bind_true(L, prctl(PR_SET_MDWE, (unsigned long)flags, 0, 0, 0));
}

static int get_mdwe(lua_State *L)
{
	int bits = prctl(PR_GET_MDWE, 0, 0, 0, 0);

	if (bits < 0)
		return tl_bind_error(L, errno);
	tl_names_push_flags(L, (uint64_t)bits, mdwe_flags);
	return 1;
}

/*
 * PR_SET_HIDE_SELF_EXE was proposed and never merged, and the numbers it had in the patches mean
 * other things today (65 is PR_SET_MDWE): only a header that names it can tell its number.
 */
static int hide_self_exe(lua_State *L)
{
#ifdef PR_SET_HIDE_SELF_EXE
	return tl_bind_true(L, prctl(PR_SET_HIDE_SELF_EXE, 1, 0, 0, 0));
#else
	lua_pushnil(L);
	lua_pushliteral(L, "unavailable");
	return 2;
#endif
}

int tl_lua_open_prctl(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "set_no_new_privs", set_no_new_privs },
		{ "get_no_new_privs", get_no_new_privs },
		{ "set_dumpable", set_dumpable },
		{ "get_dumpable", get_dumpable },
		{ "set_child_subreaper", set_child_subreaper },
		{ "get_child_subreaper", get_child_subreaper },
		{ "set_pdeathsig", set_pdeathsig },
		{ "get_pdeathsig", get_pdeathsig },
		{ "set_securebits", set_securebits },
		{ "get_securebits", get_securebits },
		{ "set_keepcaps", set_keepcaps },
		{ "get_keepcaps", get_keepcaps },
		{ "set_name", set_name },
		{ "get_name", get_name },
		{ "set_mdwe", set_mdwe },
		{ "get_mdwe", get_mdwe },
		{ "hide_self_exe", hide_self_exe },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
