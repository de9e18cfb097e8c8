/*
 * tidelock.core.pty: pseudoterminals and the modes of terminals. Documented in
 * lua/tidelock/meta/pty.lua.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "bind.h"
#include "names.h"

static unsigned short size_field(lua_State *L, int table, const char *name)
{
	lua_Number value;

	lua_getfield(L, table, name);
	value = luaL_optnumber(L, -1, 0);
	lua_pop(L, 1);
	if (!(value >= 0 && value <= 65535) || value != (lua_Number)(int)value)
		luaL_error(L, "%s: 0 to 65535 are accepted", name);
	return (unsigned short)value;
}

static struct winsize check_winsize(lua_State *L, int table)
{
	static const char *const fields[] = { "rows", "cols", "xpixel", "ypixel", NULL };
	struct winsize size;

	tl_names_check_fields(L, table, fields);
	size.ws_row = size_field(L, table, "rows");
	size.ws_col = size_field(L, table, "cols");
	size.ws_xpixel = size_field(L, table, "xpixel");
	size.ws_ypixel = size_field(L, table, "ypixel");
	return size;
}

/*
 * TIOCGPTPEER (4.13) opens the other side by the descriptor: no name is resolved, so that what
 * lies at /dev/pts in this mount namespace does not matter.
 */
static int pty_openpty(lua_State *L)
{
	const char *ptmx = luaL_optstring(L, 2, "/dev/ptmx");
	struct winsize size = { 0 };
	autoclose int master = -1;
	autoclose int slave = -1;
	int unlock = 0;

	if (!lua_isnoneornil(L, 1))
		size = check_winsize(L, 1);
	master = open(ptmx, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return tl_bind_error(L, errno);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || (!lua_isnoneornil(L, 1) && ioctl(master, TIOCSWINSZ, &size) < 0))
		return tl_bind_error(L, errno);
	tl_bind_push_fd(L, tl_fd_steal(&master));
	tl_bind_push_fd(L, tl_fd_steal(&slave));
	return 2;
}

static int pty_ptsname(lua_State *L)
{
	char name[64];
	int error = ptsname_r(tl_bind_check_fd(L, 1), name, sizeof(name));

	if (error)
		return tl_bind_error(L, error);
	lua_pushstring(L, name);
	return 1;
}

static int pty_tcgetwinsize(lua_State *L)
{
	struct winsize size;

	if (ioctl(tl_bind_check_fd(L, 1), TIOCGWINSZ, &size) < 0)
		return tl_bind_error(L, errno);
	lua_createtable(L, 0, 4);
	tl_bind_set_number(L, "rows", size.ws_row);
	tl_bind_set_number(L, "cols", size.ws_col);
	tl_bind_set_number(L, "xpixel", size.ws_xpixel);
	tl_bind_set_number(L, "ypixel", size.ws_ypixel);
	return 1;
}

static int pty_tcsetwinsize(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1);
	struct winsize size = check_winsize(L, 2);

	return tl_bind_true(L, ioctl(fd, TIOCSWINSZ, &size));
}

/* Modes are a string of libc's struct termios: a value that can be kept and given back. */
static void push_modes(lua_State *L, const struct termios *modes)
{
	lua_pushlstring(L, (const char *)modes, sizeof(*modes));
}

static struct termios check_modes(lua_State *L, int arg)
{
	struct termios modes;
	size_t size;
	const char *bytes = luaL_checklstring(L, arg, &size);

	luaL_argcheck(L, size == sizeof(modes), arg, "not what tcgetattr gave");
	memcpy(&modes, bytes, sizeof(modes));
	return modes;
}

static int pty_tcgetattr(lua_State *L)
{
	struct termios modes;

	memset(&modes, 0, sizeof(modes));
	if (tcgetattr(tl_bind_check_fd(L, 1), &modes) < 0)
		return tl_bind_error(L, errno);
	push_modes(L, &modes);
	return 1;
}

static int pty_tcsetattr(lua_State *L)
{
	static const struct tl_name actions[] = { { "now", TCSANOW },
						  { "drain", TCSADRAIN },
						  { "flush", TCSAFLUSH },
						  { NULL, 0 } };
	int fd = tl_bind_check_fd(L, 1);
	struct termios modes = check_modes(L, 2);
	int action = lua_isnoneornil(L, 3)
		? TCSADRAIN
		: (int)tl_names_check(L, 3, actions, "tcsetattr");

	return tl_bind_true(L, tcsetattr(fd, action, &modes));
}

static int pty_cfmakeraw(lua_State *L)
{
	struct termios modes = check_modes(L, 1);

	cfmakeraw(&modes);
	push_modes(L, &modes);
	return 1;
}

static int pty_raw(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1);
	struct termios before, raw;

	memset(&before, 0, sizeof(before));
	if (tcgetattr(fd, &before) < 0)
		return tl_bind_error(L, errno);
	push_modes(L, &before);
	raw = before;
	cfmakeraw(&raw);
	return tcsetattr(fd, TCSADRAIN, &raw) < 0 ? tl_bind_error(L, errno) : 1;
}

/* TIOCSCTTY without stealing: EPERM if the terminal is another session's */
static int pty_set_controlling(lua_State *L)
{
	return tl_bind_true(L, ioctl(tl_bind_check_fd(L, 1), TIOCSCTTY, 0));
}

static int pty_tcgetpgrp(lua_State *L)
{
	pid_t group = tcgetpgrp(tl_bind_check_fd(L, 1));

	if (group < 0)
		return tl_bind_error(L, errno);
	lua_pushinteger(L, group);
	return 1;
}

static int pty_tcsetpgrp(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1);

	return tl_bind_true(L, tcsetpgrp(fd, (pid_t)luaL_checkinteger(L, 2)));
}

int tl_lua_open_pty(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "openpty", pty_openpty },
		{ "ptsname", pty_ptsname },
		{ "tcgetwinsize", pty_tcgetwinsize },
		{ "tcsetwinsize", pty_tcsetwinsize },
		{ "tcgetattr", pty_tcgetattr },
		{ "tcsetattr", pty_tcsetattr },
		{ "cfmakeraw", pty_cfmakeraw },
		{ "raw", pty_raw },
		{ "set_controlling", pty_set_controlling },
		{ "tcgetpgrp", pty_tcgetpgrp },
		{ "tcsetpgrp", pty_tcsetpgrp },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
