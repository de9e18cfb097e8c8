/* tidelock.core.launch: start a plan; a box is what runs. */
#include "../host/early.h"
#include "../host/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bind.h"
#include "waitable.h"

#define BOX_CLASS "tidelock.box"
#define SPAWN_CLASS "tidelock.spawn"

/* One of our own, or that which main.c began; it must stay where it is until it is used up. */
struct spawn {
	struct tl_spawn *at;
	struct tl_spawn own;
};

static struct tl_spawn *to_spawn(lua_State *L, int arg)
{
	return ((struct spawn *)luaL_checkudata(L, arg, SPAWN_CLASS))->at;
}

static struct spawn *new_spawn(lua_State *L, size_t size)
{
	struct spawn *spawn = lua_newuserdata(L, size);

	luaL_getmetatable(L, SPAWN_CLASS);
	lua_setmetatable(L, -2);
	return spawn;
}

/*
 * spawn(flags[, into]) -> spawn: begin the clone of an init into new namespaces (CLONE_NEW* as a
 * number), and into a cgroup v2 directory, while the plan is made, or take over what the program
 * began as it started. It is used up by start{spawn=}, which tells what went wrong.
 */
static int launch_spawn(lua_State *L)
{
	uint64_t flags = tl_bind_check_u64(L, 1);
	int into = lua_isnoneornil(L, 2) ? -1 : tl_bind_check_fd(L, 2);
	struct tl_spawn *early = tl_early_take(into < 0 ? flags : 0);
	struct spawn *spawn;

	if (early) {
		new_spawn(L, offsetof(struct spawn, own))->at = early;
		return 1;
	}
	spawn = new_spawn(L, sizeof(*spawn));
	memset(&spawn->own, 0, offsetof(struct tl_spawn, helper_stack));
	spawn->own.link = spawn->own.pidfd = spawn->own.image = spawn->own.theirs = -1;
	spawn->at = &spawn->own;
	tl_spawn_begin(&spawn->own, flags, into);
	return 1;
}

/* spawn:close(): kills an init that was not used */
static int spawn_close(lua_State *L)
{
	tl_spawn_abandon(to_spawn(L, 1));
	return 0;
}

static void push_fault(lua_State *L, const struct tl_fault *fault)
{
	char *call = NULL;

	lua_newtable(L);
	lua_pushinteger(L, fault->index == TL_NO_OP ? 0 : (int)fault->index + 1);
	lua_setfield(L, -2, "index");
	lua_pushstring(L, tl_bind_errno_name(fault->error));
	lua_setfield(L, -2, "code");
	lua_pushinteger(L, fault->error);
	lua_setfield(L, -2, "errno");
	if (fault->call && fault->call < 1024)
		call = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
							(int)fault->call);
	if (call) {
		lua_pushstring(L, call);
		lua_setfield(L, -2, "call");
	}
	free(call);
	if (fault->reason[0]) {
		lua_pushstring(L, fault->reason);
		lua_setfield(L, -2, "reason");
	}
}

struct hook {
	lua_State *L;
	int function; /* stack index, 0 for none */
	int error; /* stack index that keeps the last error value */
};

static int call_hook(void *context, uint32_t index, bool undo, pid_t pid)
{
	struct hook *hook = context;
	lua_State *L = hook->L;
	bool good;

	if (!hook->function)
		return -ENOSYS;
	lua_pushvalue(L, hook->function);
	lua_pushnumber(L, index);
	lua_pushboolean(L, undo);
	lua_pushinteger(L, pid);
	if (lua_pcall(L, 3, 2, 0) != 0) {
		lua_replace(L, hook->error);
		return -ECANCELED;
	}
	good = lua_toboolean(L, -2);
	if (!good)
		lua_replace(L, hook->error);
	else
		lua_pop(L, 1);
	lua_pop(L, 1);
	return good ? 0 : -ECANCELED;
}

static unsigned read_given(lua_State *L, int arg, int *given, unsigned room)
{
	unsigned n = 0;

	lua_getfield(L, arg, "slots");
	while (lua_istable(L, -1)) {
		lua_rawgeti(L, -1, (int)n);
		if (lua_isnil(L, -1) || n == room)
			break;
		given[n++] = tl_bind_check_fd(L, lua_gettop(L));
		lua_pop(L, 1);
	}
	return n;
}

/*
 * start{plan=bytes, slots={[0]=fd...}, spawn=spawn, cgroup=group, hook=function(index, undo, pid)}
 *   -> box
 *   | nil, fault{index, code, errno, call, reason, cause}, box: ended, for its times alone
 */
static int launch_start(lua_State *L)
{
	int given[TL_PLAN_MAX_SLOTS], ret;
	struct hook hook = { .L = L };
	struct tl_launch launch = { .hook = call_hook, .context = &hook, .given = given };
	struct tl_fault fault;
	struct tl_box *box;
	const char *bytes;
	void *plan;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_getfield(L, 1, "plan");
	bytes = luaL_checklstring(L, 2, &launch.size);
	lua_getfield(L, 1, "hook");
	hook.function = lua_isfunction(L, 3) ? 3 : 0;
	lua_pushnil(L);
	hook.error = 4;
	plan = lua_newuserdata(L, launch.size + 1); /* aligned */
	memcpy(plan, bytes, launch.size);
	launch.plan = plan;
	lua_getfield(L, 1, "spawn");
	if (!lua_isnil(L, -1))
		launch.spawn = to_spawn(L, lua_gettop(L));
	lua_getfield(L, 1, "cgroup");
	if (!lua_isnil(L, -1))
		launch.cgroup = luaL_checkudata(L, lua_gettop(L), "tidelock.cgroup");
	launch.given_count = read_given(L, 1, given, TL_PLAN_MAX_SLOTS);
	lua_settop(L, 5);
	box = lua_newuserdata(L, sizeof(*box));
	*box = (struct tl_box){ .pidfd = -1, .link = -1, .file = -1, .pty = -1 };
	luaL_getmetatable(L, BOX_CLASS);
	lua_setmetatable(L, -2);
	ret = tl_launch_start(&launch, box, &fault);
	if (ret == 0)
		return 1;
	lua_pushnil(L);
	push_fault(L, &fault);
	lua_pushvalue(L, hook.error);
	lua_setfield(L, -2, "cause");
	lua_pushvalue(L, 6);
	return 3;
}

static struct tl_box *to_box(lua_State *L)
{
	return luaL_checkudata(L, 1, BOX_CLASS);
}

static struct tl_box *live_box(lua_State *L)
{
	struct tl_box *box = to_box(L);

	if (box->pidfd < 0)
		luaL_error(L, "the box has ended");
	return box;
}

static void set_number(lua_State *L, const char *name, double value)
{
	lua_pushnumber(L, value);
	lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value)
{
	lua_pushboolean(L, value);
	lua_setfield(L, -2, name);
}

static void push_end(lua_State *L, const struct tl_box *box, const struct tl_end *end)
{
	lua_newtable(L);
	set_boolean(L, "setup_failed", end->setup_failed);
	set_boolean(L, "executed", end->executed);
	set_boolean(L, "signaled", end->signaled);
	set_boolean(L, "not_idmapped", box->not_idmapped);
	set_number(L, "code", end->code);
	set_number(L, "user", (double)end->usage.user / 1e6);
	set_number(L, "system", (double)end->usage.system / 1e6);
	set_number(L, "wall", (double)end->wall / 1e9);
	set_number(L, "no_routes", end->no_routes);
	set_number(L, "minor_faults", (double)end->usage.minor_faults);
	set_number(L, "major_faults", (double)end->usage.major_faults);
	set_number(L, "voluntary_switches", (double)end->usage.voluntary_switches);
	set_number(L, "involuntary_switches", (double)end->usage.involuntary_switches);
	if (end->usage.max_rss)
		set_number(L, "memory_peak", (double)end->usage.max_rss);
	if (end->setup_failed) {
		push_fault(L, &end->fault);
		lua_setfield(L, -2, "fault");
	}
}

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* box:wait(seconds|nil) -> end | nil, "ETIMEDOUT" */
static int box_wait(lua_State *L)
{
	struct tl_box *box = live_box(L);
	double deadline =
		lua_isnoneornil(L, 2) ? INFINITY : now_seconds() + luaL_checknumber(L, 2);
	struct tl_end end;

	for (;;) {
		double left = deadline - now_seconds();
		int ret = tl_box_wait(box, tl_waitable_milliseconds(left), &end);

		if (ret == 0)
			break;
		if (ret != -ETIMEDOUT || left <= 0)
			return tl_bind_error(L, ret);
	}
	push_end(L, box, &end);
	return 1;
}

/* box:kill(signal) -> true | nil, code, errno: to PID 1, which forwards what it may */
static int box_kill(lua_State *L)
{
	struct tl_box *box = to_box(L);
	int sig = (int)luaL_optinteger(L, 2, SIGKILL);

	if (box->pidfd < 0)
		return tl_bind_error(L, ESRCH);
	if (syscall(SYS_pidfd_send_signal, box->pidfd, sig, NULL, 0) < 0)
		return tl_bind_error(L, errno);
	lua_pushboolean(L, 1);
	return 1;
}

/* box:reap() -> true | nil, code, errno: waits for the end of the process; box:wait() tells it */
static int box_reap(lua_State *L)
{
	int ret = tl_box_reap(live_box(L));

	if (ret < 0)
		return tl_bind_error(L, ret);
	lua_pushboolean(L, 1);
	return 1;
}

static int box_pollfd(lua_State *L)
{
	lua_pushinteger(L, tl_box_pollfd(live_box(L)));
	return 1;
}

/* box:pty() -> the master of the workload's terminal, the caller's from now on | nil */
static int box_pty(lua_State *L)
{
	struct tl_box *box = to_box(L);

	if (box->pty < 0)
		return 0;
	tl_bind_push_fd(L, box->pty);
	box->pty = -1;
	return 1;
}

/* The pid behind a pidfd, from its fdinfo: -1 once it was reaped. */
static pid_t pid_of(int pidfd)
{
	char path[64], line[128];
	pid_t pid = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "Pid:", 4)) {
			pid = (pid_t)strtol(line + 4, NULL, 10);
			break;
		}
	if (file)
		fclose(file);
	return pid;
}

/* box:pid() -> of PID 1, or of the process that was put into the box, as the host counts */
static int box_pid(lua_State *L)
{
	struct tl_box *box = live_box(L);

	if (box->pid <= 0)
		box->pid = pid_of(box->pidfd);
	lua_pushinteger(L, box->pid);
	return 1;
}

/* box:pidfd() -> a descriptor of one's own: of PID 1, for setns(2) */
static int box_pidfd(lua_State *L)
{
	int fd = fcntl(live_box(L)->pidfd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return tl_bind_error(L, errno);
	tl_bind_push_fd(L, fd);
	return 1;
}

/* box:file() -> descriptor | nil: what init opened inside and handed out; the caller's from now on */
static int box_file(lua_State *L)
{
	struct tl_box *box = to_box(L);

	if (box->file < 0)
		return 0;
	tl_bind_push_fd(L, box->file);
	box->file = -1;
	return 1;
}

static void append_seconds(lua_State *L, int index, uint64_t ns)
{
	lua_pushnumber(L, (double)ns / 1e9);
	lua_rawseti(L, -2, index);
}

/*
 * box:times() -> list of {start, end} in seconds since the launch began, by operation; where the
 * lanes meet, also the start and end of the launcher's half
 */
static int box_times(lua_State *L)
{
	struct tl_box *box = to_box(L);

	lua_newtable(L);
	for (uint32_t i = 0; i < box->count; i++) {
		struct tl_box_times t;

		tl_box_times(box, i, &t);
		lua_createtable(L, t.met_start ? 4 : 2, 0);
		append_seconds(L, 1, t.start);
		append_seconds(L, 2, t.end);
		if (t.met_start) {
			append_seconds(L, 3, t.met_start);
			append_seconds(L, 4, t.met_end);
		}
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

/*
 * box:moments() -> {began=, clone=, born=, init=, ready=, reaped=, told=}: began in seconds of
 * CLOCK_MONOTONIC, what happened since then in seconds from there
 */
static int box_moments(lua_State *L)
{
	static const char *const names[TL_MOMENT_COUNT] = { "clone", "born",   "init",
							    "ready", "reaped", "told" };
	struct tl_box *box = to_box(L);

	lua_newtable(L);
	set_number(L, "began", (double)box->clock / 1e9);
	for (int i = 0; i < TL_MOMENT_COUNT; i++) {
		uint64_t ns = tl_box_moment(box, i);

		if (ns)
			set_number(L, names[i], (double)ns / 1e9);
	}
	return 1;
}

static int box_close(lua_State *L)
{
	struct tl_box *box = to_box(L);

	tl_box_kill(box);
	tl_box_close(box);
	return 0;
}

int tl_lua_open_launch(lua_State *L)
{
	static const luaL_Reg functions[] = { { "start", launch_start },
					      { "spawn", launch_spawn },
					      { NULL, NULL } };
	static const luaL_Reg spawn_methods[] = { { "close", spawn_close },
						  { NULL, NULL } };
	static const luaL_Reg methods[] = {
		{ "wait", box_wait },	    { "kill", box_kill },
		{ "pollfd", box_pollfd },   { "pid", box_pid },
		{ "times", box_times },	    { "file", box_file },
		{ "pidfd", box_pidfd },	    { "reap", box_reap },
		{ "pty", box_pty },	    { "close", box_close },
		{ "moments", box_moments }, { NULL, NULL },
	};

	tl_bind_class(L, BOX_CLASS, methods, box_close);
	tl_bind_class(L, SPAWN_CLASS, spawn_methods, spawn_close);
	tl_bind_module(L, functions);
	return 1;
}
