/*
 * The part of tidelock.core.process that makes, replaces and waits for processes. Documented in
 * lua/tidelock/meta/process.lua.
 *
 * child() is immediate mode: the child is a copy of this process and goes on in Lua. That is safe
 * because there is one thread, which is checked: no other can hold a lock of libc's in the copy.
 * It leaves by _exit, so that no __gc of the parent's objects (boxes, masks) runs twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/clock.h"
#include "../sys/fd.h"
#include "bind.h"
#include "names.h"
#include "waitable.h"

#define CHILD_CLASS "tidelock.child"
#define FAILED 125

struct child {
	int pidfd; /* owned; -1 once closed */
	pid_t pid;
};

/* --- waiting -------------------------------------------------------------------------------- */

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void push_usage(lua_State *L, const struct rusage *usage)
{
	lua_createtable(L, 0, 9);
	tl_bind_set_number(L, "user", seconds_of(usage->ru_utime));
	tl_bind_set_number(L, "system", seconds_of(usage->ru_stime));
	tl_bind_set_number(L, "maxrss", (double)usage->ru_maxrss * 1024);
	tl_bind_set_number(L, "minflt", (double)usage->ru_minflt);
	tl_bind_set_number(L, "majflt", (double)usage->ru_majflt);
	tl_bind_set_number(L, "inblock", (double)usage->ru_inblock);
	tl_bind_set_number(L, "oublock", (double)usage->ru_oublock);
	tl_bind_set_number(L, "nvcsw", (double)usage->ru_nvcsw);
	tl_bind_set_number(L, "nivcsw", (double)usage->ru_nivcsw);
}

/* libc's waitid lacks the fifth argument. Returns as tl_bind_error does, or 1. */
static int wait_and_push(lua_State *L, idtype_t type, id_t id, int options)
{
	static const struct tl_name codes[] = {
		{ "exited", CLD_EXITED },
		{ "killed", CLD_KILLED },
		{ "dumped", CLD_DUMPED },
		{ "trapped", CLD_TRAPPED },
		{ "stopped", CLD_STOPPED },
		{ "continued", CLD_CONTINUED },
		{ NULL, 0 },
	};
	struct rusage usage;
	siginfo_t info;
	long ret;

	memset(&info, 0, sizeof(info));
	do
		ret = syscall(SYS_waitid, type, id, &info, options, &usage);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return tl_bind_error(L, errno);
	if (!info.si_pid) { /* WNOHANG, and nothing has changed */
		lua_pushboolean(L, 0);
		return 1;
	}
	lua_createtable(L, 0, 6);
	tl_bind_set_number(L, "pid", info.si_pid);
	tl_bind_set_number(L, "uid", info.si_uid);
	tl_bind_set_string(L, "code", tl_names_find(codes, (uint64_t)info.si_code));
	tl_bind_set_number(L, "status", info.si_status);
	if (info.si_code != CLD_EXITED) {
		tl_names_push_signal(L, info.si_status);
		lua_setfield(L, -2, "signal");
	}
	push_usage(L, &usage);
	lua_setfield(L, -2, "usage");
	return 1;
}

static int process_waitid(lua_State *L)
{
	static const struct tl_name types[] = { { "all", P_ALL },
						{ "pgid", P_PGID },
						{ "pid", P_PID },
						{ "pidfd", P_PIDFD },
						{ NULL, 0 } };
	static const struct tl_name names[] = {
		{ "exited", WEXITED },		 { "stopped", WSTOPPED },
		{ "continued", WCONTINUED },	 { "nohang", WNOHANG },
		{ "nowait", (uint64_t)WNOWAIT }, { NULL, 0 },
	};
	idtype_t type = (idtype_t)tl_names_check(L, 1, types, "idtype");
	int options = lua_isnoneornil(L, 3)
		? WEXITED
		: (int)tl_names_check_flags(L, 3, names, "options");
	id_t id = 0;

	if (type == P_PIDFD)
		id = (id_t)tl_bind_check_fd(L, 2);
	else if (type != P_ALL)
		id = (id_t)luaL_checkinteger(L, 2);
	return wait_and_push(L, type, id, options);
}

/* --- children ------------------------------------------------------------------------------- */

static struct child *to_child(lua_State *L)
{
	struct child *child = luaL_checkudata(L, 1, CHILD_CLASS);

	if (child->pidfd < 0)
		luaL_error(L, "the child is closed");
	return child;
}

static void print_error(lua_State *L)
{
	if (!luaL_callmeta(L, -1, "__tostring"))
		lua_pushvalue(L, -1);
	fprintf(stderr, "%s\n",
		lua_isstring(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
}

/* The exit status of what the function returned, or 125 with a message. */
static int status_of(lua_State *L)
{
	switch (lua_type(L, -1)) {
	case LUA_TNIL:
		return 0;
	case LUA_TBOOLEAN:
		return !lua_toboolean(L, -1);
	case LUA_TNUMBER:
		return (int)(lua_tointeger(L, -1) & 0xff);
	default:
		fprintf(stderr, "child: the function returned a %s, not an exit status\n",
			luaL_typename(L, -1));
		return FAILED;
	}
}

/* f -> status. Its own errors (a __tostring that raises) are caught by run_child. */
static int child_main(lua_State *L)
{
	int status = FAILED;

	if (lua_pcall(L, 0, 1, 0))
		print_error(L);
	else
		status = status_of(L);
	lua_pushinteger(L, status);
	return 1;
}

/* With child_main and the function on top. No error may leave: the parent's code would catch it. */
static _Noreturn void run_child(lua_State *L)
{
	int status = lua_pcall(L, 1, 1, 0) ? FAILED : (int)lua_tointeger(L, -1);

	fflush(NULL);
	_exit(status);
}

/* The kernel knows: only a single thread may "leave" its group. */
static bool has_threads(void)
{
	return unshare(CLONE_THREAD) < 0 && errno == EINVAL;
}

static int process_child(lua_State *L)
{
	uint64_t flags = tl_names_check_flags(L, 2, tl_names_namespaces, "namespace");
	struct child *child;
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	if (has_threads())
		return luaL_error(L, "child: this process has more than one thread");
	/* Everything that can fail in Lua comes before there are two processes. */
	luaL_checkstack(L, 20, "child");
	child = lua_newuserdata(L, sizeof(*child));
	*child = (struct child){ .pidfd = -1 };
	luaL_getmetatable(L, CHILD_CLASS);
	lua_setmetatable(L, -2);
	lua_pushcfunction(L, child_main);
	lua_pushvalue(L, 1);
	fflush(NULL);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		run_child(L);
	if (pid < 0)
		return tl_bind_error(L, errno);
	lua_pop(L, 2);
	child->pidfd = pidfd; /* O_CLOEXEC from the kernel */
	child->pid = (pid_t)pid;
	return 1;
}

static int child_wait(lua_State *L)
{
	struct child *child = to_child(L);
	double deadline = luaL_optnumber(L, 2, INFINITY) + (double)tl_clock_ns() / 1e9;
	struct pollfd ready = { child->pidfd, POLLIN, 0 };

	for (;;) {
		double left = deadline - (double)tl_clock_ns() / 1e9;
		int n = poll(&ready, 1, tl_waitable_milliseconds(left));

		if (n > 0)
			return wait_and_push(L, (idtype_t)P_PIDFD, (id_t)child->pidfd,
					     WEXITED);
		if (n < 0 && errno != EINTR)
			return tl_bind_error(L, errno);
		if (left <= 0)
			return tl_bind_error(L, ETIMEDOUT);
	}
}

static int send_signal(lua_State *L, int pidfd, int sig)
{
	return tl_bind_true(L, (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

static int child_kill(lua_State *L)
{
	int pidfd = to_child(L)->pidfd;

	return send_signal(L, pidfd,
			   lua_isnoneornil(L, 2) ? SIGKILL : tl_names_check_signal(L, 2));
}

static int child_pid(lua_State *L)
{
	lua_pushinteger(L, ((struct child *)luaL_checkudata(L, 1, CHILD_CLASS))->pid);
	return 1;
}

static int child_pollfd(lua_State *L)
{
	lua_pushinteger(L, to_child(L)->pidfd);
	return 1;
}

static int child_close(lua_State *L)
{
	tl_fd_close(&((struct child *)luaL_checkudata(L, 1, CHILD_CLASS))->pidfd);
	return 0;
}

/* --- by pidfd, and execve ------------------------------------------------------------------- */

static int process_pidfd_open(lua_State *L)
{
	static const struct tl_name names[] = { { "nonblock", O_NONBLOCK }, { NULL, 0 } };
	pid_t pid = (pid_t)luaL_checkinteger(L, 1);

	return tl_bind_new_fd(L,
			      (int)syscall(SYS_pidfd_open, pid,
					   (unsigned)tl_names_check_flags(L, 2, names,
									  "pidfd_open")));
}

static int process_pidfd_send_signal(lua_State *L)
{
	return send_signal(L, tl_bind_check_fd(L, 1), tl_names_check_signal(L, 2));
}

static int process_pidfd_getfd(lua_State *L)
{
	int pidfd = tl_bind_check_fd(L, 1), number = (int)luaL_checkinteger(L, 2);

	return tl_bind_new_fd(L, (int)syscall(SYS_pidfd_getfd, pidfd, number, 0));
}

/* The strings of a list, NULL after the last; they live as long as the list. */
static char **check_strings(lua_State *L, int arg)
{
	size_t count, size;
	const char **strings;

	luaL_checktype(L, arg, LUA_TTABLE);
	count = lua_objlen(L, arg);
	strings = lua_newuserdata(L, (count + 1) * sizeof(*strings));
	for (size_t i = 0; i < count; i++) {
		lua_rawgeti(L, arg, (int)i + 1);
		luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg,
			      "a list of strings");
		strings[i] = lua_tolstring(L, -1, &size);
		luaL_argcheck(L, strlen(strings[i]) == size, arg, "a string holds a NUL");
		lua_pop(L, 1);
	}
	strings[count] = NULL;
	return (char **)strings;
}

static int process_execve(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	char **argv, **envp;

	lua_settop(L, 3); /* what is pushed below is no argument */
	argv = check_strings(L, 2);
	envp = lua_isnil(L, 3) ? environ : check_strings(L, 3);
	luaL_argcheck(L, argv[0], 2, "argv[0] is missing");
	fflush(NULL);
	execve(path, argv, envp);
	return tl_bind_error(L, errno);
}

static int process_execveat(lua_State *L)
{
	int dirfd = tl_bind_opt_dirfd(L, 1);
	const char *path = luaL_optstring(L, 2, "");
	char **argv, **envp;

	lua_settop(L, 4);
	argv = check_strings(L, 3);
	envp = lua_isnil(L, 4) ? environ : check_strings(L, 4);
	luaL_argcheck(L, argv[0], 3, "argv[0] is missing");
	fflush(NULL);
	syscall(SYS_execveat, dirfd, path, argv, envp, *path ? 0 : AT_EMPTY_PATH);
	return tl_bind_error(L, errno);
}

void tl_lua_add_children(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "child", process_child },
		{ "waitid", process_waitid },
		{ "pidfd_open", process_pidfd_open },
		{ "pidfd_send_signal", process_pidfd_send_signal },
		{ "pidfd_getfd", process_pidfd_getfd },
		{ "execve", process_execve },
		{ "execveat", process_execveat },
		{ NULL, NULL },
	};
	static const luaL_Reg methods[] = {
		{ "wait", child_wait },
		{ "kill", child_kill },
		{ "pid", child_pid },
		{ "pollfd", child_pollfd },
		{ "events", tl_waitable_readable },
		{ "timeout", tl_waitable_no_timeout },
		{ "close", child_close },
		{ NULL, NULL },
	};

	tl_bind_class(L, CHILD_CLASS, methods, child_close);
	tl_bind_add(L, functions);
}
