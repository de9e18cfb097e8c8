/* tidelock.core.rlimit: prlimit(2) by name. Documented in lua/tidelock/meta/rlimit.lua. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "bind.h"
#include "names.h"

static const struct tl_name resources[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
	{ NULL, 0 },
};

static void push_limit(lua_State *L, rlim_t value)
{
	if (value == RLIM_INFINITY)
		lua_pushliteral(L, "unlimited");
	else
		tl_bind_push_u64(L, value);
}

static rlim_t check_limit(lua_State *L, int arg)
{
	if (lua_type(L, arg) == LUA_TSTRING && !strcmp(lua_tostring(L, arg), "unlimited"))
		return RLIM_INFINITY;
	return tl_bind_check_u64(L, arg);
}

static int rlimit_prlimit(lua_State *L)
{
	pid_t pid = (pid_t)luaL_optinteger(L, 1, 0);
	__rlimit_resource_t resource =
		(__rlimit_resource_t)tl_names_check(L, 2, resources, "resource");
	struct rlimit before, limit;

	if (prlimit(pid, resource, NULL, &before) < 0)
		return tl_bind_error(L, errno);
	limit = before;
	if (!lua_isnoneornil(L, 3))
		limit.rlim_cur = check_limit(L, 3);
	if (!lua_isnoneornil(L, 4))
		limit.rlim_max = check_limit(L, 4);
	if (lua_gettop(L) > 2 && prlimit(pid, resource, &limit, &before) < 0)
		return tl_bind_error(L, errno);
	push_limit(L, before.rlim_cur);
	push_limit(L, before.rlim_max);
	return 2;
}

int tl_lua_open_rlimit(lua_State *L)
{
	static const luaL_Reg functions[] = { { "prlimit", rlimit_prlimit },
					      { NULL, NULL } };

	tl_bind_module(L, functions);
	return 1;
}
