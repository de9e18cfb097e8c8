/*
 * The binary: a Lua state with the embedded library, handed over to the command line
 * (lua/tidelock/cli.lua). Everything it decides is decided in Lua.
 */
#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "host/arena.h"
#include "host/early.h"
#include "modules.h"
#include "sys/clock.h"
#include "sys/raw.h"
#include "version.h"

#include <lua5.1/lua-cjson.h>

int luaopen_tidelock_core(lua_State *L);

/*
 * The program's entry, before the libc has relocated and set itself up, which takes it longer than
 * one would think: `run --timeline` shows it.
 */
uint64_t tl_entered, tl_begun;
__asm__(".globl tl_enter\n"
	".type tl_enter, @function\n"
	"tl_enter:\n"
	"\trdtsc\n"
	"\tshl $32, %rdx\n"
	"\tor %rdx, %rax\n"
	"\tmov %rax, tl_entered(%rip)\n"
	"\tmov %rsp, %rdi\n"
	"\tcall tl_early_begin\n"
	"\trdtsc\n"
	"\tshl $32, %rdx\n"
	"\tor %rdx, %rax\n"
	"\tmov %rax, tl_begun(%rip)\n"
	"\txor %edx, %edx\n" /* the ABI's function to call at exit: none */
	"\tjmp _start\n");

/* For the timeline: CLOCK_MONOTONIC in ns beside the time-stamp counter. */
struct moment {
	uint64_t clock, tsc;
};

static struct moment take_moment(void)
{
	return (struct moment){ tl_clock_ns(), raw_tsc() };
}

static int by_name(const void *key, const void *module)
{
	return strcmp(key, ((const struct tl_module *)module)->name);
}

/* The first of package.loaders: what is embedded cannot be replaced through LUA_PATH. */
static int load_embedded(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const struct tl_module *m =
		bsearch(name, tl_modules, tl_modules_count, sizeof(*m), by_name);

	if (!strcmp(name, "tidelock.core")) {
		lua_pushcfunction(L, luaopen_tidelock_core);
		return 1;
	}
	if (!strcmp(name, "cjson")) {
		lua_pushcfunction(L, luaopen_cjson);
		return 1;
	}
	if (!m)
		return 0;
	if (luaL_loadbuffer(L, (const char *)m->code, m->size, name))
		return lua_error(L);
	return 1;
}

static void install_loader(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "loaders");
	for (int i = (int)lua_objlen(L, -1); i >= 1; i--) {
		lua_rawgeti(L, -1, i);
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushcfunction(L, load_embedded);
	lua_rawseti(L, -2, 1);
	lua_pop(L, 2);
}

/* The set of commands: every embedded file of scripts/. */
static int list_verbs(lua_State *L)
{
	static const char prefix[] = "tidelock.scripts.";

	lua_newtable(L);
	for (size_t i = 0; i < tl_modules_count; i++)
		if (!strncmp(tl_modules[i].name, prefix, sizeof(prefix) - 1)) {
			lua_pushboolean(L, 1);
			lua_setfield(L, -2, tl_modules[i].name + sizeof(prefix) - 1);
		}
	return 1;
}

static int traceback(lua_State *L)
{
	if (!lua_isstring(L, 1))
		return 1; /* an error object tells its own story */
	luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

/* argv as a table with [0]; then require("tidelock.cli").main(arg) -> exit status. */
static int run(lua_State *L, int argc, char **argv)
{
	int status;

	lua_pushcfunction(L, traceback);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "tidelock.cli");
	if (lua_pcall(L, 1, 1, 1))
		goto failed;
	lua_getfield(L, -1, "main");
	lua_createtable(L, argc, 1);
	for (int i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i);
	}
	lua_pushliteral(L, TL_VERSION);
	lua_pushcfunction(L, list_verbs);
	if (lua_pcall(L, 3, 1, 1))
		goto failed;
	status = (int)lua_tointeger(L, -1);
	return status;
failed:
	if (luaL_callmeta(L, -1, "__tostring"))
		lua_replace(L, -2);
	fprintf(stderr, "tidelock: %s\n", lua_tostring(L, -1));
	return 125;
}

/* Only then does anything take the time. */
static bool wants_timeline(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], "run") != 0)
		return false;
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strncmp(argv[i], "--timeline", 10))
			return true;
	return false;
}

/*
 * require("tidelock.timeline.trace").begin(entered, begun, main, ready), in seconds of
 * CLOCK_MONOTONIC
 */
static void begin_timeline(lua_State *L, struct moment start)
{
	struct moment now = take_moment();
	double ns_per_tick =
		(double)(now.clock - start.clock) / (double)(now.tsc - start.tsc);
	const uint64_t moments[] = { tl_entered, tl_begun, start.tsc, now.tsc };

	lua_getglobal(L, "require");
	lua_pushliteral(L, "tidelock.timeline.trace");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "begin");
	for (int i = 0; i < 4; i++)
		lua_pushnumber(L,
			       ((double)start.clock +
				((double)moments[i] - (double)start.tsc) * ns_per_tick) /
				       1e9);
	lua_call(L, 4, 0);
	lua_pop(L, 1);
}

static bool has_script(int argc, char **argv)
{
	if (argc > 1 && strchr(argv[1], '/'))
		return true;
	for (int i = 1; i < argc; i++) {
		size_t n = strlen(argv[i]);

		if (n > 4 && !strcmp(argv[i] + n - 4, ".lua"))
			return true;
	}
	return false;
}

/*
 * A command's own Lua runs once and for a millisecond: to set up the compiler and the FFI, to
 * compile and to collect half a megabyte of garbage would take longer than that saves. Users'
 * Lua gets all of it. The supervisor turns the collector on again when there is time.
 */
static void open_libraries(lua_State *L, bool script)
{
	static const luaL_Reg libraries[] = {
		{ "", luaopen_base },
		{ LUA_LOADLIBNAME, luaopen_package },
		{ LUA_TABLIBNAME, luaopen_table },
		{ LUA_IOLIBNAME, luaopen_io },
		{ LUA_OSLIBNAME, luaopen_os },
		{ LUA_STRLIBNAME, luaopen_string },
		{ LUA_MATHLIBNAME, luaopen_math },
		{ LUA_DBLIBNAME, luaopen_debug },
		{ LUA_BITLIBNAME, luaopen_bit },
		{ NULL, NULL },
	};

	if (script) {
		luaL_openlibs(L);
		return;
	}
	lua_gc(L, LUA_GCSTOP, 0);
	for (const luaL_Reg *library = libraries; library->func; library++) {
		lua_pushcfunction(L, library->func);
		lua_pushstring(L, library->name);
		lua_call(L, 1, 0);
	}
}

/*
 * Capabilities of the program file: an ordinary user has others by no exec but as ambient ones.
 * AT_SECURE would not tell: LSM transitions set it too.
 */
static bool has_file_capabilities(void)
{
	cap_t caps = getuid() ? cap_get_proc() : NULL;
	cap_flag_value_t permitted;
	bool found = false;

	for (cap_value_t cap = 0; caps && !found; cap++) {
		if (cap_get_flag(caps, cap, CAP_PERMITTED, &permitted) < 0)
			break;
		found = permitted == CAP_SET && cap_get_ambient(cap) != CAP_SET;
	}
	cap_free(caps);
	return found;
}

/* lua_Alloc */
static void *allocate(void *unused, void *block, size_t old, size_t size)
{
	(void)unused;
	return tl_arena_resize(block, old, size);
}

int main(int argc, char **argv)
{
	bool timeline = wants_timeline(argc, argv);
	struct moment start = { 0 };
	lua_State *L;
	bool script;
	int status;

	if (timeline)
		start = take_moment();
	/* It has no use for another's identity or rights, and would lend them to any script. */
	if (getuid() != geteuid() || getgid() != getegid() || has_file_capabilities()) {
		fputs("tidelock: refuses to run setuid, setgid or with file capabilities\n",
		      stderr);
		return 125;
	}
	script = has_script(argc, argv);
	L = script ? luaL_newstate() : lua_newstate(allocate, NULL);
	if (!L) {
		fputs("tidelock: out of memory\n", stderr);
		return 125;
	}
	open_libraries(L, script);
	install_loader(L);
	if (timeline)
		begin_timeline(L, start);
	status = run(L, argc, argv);
	tl_early_take(0);
	fflush(NULL);
	/* No collection: a box that is still there ends with this process (SEQUENCES, trap 9). */
	_exit(status);
}
