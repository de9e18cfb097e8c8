/* tidelock.core.terminal: the caller's terminal, and the copying between it and a box's. */
#include "../host/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "../host/relay.h"
#include "bind.h"

#define MODES_CLASS "tidelock.modes"
#define RELAY_CLASS "tidelock.relay"

static int push_result(lua_State *L, int ret)
{
	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

/* size(fd) -> rows, columns | nothing, where it is no terminal or has no size */
static int terminal_size(lua_State *L)
{
	struct winsize size;

	if (ioctl(tl_bind_check_fd(L, 1), TIOCGWINSZ, &size) < 0 || !size.ws_row ||
	    !size.ws_col)
		return 0;
	lua_pushinteger(L, size.ws_row);
	lua_pushinteger(L, size.ws_col);
	return 2;
}

/* foreground(fd) -> may this process read the terminal? True where it is not its own terminal */
static int terminal_foreground(lua_State *L)
{
	lua_pushboolean(L, tl_terminal_foreground(tl_bind_check_fd(L, 1)));
	return 1;
}

/* suspend(): stop as SIGTSTP does; returns after SIGCONT */
static int terminal_suspend(lua_State *L)
{
	(void)L;
	tl_terminal_suspend();
	return 0;
}

static struct tl_modes *to_modes(lua_State *L)
{
	return luaL_checkudata(L, 1, MODES_CLASS);
}

/* modes(fd) -> the modes of a terminal, to be left and come back to | nil, code, errno */
static int terminal_modes(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1);
	struct tl_modes *modes = lua_newuserdata(L, sizeof(*modes));
	int ret = tl_modes_open(modes, fd);

	if (ret < 0)
		return tl_bind_error(L, ret);
	luaL_getmetatable(L, MODES_CLASS);
	lua_setmetatable(L, -2);
	return 1;
}

/* modes:enter() -> true | nil, code, errno: raw mode */
static int modes_enter(lua_State *L)
{
	return push_result(L, tl_modes_enter(to_modes(L)));
}

/* modes:leave(): as they were, unless somebody else has changed them */
static int modes_leave(lua_State *L)
{
	tl_modes_leave(to_modes(L));
	return 0;
}

/* modes:watch() -> true | nil, code, errno: fork a child that leaves when this process is killed */
static int modes_watch(lua_State *L)
{
	return push_result(L, tl_modes_watch(to_modes(L)));
}

/* modes:close(): leaves, and waits for the end of the child */
static int modes_close(lua_State *L)
{
	tl_modes_close(to_modes(L));
	return 0;
}

static struct tl_relay *to_relay(lua_State *L)
{
	return luaL_checkudata(L, 1, RELAY_CLASS);
}

static struct tl_relay *open_relay(lua_State *L)
{
	struct tl_relay *relay = to_relay(L);

	if (relay->epoll < 0)
		luaL_error(L, "the relay is closed");
	return relay;
}

/* relay(master, in, out) -> relay | nil, code, errno: keeps duplicates of the three */
static int terminal_relay(lua_State *L)
{
	int master = tl_bind_check_fd(L, 1);
	int in = tl_bind_check_fd(L, 2), out = tl_bind_check_fd(L, 3);
	struct tl_relay *relay = lua_newuserdata(L, sizeof(*relay));
	int ret = tl_relay_open(relay, master, in, out);

	if (ret < 0)
		return tl_bind_error(L, ret);
	luaL_getmetatable(L, RELAY_CLASS);
	lua_setmetatable(L, -2);
	return 1;
}

/* relay:pollfd() -> readable when step() has something to do */
static int relay_pollfd(lua_State *L)
{
	lua_pushinteger(L, open_relay(L)->epoll);
	return 1;
}

/* relay:step() -> true when the caller's terminal is gone, or nobody reads the output any more */
static int relay_step(lua_State *L)
{
	struct tl_relay *relay = open_relay(L);

	tl_relay_step(relay);
	lua_pushboolean(L, relay->lost);
	return 1;
}

/* relay:drain() -> true when all that the box left is written */
static int relay_drain(lua_State *L)
{
	lua_pushboolean(L, tl_relay_drain(open_relay(L)));
	return 1;
}

/* relay:pause(boolean): whether the input is left alone */
static int relay_pause(lua_State *L)
{
	tl_relay_pause(open_relay(L), lua_toboolean(L, 2));
	return 0;
}

/* relay:resize(rows, columns) -> true | nil, code, errno */
static int relay_resize(lua_State *L)
{
	struct tl_relay *relay = open_relay(L);

	return push_result(L,
			   tl_relay_resize(relay, (unsigned short)luaL_checkinteger(L, 2),
					   (unsigned short)luaL_checkinteger(L, 3)));
}

static int relay_close(lua_State *L)
{
	tl_relay_close(to_relay(L));
	return 0;
}

int tl_lua_open_terminal(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "size", terminal_size },	 { "foreground", terminal_foreground },
		{ "suspend", terminal_suspend }, { "modes", terminal_modes },
		{ "relay", terminal_relay },	 { NULL, NULL },
	};
	static const luaL_Reg modes[] = {
		{ "enter", modes_enter }, { "leave", modes_leave },
		{ "watch", modes_watch }, { "close", modes_close },
		{ NULL, NULL },
	};
	static const luaL_Reg relay[] = {
		{ "pollfd", relay_pollfd },
		{ "step", relay_step },
		{ "drain", relay_drain },
		{ "pause", relay_pause },
		{ "resize", relay_resize },
		{ "close", relay_close },
		{ NULL, NULL },
	};

	tl_bind_class(L, MODES_CLASS, modes, modes_close);
	tl_bind_class(L, RELAY_CLASS, relay, relay_close);
	tl_bind_module(L, functions);
	return 1;
}
