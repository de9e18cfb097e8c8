/* tidelock.core.uts: the names of the host. Documented in lua/tidelock/meta/uts.lua. */
#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bind.h"

static int uts_sethostname(lua_State *L)
{
	size_t size;
	const char *name = luaL_checklstring(L, 1, &size);

	return tl_bind_true(L, sethostname(name, size));
}

static int uts_setdomainname(lua_State *L)
{
	size_t size;
	const char *name = luaL_checklstring(L, 1, &size);

	return tl_bind_true(L, setdomainname(name, size));
}

static int uts_uname(lua_State *L)
{
	struct utsname uts;

	if (uname(&uts) < 0)
		return tl_bind_error(L, errno);
	lua_createtable(L, 0, 6);
	tl_bind_set_string(L, "sysname", uts.sysname);
	tl_bind_set_string(L, "nodename", uts.nodename);
	tl_bind_set_string(L, "release", uts.release);
	tl_bind_set_string(L, "version", uts.version);
	tl_bind_set_string(L, "machine", uts.machine);
	tl_bind_set_string(L, "domainname", uts.domainname);
	return 1;
}

int tl_lua_open_uts(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "sethostname", uts_sethostname },
		{ "setdomainname", uts_setdomainname },
		{ "uname", uts_uname },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
