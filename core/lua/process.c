/*
 * tidelock.core.process: this process's own signals, pipes and descriptors; child.c has the
 * processes that it makes. Documented in lua/tidelock/meta/process.lua.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bind.h"
#include "names.h"

/* kill(pid, signal) -> true | nil, code, errno: kill(2) */
static int process_kill(lua_State *L)
{
	return tl_bind_true(L,
			    kill((pid_t)luaL_checkinteger(L, 1),
				 tl_names_check_signal(L, 2)));
}

static int process_getpid(lua_State *L)
{
	lua_pushinteger(L, getpid());
	return 1;
}

static int process_getppid(lua_State *L)
{
	lua_pushinteger(L, getppid());
	return 1;
}

/* setsid() -> the id of the new session | nil, code, errno */
static int process_setsid(lua_State *L)
{
	pid_t session = setsid();

	if (session < 0)
		return tl_bind_error(L, errno);
	lua_pushinteger(L, session);
	return 1;
}

static int process_setpgid(lua_State *L)
{
	return tl_bind_true(L,
			    setpgid((pid_t)luaL_optinteger(L, 1, 0),
				    (pid_t)luaL_optinteger(L, 2, 0)));
}

/* _exit(status): what was printed is written; no __gc runs */
static int process_exit(lua_State *L)
{
	int status = (int)luaL_optinteger(L, 1, 0);

	fflush(NULL);
	_exit(status);
}

/* sigprocmask("block"|"unblock"|"setmask", {signal...}) -> true | nil, code, errno */
static int process_sigprocmask(lua_State *L)
{
	static const struct tl_name how_names[] = { { "block", SIG_BLOCK },
						    { "unblock", SIG_UNBLOCK },
						    { "setmask", SIG_SETMASK },
						    { NULL, 0 } };
	int how = (int)tl_names_check(L, 1, how_names, "sigprocmask");
	sigset_t set;

	luaL_checktype(L, 2, LUA_TTABLE);
	sigemptyset(&set);
	for (int i = 1; i <= (int)lua_objlen(L, 2); i++) {
		lua_rawgeti(L, 2, i);
		if (sigaddset(&set, tl_names_check_signal(L, lua_gettop(L))) < 0)
			return tl_bind_error(L, errno);
		lua_pop(L, 1);
	}
	return tl_bind_true(L, sigprocmask(how, &set, NULL));
}

/* signal(signal, "default"|"ignore") -> true | nil, code, errno: no handler can be Lua */
static int process_signal(lua_State *L)
{
	static const struct tl_name names[] = { { "default", 0 },
						{ "ignore", 1 },
						{ NULL, 0 } };
	int sig = tl_names_check_signal(L, 1);
	struct sigaction action = {
		.sa_handler = tl_names_check(L, 2, names, "signal") ? SIG_IGN : SIG_DFL,
	};

	return tl_bind_true(L, sigaction(sig, &action, NULL));
}

/* sigmask() -> the blocked signals as the kernel's 64 bits */
static int process_sigmask(lua_State *L)
{
	uint64_t mask = 0;
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	memcpy(&mask, &set, sizeof(mask));
	tl_bind_push_u64(L, mask);
	return 1;
}

/* pipe() -> read end, write end (both CLOEXEC) | nil, code, errno */
static int process_pipe(lua_State *L)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return tl_bind_error(L, errno);
	tl_bind_push_fd(L, ends[0]);
	tl_bind_push_fd(L, ends[1]);
	return 2;
}

static int open_flags(lua_State *L, const char *mode)
{
	switch (*mode) {
	case 'r':
		return O_RDONLY;
	case 'w':
		return O_WRONLY | O_CREAT | O_TRUNC;
	case 'a':
		return O_WRONLY | O_CREAT | O_APPEND;
	default:
		return luaL_argerror(L, 2, "r, w or a");
	}
}

/* open(path, "r"|"w"|"a") -> descriptor (CLOEXEC, mode 0666 less the umask) | nil, code, errno */
static int process_open(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int flags = open_flags(L, luaL_optstring(L, 2, "r"));
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		return tl_bind_error(L, errno);
	tl_bind_push_fd(L, fd);
	return 1;
}

/* fd_type(number) -> "file" "dir" "fifo" "socket" "char" "block" "other" | nil, code, errno */
static int process_fd_type(lua_State *L)
{
	struct stat st;
	const char *type = "other";

	if (fstat((int)luaL_checkinteger(L, 1), &st) < 0)
		return tl_bind_error(L, errno);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		type = "file";
		break;
	case S_IFDIR:
		type = "dir";
		break;
	case S_IFIFO:
		type = "fifo";
		break;
	case S_IFSOCK:
		type = "socket";
		break;
	case S_IFCHR:
		type = "char";
		break;
	case S_IFBLK:
		type = "block";
		break;
	default:
		break;
	}
	lua_pushstring(L, type);
	return 1;
}

static int process_isatty(lua_State *L)
{
	lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
	return 1;
}

/* write(number, bytes) -> true | nil, code, errno: all of them, to a descriptor of the caller's */
static int process_write(lua_State *L)
{
	int fd = (int)luaL_checkinteger(L, 1);
	size_t size;
	const char *bytes = luaL_checklstring(L, 2, &size);

	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tl_bind_error(L, errno);
		bytes += n;
		size -= (size_t)n;
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* clock() -> seconds of CLOCK_MONOTONIC */
static int process_clock(lua_State *L)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	lua_pushnumber(L, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
	return 1;
}

int tl_lua_open_process(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "kill", process_kill },	{ "getpid", process_getpid },
		{ "getppid", process_getppid }, { "setsid", process_setsid },
		{ "setpgid", process_setpgid }, { "_exit", process_exit },
		{ "sigmask", process_sigmask }, { "sigprocmask", process_sigprocmask },
		{ "signal", process_signal },	{ "pipe", process_pipe },
		{ "open", process_open },	{ "fd_type", process_fd_type },
		{ "isatty", process_isatty },	{ "write", process_write },
		{ "clock", process_clock },	{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	tl_lua_add_children(L);
	return 1;
}
