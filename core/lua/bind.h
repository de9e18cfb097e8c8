/*
 * What the bindings share. Layer: lua (lua.h is included here and in main.c only). Descriptors
 * cross to Lua as userdata that own them, never as bare integers.
 */
#pragma once

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

/* Push nil, the errno's name ("ENOENT") and its number; returns 3. `error` may be negative. */
int tl_bind_error(lua_State *L, int error);

/* The name of an errno, "E?" with the number for one that has no name. */
const char *tl_bind_errno_name(int error);

/* Push a userdata that owns the descriptor. */
void tl_bind_push_fd(lua_State *L, int fd);

/* The descriptor of a tidelock.fd, a number, or anything with a :pollfd(); raises otherwise. */
int tl_bind_check_fd(lua_State *L, int arg);

/* Push true, or after a result of -1 what tl_bind_error pushes for errno. */
int tl_bind_true(lua_State *L, int result);

/* Push a tidelock.fd that owns the result, or after -1 what tl_bind_error pushes for errno. */
int tl_bind_new_fd(lua_State *L, int fd);

/* tl_bind_check_fd; AT_FDCWD for nil. */
int tl_bind_opt_dirfd(lua_State *L, int arg);

/* Set a field of the table on top of the stack. */
void tl_bind_set_number(lua_State *L, const char *field, double value);
void tl_bind_set_string(lua_State *L, const char *field, const char *value);

/* Add functions to the module or class on top of the stack. */
void tl_bind_add(lua_State *L, const luaL_Reg *functions);

/* A 64-bit value of a number below 2^53 or of a string such as "0x1ff". */
uint64_t tl_bind_check_u64(lua_State *L, int arg);
void tl_bind_push_u64(lua_State *L, uint64_t value);

/* Push a module table of the functions. */
void tl_bind_module(lua_State *L, const luaL_Reg *functions);

/* A metatable whose __index is the table of methods. */
void tl_bind_class(lua_State *L, const char *name, const luaL_Reg *methods,
		   lua_CFunction gc);

int tl_lua_open_plan(lua_State *L);
int tl_lua_open_launch(lua_State *L);
int tl_lua_open_host(lua_State *L);
int tl_lua_open_poll(lua_State *L);
int tl_lua_open_process(lua_State *L);
int tl_lua_open_filter(lua_State *L);
int tl_lua_open_json(lua_State *L);
int tl_lua_open_namespace(lua_State *L);
int tl_lua_open_mount(lua_State *L);
int tl_lua_open_prctl(lua_State *L);
int tl_lua_open_capability(lua_State *L);
int tl_lua_open_rlimit(lua_State *L);
int tl_lua_open_identity(lua_State *L);
int tl_lua_open_uts(lua_State *L);
int tl_lua_open_landlock(lua_State *L);
int tl_lua_open_seccomp(lua_State *L);
int tl_lua_open_file(lua_State *L);
int tl_lua_open_pty(lua_State *L);

/* The second files of process, poll, mount and filter add to the module on top of the stack. */
void tl_lua_add_children(lua_State *L);
void tl_lua_add_waitables(lua_State *L);
void tl_lua_add_statmount(lua_State *L);
void tl_lua_add_filter_oci(lua_State *L);
int tl_lua_open_cgroup(lua_State *L);
int tl_lua_open_terminal(lua_State *L);
int tl_lua_open_devices(lua_State *L);
