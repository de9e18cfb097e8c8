/*
 * The part of tidelock.core.poll that is objects: epoll(7) and timerfd_create(2). Documented in
 * lua/tidelock/meta/poll.lua.
 */
#include "waitable.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "bind.h"
#include "names.h"

#define EPOLL_CLASS "tidelock.epoll"
#define TIMER_CLASS "tidelock.timerfd"
#define EVENTS_MAX 64

/* --- what a thing says of itself ------------------------------------------------------------ */

short tl_waitable_parse(lua_State *L, int index)
{
	const char *text = lua_tostring(L, index);
	short events = 0;

	for (const char *p = text ? text : "?"; *p; p++)
		switch (*p) {
		case 'r':
			events |= POLLIN;
			break;
		case 'w':
			events |= POLLOUT;
			break;
		case 'p':
			events |= POLLPRI;
			break;
		default:
			luaL_error(L,
				   "events: \"%s\" is not accepted (accepted: r, w, p)",
				   text ? text : luaL_typename(L, index));
		}
	return events;
}

/* Call the method if the thing has it; its result is on the stack then. */
static int call_method(lua_State *L, int index, const char *name)
{
	if (lua_type(L, index) == LUA_TNUMBER)
		return 0;
	lua_getfield(L, index, name);
	if (!lua_isfunction(L, -1)) { /* a field of another meaning, or none */
		lua_pop(L, 1);
		return 0;
	}
	lua_pushvalue(L, index);
	lua_call(L, 1, 1);
	return 1;
}

short tl_waitable_events(lua_State *L, int index)
{
	short events = POLLIN;

	if (!call_method(L, index, "events"))
		return events;
	if (!lua_isnil(L, -1))
		events = tl_waitable_parse(L, lua_gettop(L));
	lua_pop(L, 1);
	return events;
}

double tl_waitable_timeout(lua_State *L, int index)
{
	double seconds;

	if (!call_method(L, index, "timeout"))
		return INFINITY;
	seconds = luaL_optnumber(L, -1, INFINITY);
	lua_pop(L, 1);
	return seconds;
}

int tl_waitable_milliseconds(double seconds)
{
	if (seconds > 2e6) /* what an int holds; who has a deadline waits again */
		return isinf(seconds) ? -1 : 2000000000;
	return seconds <= 0 ? 0 : (int)ceil(seconds * 1000);
}

int tl_waitable_readable(lua_State *L)
{
	lua_pushliteral(L, "r");
	return 1;
}

int tl_waitable_no_timeout(lua_State *L)
{
	lua_pushnil(L);
	return 1;
}

/* --- epoll ---------------------------------------------------------------------------------- */

static int epoll_number(lua_State *L)
{
	int fd = *(int *)luaL_checkudata(L, 1, EPOLL_CLASS);

	return fd < 0 ? luaL_error(L, "the epoll is closed") : fd;
}

/* Its environment holds the things by the number of their descriptor. */
static int poll_epoll_create(lua_State *L)
{
	int *box = lua_newuserdata(L, sizeof(*box));

	*box = -1;
	luaL_getmetatable(L, EPOLL_CLASS);
	lua_setmetatable(L, -2);
	lua_newtable(L);
	lua_setfenv(L, -2);
	*box = epoll_create1(EPOLL_CLOEXEC);
	return *box < 0 ? tl_bind_error(L, errno) : 1;
}

static int epoll_change(lua_State *L)
{
	static const struct tl_name operations[] = { { "add", EPOLL_CTL_ADD },
						     { "mod", EPOLL_CTL_MOD },
						     { "del", EPOLL_CTL_DEL },
						     { NULL, 0 } };
	int epoll = epoll_number(L);
	int operation = (int)tl_names_check(L, 2, operations, "epoll_ctl");
	int fd = tl_bind_check_fd(L, 3);
	struct epoll_event event = { .data.fd = fd };

	/* EPOLLIN, EPOLLOUT and EPOLLPRI are the numbers of poll(2). */
	event.events = (uint32_t)(lua_isnoneornil(L, 4) ? tl_waitable_events(L, 3)
							: tl_waitable_parse(L, 4));
	if (epoll_ctl(epoll, operation, fd, &event) < 0)
		return tl_bind_error(L, errno);
	lua_getfenv(L, 1);
	if (operation == EPOLL_CTL_DEL)
		lua_pushnil(L);
	else
		lua_pushvalue(L, 3);
	lua_rawseti(L, -2, fd);
	lua_pushboolean(L, 1);
	return 1;
}

static void push_events(lua_State *L, uint32_t events)
{
	char text[5] = "", *p = text;

	if (events & EPOLLIN)
		*p++ = 'r';
	if (events & EPOLLOUT)
		*p++ = 'w';
	if (events & EPOLLPRI)
		*p++ = 'p';
	if (events & (EPOLLHUP | EPOLLERR))
		*p++ = 'h';
	*p = '\0';
	lua_pushstring(L, text);
}

/* epoll:wait(seconds|nil) -> {thing...}, {events...} | nil, code, errno */
static int epoll_next(lua_State *L)
{
	struct epoll_event events[EVENTS_MAX];
	int epoll = epoll_number(L);
	int n = epoll_wait(epoll, events, EVENTS_MAX,
			   tl_waitable_milliseconds(luaL_optnumber(L, 2, INFINITY)));

	if (n < 0 && errno != EINTR)
		return tl_bind_error(L, errno);
	lua_newtable(L);
	lua_newtable(L);
	lua_getfenv(L, 1);
	for (int i = 0; i < n; i++) {
		lua_rawgeti(L, -1, events[i].data.fd);
		lua_rawseti(L, -4, i + 1);
		push_events(L, events[i].events);
		lua_rawseti(L, -3, i + 1);
	}
	lua_pop(L, 1);
	return 2;
}

static int epoll_pollfd(lua_State *L)
{
	lua_pushinteger(L, epoll_number(L));
	return 1;
}

static int epoll_close(lua_State *L)
{
	tl_fd_close(luaL_checkudata(L, 1, EPOLL_CLASS));
	return 0;
}

/* --- timers --------------------------------------------------------------------------------- */

static int timer_number(lua_State *L)
{
	int fd = *(int *)luaL_checkudata(L, 1, TIMER_CLASS);

	return fd < 0 ? luaL_error(L, "the timer is closed") : fd;
}

static struct timespec check_time(lua_State *L, int arg)
{
	lua_Number seconds = luaL_optnumber(L, arg, 0);
	struct timespec time;

	luaL_argcheck(L, seconds >= 0 && seconds < 9e9, arg, "0 to 9e9 seconds");
	time.tv_sec = (time_t)seconds;
	time.tv_nsec = (long)((seconds - (lua_Number)time.tv_sec) * 1e9);
	return time;
}

static int poll_timerfd_create(lua_State *L)
{
	static const struct tl_name clocks[] = {
		{ "boottime", CLOCK_BOOTTIME },
		{ "monotonic", CLOCK_MONOTONIC },
		{ "realtime", CLOCK_REALTIME },
		{ NULL, 0 },
	};
	int clock = lua_isnoneornil(L, 1) ? CLOCK_MONOTONIC
					  : (int)tl_names_check(L, 1, clocks, "clock");
	int *box = lua_newuserdata(L, sizeof(*box));

	*box = -1;
	luaL_getmetatable(L, TIMER_CLASS);
	lua_setmetatable(L, -2);
	*box = timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK);
	return *box < 0 ? tl_bind_error(L, errno) : 1;
}

/* timer:settime(seconds, interval|nil) -> true | nil, code, errno; 0 seconds disarms */
static int timer_arm(lua_State *L)
{
	int fd = timer_number(L);
	struct itimerspec spec;

	luaL_checknumber(L, 2);
	spec.it_value = check_time(L, 2);
	spec.it_interval = check_time(L, 3);
	return tl_bind_true(L, timerfd_settime(fd, 0, &spec, NULL));
}

static double seconds_of(struct timespec time)
{
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* timer:gettime() -> seconds left (0 if disarmed), interval | nil, code, errno */
static int timer_left(lua_State *L)
{
	struct itimerspec spec;

	if (timerfd_gettime(timer_number(L), &spec) < 0)
		return tl_bind_error(L, errno);
	lua_pushnumber(L, seconds_of(spec.it_value));
	lua_pushnumber(L, seconds_of(spec.it_interval));
	return 2;
}

/* timer:read() -> how often it expired since the last read | nil, "EAGAIN", errno */
static int timer_read(lua_State *L)
{
	uint64_t count;

	if (read(timer_number(L), &count, sizeof(count)) != sizeof(count))
		return tl_bind_error(L, errno);
	tl_bind_push_u64(L, count);
	return 1;
}

static int timer_pollfd(lua_State *L)
{
	lua_pushinteger(L, timer_number(L));
	return 1;
}

static int timer_close(lua_State *L)
{
	tl_fd_close(luaL_checkudata(L, 1, TIMER_CLASS));
	return 0;
}

void tl_lua_add_waitables(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "epoll_create", poll_epoll_create },
		{ "timerfd_create", poll_timerfd_create },
		{ NULL, NULL },
	};
	static const luaL_Reg epoll_methods[] = {
		{ "ctl", epoll_change },
		{ "wait", epoll_next },
		{ "pollfd", epoll_pollfd },
		{ "events", tl_waitable_readable },
		{ "timeout", tl_waitable_no_timeout },
		{ "close", epoll_close },
		{ NULL, NULL },
	};
	static const luaL_Reg timer_methods[] = {
		{ "settime", timer_arm },
		{ "gettime", timer_left },
		{ "read", timer_read },
		{ "pollfd", timer_pollfd },
		{ "events", tl_waitable_readable },
		{ "timeout", tl_waitable_no_timeout },
		{ "close", timer_close },
		{ NULL, NULL },
	};

	tl_bind_class(L, EPOLL_CLASS, epoll_methods, epoll_close);
	tl_bind_class(L, TIMER_CLASS, timer_methods, timer_close);
	tl_bind_add(L, functions);
}
