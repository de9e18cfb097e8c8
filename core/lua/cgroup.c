/* tidelock.core.cgroup: the control groups of a box, see core/host/cgroup.h. cgroups(7). */
#include "../host/cgroup.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../host/cgroup_stats.h"
#include "../sys/fd.h"
#include "bind.h"
#include "waitable.h"

#define CGROUP_CLASS "tidelock.cgroup"
#define EVENT_CLASS "tidelock.cgroup_event"
#define TEXT_MAX 65536

static struct tl_cgroup *to_group(lua_State *L)
{
	return luaL_checkudata(L, 1, CGROUP_CLASS);
}

/* new() -> group: empty, for launch.start{cgroup=}. Collected while it is not, it kills and removes. */
static int cgroup_new(lua_State *L)
{
	struct tl_cgroup *group = lua_newuserdata(L, sizeof(*group));

	*group = (struct tl_cgroup){ .count = 0 };
	luaL_getmetatable(L, CGROUP_CLASS);
	lua_setmetatable(L, -2);
	return 1;
}

/* version(path) -> 1 | 2 | nil: of the cgroup file system that the path is on */
static int cgroup_version(lua_State *L)
{
	int version = tl_cgroup_version(luaL_checkstring(L, 1));

	if (!version)
		return 0;
	lua_pushinteger(L, version);
	return 1;
}

static int answer(lua_State *L, int ret)
{
	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

/*
 * group:adopt(top, path, inode, made) -> true | nil, code, errno: add TOP/PATH, which is there; with
 * an inode (its digits), only if it is that very one
 */
static int group_adopt(lua_State *L)
{
	struct tl_cgroup_identity identity = { 0, 0 };
	bool identified = !lua_isnoneornil(L, 4);

	if (identified) {
		identity.inode = strtoull(luaL_checkstring(L, 4), NULL, 10);
		identity.made = (uint32_t)luaL_optnumber(L, 5, 0);
	}
	return answer(L,
		      tl_cgroup_adopt(to_group(L), luaL_checkstring(L, 2),
				      luaL_checkstring(L, 3),
				      identified ? &identity : NULL));
}

/* group:identities() -> { { inode = digits, made = mask }... }, in the order of the directories */
static int group_identities(lua_State *L)
{
	const struct tl_cgroup *group = to_group(L);

	lua_newtable(L);
	for (unsigned i = 0; i < group->count; i++) {
		struct tl_cgroup_identity identity = { 0, 0 };
		char digits[24];

		tl_cgroup_identify(group, i, &identity);
		snprintf(digits, sizeof(digits), "%llu",
			 (unsigned long long)identity.inode);
		lua_newtable(L);
		lua_pushstring(L, digits);
		lua_setfield(L, -2, "inode");
		lua_pushnumber(L, identity.made);
		lua_setfield(L, -2, "made");
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

/* group:read(file) -> text | nil, code, errno: at most 64 KiB, of whichever directory has it */
static int group_read(lua_State *L)
{
	const struct tl_cgroup *group = to_group(L);
	const char *file = luaL_checkstring(L, 2);
	char *text = lua_newuserdata(L, TEXT_MAX);
	int length = tl_cgroup_get(group, file, text, TEXT_MAX);

	if (length < 0)
		return tl_bind_error(L, length);
	lua_pushlstring(L, text, (size_t)length);
	return 1;
}

/* group:oom_event() -> descriptor, readable once memory ran out (v1 only) | nil, code, errno */
static int group_oom_event(lua_State *L)
{
	int fd = tl_cgroup_oom_event(to_group(L));

	if (fd < 0)
		return tl_bind_error(L, fd);
	tl_bind_push_fd(L, fd);
	return 1;
}

struct event {
	int fd;
};

static struct event *to_event(lua_State *L)
{
	return luaL_checkudata(L, 1, EVENT_CLASS);
}

/*
 * group:event(file[, trigger]) -> event | nil, code, errno: to wait for a change of memory.events or
 * cgroup.events, or for pressure: a trigger such as "some 150000 1000000" (us) of cpu.pressure ...
 */
static int group_event(lua_State *L)
{
	const struct tl_cgroup *group = to_group(L);
	const char *file = luaL_checkstring(L, 2), *trigger = luaL_optstring(L, 3, NULL);
	struct event *event = lua_newuserdata(L, sizeof(*event));

	event->fd = -1;
	luaL_getmetatable(L, EVENT_CLASS);
	lua_setmetatable(L, -2);
	event->fd = tl_cgroup_event(group, file, trigger);
	if (event->fd < 0)
		return tl_bind_error(L, event->fd);
	return 1;
}

static int event_pollfd(lua_State *L)
{
	lua_pushinteger(L, to_event(L)->fd);
	return 1;
}

static int event_events(lua_State *L)
{
	lua_pushliteral(L, "p");
	return 1;
}

/* event:read() -> text | nil, code, errno: the whole file as it is now, which re-arms the event */
static int event_read(lua_State *L)
{
	char text[4096];
	ssize_t n = pread(to_event(L)->fd, text, sizeof(text), 0);

	if (n < 0)
		return tl_bind_error(L, errno);
	lua_pushlstring(L, text, (size_t)n);
	return 1;
}

static int event_close(lua_State *L)
{
	tl_fd_close(&to_event(L)->fd);
	return 0;
}

/* group:write(file, value) -> true | nil, code, errno: of whichever directory has it */
static int group_write(lua_State *L)
{
	return answer(L,
		      tl_cgroup_put(to_group(L), luaL_checkstring(L, 2),
				    luaL_checkstring(L, 3)));
}

/* group:freeze(seconds) -> true | nil, code, errno: ETIMEDOUT where it does not come to rest */
static int group_freeze(lua_State *L)
{
	return answer(L, tl_cgroup_freeze(to_group(L), luaL_checknumber(L, 2)));
}

/* group:thaw(seconds) -> true | nil, code, errno */
static int group_thaw(lua_State *L)
{
	return answer(L, tl_cgroup_thaw(to_group(L), luaL_checknumber(L, 2)));
}

struct field {
	const char *name;
	double value;
};

/* t[name] = { those of the fields that are known }, unless none is. */
static void set_fields(lua_State *L, const char *name, const struct field *fields,
		       size_t count)
{
	bool known = false;

	lua_newtable(L);
	for (size_t i = 0; i < count; i++) {
		if (isnan(fields[i].value))
			continue;
		known = true;
		tl_bind_set_number(L, fields[i].name, fields[i].value);
	}
	if (known)
		lua_setfield(L, -2, name);
	else
		lua_pop(L, 1);
}

#define SET_FIELDS(L, name, ...) \
	set_fields(L, name, (struct field[]){ __VA_ARGS__ }, \
		   sizeof((struct field[]){ __VA_ARGS__ }) / sizeof(struct field))

static void set_psi(lua_State *L, const char *name, const struct tl_pressure *p)
{
	SET_FIELDS(L, name, { "avg10", p->avg10 }, { "avg60", p->avg60 },
		   { "avg300", p->avg300 }, { "total", p->total });
}

static void set_pressure(lua_State *L, const char *name, const struct tl_pressure *some,
			 const struct tl_pressure *full)
{
	if (isnan(some->total) && isnan(full->total))
		return;
	lua_newtable(L);
	set_psi(L, "some", some);
	set_psi(L, "full", full);
	lua_setfield(L, -2, name);
}

static void push_stats(lua_State *L, const struct tl_cgroup_stats *s)
{
	lua_newtable(L);
	SET_FIELDS(L, "cpu", { "usage", s->cpu_usage }, { "user", s->cpu_user },
		   { "system", s->cpu_system }, { "periods", s->cpu_periods },
		   { "throttled_periods", s->cpu_throttled_periods },
		   { "throttled", s->cpu_throttled });
	SET_FIELDS(L, "memory", { "current", s->memory_current },
		   { "peak", s->memory_peak }, { "swap", s->memory_swap },
		   { "limit", s->memory_limit }, { "anon", s->memory_anon },
		   { "file", s->memory_file }, { "kernel", s->memory_kernel },
		   { "shmem", s->memory_shmem }, { "sock", s->memory_sock },
		   { "slab", s->memory_slab });
	SET_FIELDS(L, "io", { "rbytes", s->io_rbytes }, { "wbytes", s->io_wbytes },
		   { "rios", s->io_rios }, { "wios", s->io_wios });
	SET_FIELDS(L, "pids", { "current", s->pids_current }, { "peak", s->pids_peak },
		   { "limit", s->pids_limit }, { "refused", s->pids_refused });
	SET_FIELDS(L, "oom", { "events", s->oom_events }, { "kills", s->oom_kills },
		   { "group_kills", s->oom_group_kills });
	lua_newtable(L);
	set_pressure(L, "cpu", &s->cpu_some, &s->cpu_full);
	set_pressure(L, "memory", &s->memory_some, &s->memory_full);
	set_pressure(L, "io", &s->io_some, &s->io_full);
	lua_pushnil(L);
	if (lua_next(L, -2)) {
		lua_pop(L, 2);
		lua_setfield(L, -2, "pressure");
	} else {
		lua_pop(L, 1);
	}
}

/* group:stats([detail]) -> table: what it has used by now, see lua/tidelock/meta/cgroup.lua */
static int group_stats(lua_State *L)
{
	struct tl_cgroup_places places = { { 0 } };
	struct tl_cgroup_stats stats;

	tl_cgroup_stats(to_group(L), lua_toboolean(L, 2), &places, &stats);
	push_stats(L, &stats);
	return 1;
}

/* The directories of a list of paths, as many as can be opened. */
static void adopt_paths(lua_State *L, struct tl_cgroup *group)
{
	for (int i = 1; i <= TL_CGROUP_DIRS && lua_istable(L, -1); i++) {
		lua_rawgeti(L, -1, i);
		if (lua_isstring(L, -1))
			tl_cgroup_look_at(group, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
}

/*
 * stats_of({ { path... }... }[, detail]) -> { table | false ... }: of cgroups by their
 * directories, one or one for each controller; false where none is there
 */
static int cgroup_stats_of(lua_State *L)
{
	struct tl_cgroup_places places = { { 0 } };
	bool detail = lua_toboolean(L, 2);
	int count;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = (int)lua_objlen(L, 1);
	lua_createtable(L, count, 0);
	for (int i = 1; i <= count; i++) {
		struct tl_cgroup group = { .count = 0 };
		struct tl_cgroup_stats stats;

		lua_rawgeti(L, 1, i);
		adopt_paths(L, &group);
		lua_pop(L, 1);
		tl_cgroup_stats(&group, detail, &places, &stats);
		if (group.count)
			push_stats(L, &stats);
		else
			lua_pushboolean(L, 0);
		tl_cgroup_close(&group);
		lua_rawseti(L, -2, i);
	}
	return 1;
}

/* group:oom() -> boolean: the box's own memory limit killed a process, also after close() */
static int group_oom(lua_State *L)
{
	lua_pushboolean(L, tl_cgroup_oom(to_group(L)));
	return 1;
}

/* group:kill(): SIGKILL to every process in it */
static int group_kill(lua_State *L)
{
	tl_cgroup_kill(to_group(L));
	return 0;
}

/* group:close() -> true | nil, code, errno: removes the directories; what is left stays in it */
static int group_close(lua_State *L)
{
	return answer(L, tl_cgroup_remove(to_group(L)));
}

/* group:forget(): empty again; nothing is killed or removed, because it is another's */
static int group_forget(lua_State *L)
{
	tl_cgroup_close(to_group(L));
	return 0;
}

static int group_gc(lua_State *L)
{
	struct tl_cgroup *group = to_group(L);

	if (group->count) {
		tl_cgroup_kill(group);
		tl_cgroup_remove(group);
	}
	tl_cgroup_close(group);
	return 0;
}

int tl_lua_open_cgroup(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "new", cgroup_new },
		{ "version", cgroup_version },
		{ "stats_of", cgroup_stats_of },
		{ NULL, NULL },
	};
	static const luaL_Reg methods[] = {
		{ "adopt", group_adopt },   { "identities", group_identities },
		{ "read", group_read },	    { "write", group_write },
		{ "event", group_event },   { "oom_event", group_oom_event },
		{ "oom", group_oom },	    { "stats", group_stats },
		{ "kill", group_kill },	    { "freeze", group_freeze },
		{ "thaw", group_thaw },	    { "close", group_close },
		{ "forget", group_forget }, { NULL, NULL },
	};
	static const luaL_Reg event_methods[] = {
		{ "pollfd", event_pollfd },
		{ "events", event_events },
		{ "timeout", tl_waitable_no_timeout },
		{ "read", event_read },
		{ "close", event_close },
		{ NULL, NULL },
	};

	tl_bind_class(L, EVENT_CLASS, event_methods, event_close);
	tl_bind_class(L, CGROUP_CLASS, methods, group_gc);
	tl_bind_module(L, functions);
	return 1;
}
