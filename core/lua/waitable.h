/*
 * What can be waited for: a descriptor, or anything with :pollfd(), which may also have :events()
 * ("r", "w", "p" for priority data, or several) and :timeout() (seconds, or nil). Layer: lua.
 */
#pragma once

#include <lua.h>

/* poll(2)'s events of the thing at the index; POLLIN if it does not say. */
short tl_waitable_events(lua_State *L, int index);

/* poll(2)'s events of a string such as "rw"; raises. */
short tl_waitable_parse(lua_State *L, int index);

/* The seconds after which the thing is ready by itself; INFINITY if it does not say. */
double tl_waitable_timeout(lua_State *L, int index);

/* Seconds as poll(2) and epoll_wait(2) take them, rounded up. */
int tl_waitable_milliseconds(double seconds);

/* The methods :events() and :timeout() of what is only read from. */
int tl_waitable_readable(lua_State *L);
int tl_waitable_no_timeout(lua_State *L);
