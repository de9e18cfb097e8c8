/*
 * tidelock.core.poll: wait for descriptors; signals as a descriptor. waitable.c has epoll and
 * timers. Documented in lua/tidelock/meta/poll.lua.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../sys/clock.h"
#include "bind.h"
#include "names.h"
#include "waitable.h"

#define SIGNALS_CLASS "tidelock.signals"
#define POLL_MAX 1024

/*
 * wait({thing...}, seconds|nil) -> {index...} of those that are ready, hung up or whose own time
 * is up (empty when the time is up or a signal came) | nil, code, errno. A thing is a descriptor
 * or has :pollfd(), and may have :events() and :timeout().
 */
static int poll_wait(lua_State *L)
{
	struct pollfd fds[POLL_MAX];
	double own[POLL_MAX], timeout = luaL_optnumber(L, 2, INFINITY), start, took;
	int count, n, ready = 0;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = (int)lua_objlen(L, 1);
	luaL_argcheck(L, count <= POLL_MAX, 1, "more than 1024 descriptors");
	for (int i = 0; i < count; i++) {
		lua_rawgeti(L, 1, i + 1);
		fds[i].fd = tl_bind_check_fd(L, lua_gettop(L));
		fds[i].events = tl_waitable_events(L, lua_gettop(L));
		own[i] = tl_waitable_timeout(L, lua_gettop(L));
		lua_pop(L, 1);
		if (own[i] < timeout)
			timeout = own[i];
	}
	start = (double)tl_clock_ns() / 1e9;
	n = poll(fds, (nfds_t)count, tl_waitable_milliseconds(timeout));
	if (n < 0 && errno != EINTR)
		return tl_bind_error(L, errno);
	took = (double)tl_clock_ns() / 1e9 - start;
	lua_newtable(L);
	for (int i = 0; i < count; i++)
		if ((n > 0 && fds[i].revents) || own[i] <= took) {
			lua_pushinteger(L, i + 1);
			lua_rawseti(L, -2, ++ready);
		}
	return 1;
}

struct signals {
	int fd;
	sigset_t before;
};

static struct signals *to_signals(lua_State *L)
{
	return luaL_checkudata(L, 1, SIGNALS_CLASS);
}

static bool is_ignored(int sig)
{
	struct sigaction action;

	return sigaction(sig, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/*
 * signals{signal...} -> object: blocks them and delivers them through its descriptor. What is
 * ignored, as nohup(1) and a shell's background jobs have it, stays so.
 */
static int poll_signals(lua_State *L)
{
	struct signals *signals;
	sigset_t set;

	luaL_checktype(L, 1, LUA_TTABLE);
	sigemptyset(&set);
	for (int i = 1; i <= (int)lua_objlen(L, 1); i++) {
		int sig;

		lua_rawgeti(L, 1, i);
		sig = tl_names_check_signal(L, lua_gettop(L));
		if (!is_ignored(sig) && sigaddset(&set, sig) < 0)
			return luaL_error(L, "signals: no such signal");
		lua_pop(L, 1);
	}
	signals = lua_newuserdata(L, sizeof(*signals));
	signals->fd = -1;
	luaL_getmetatable(L, SIGNALS_CLASS);
	lua_setmetatable(L, -2);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0)
		return tl_bind_error(L, errno);
	sigprocmask(SIG_BLOCK, &set, &signals->before);
	return 1;
}

static int signals_pollfd(lua_State *L)
{
	lua_pushinteger(L, to_signals(L)->fd);
	return 1;
}

/* signals:read() -> number | nil */
static int signals_read(lua_State *L)
{
	struct signalfd_siginfo info;

	if (read(to_signals(L)->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	lua_pushinteger(L, (lua_Integer)info.ssi_signo);
	return 1;
}

/* signals:siginfo() -> {signo, signal, code, pid, uid, status} | nil */
static int signals_siginfo(lua_State *L)
{
	struct signalfd_siginfo info;

	if (read(to_signals(L)->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	lua_createtable(L, 0, 6);
	tl_bind_set_number(L, "signo", info.ssi_signo);
	tl_names_push_signal(L, (int)info.ssi_signo);
	lua_setfield(L, -2, "signal");
	tl_bind_set_number(L, "code", info.ssi_code);
	tl_bind_set_number(L, "pid", info.ssi_pid);
	tl_bind_set_number(L, "uid", info.ssi_uid);
	tl_bind_set_number(L, "status", info.ssi_status);
	return 1;
}

/* signals:mask() -> the mask before, as the kernel's 64 bits */
static int signals_mask(lua_State *L)
{
	uint64_t mask = 0;

	memcpy(&mask, &to_signals(L)->before, sizeof(mask));
	tl_bind_push_u64(L, mask);
	return 1;
}

static int signals_close(lua_State *L)
{
	struct signals *signals = to_signals(L);

	if (signals->fd < 0)
		return 0;
	close(signals->fd);
	signals->fd = -1;
	sigprocmask(SIG_SETMASK, &signals->before, NULL);
	return 0;
}

int tl_lua_open_poll(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "wait", poll_wait },
		{ "signals", poll_signals },
		{ NULL, NULL },
	};
	static const luaL_Reg methods[] = {
		{ "pollfd", signals_pollfd },
		{ "events", tl_waitable_readable },
		{ "timeout", tl_waitable_no_timeout },
		{ "read", signals_read },
		{ "siginfo", signals_siginfo },
		{ "mask", signals_mask },
		{ "close", signals_close },
		{ NULL, NULL },
	};

	tl_bind_class(L, SIGNALS_CLASS, methods, signals_close);
	tl_bind_module(L, functions);
	tl_lua_add_waitables(L);
	return 1;
}
