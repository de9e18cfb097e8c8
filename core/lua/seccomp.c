/*
 * tidelock.core.seccomp: load a filter that tidelock.core.filter compiled. Documented in
 * lua/tidelock/meta/seccomp.lua.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bind.h"
#include "names.h"

static const struct tl_name filter_flags[] = {
	{ "tsync", SECCOMP_FILTER_FLAG_TSYNC },
	{ "log", SECCOMP_FILTER_FLAG_LOG },
	{ "spec_allow", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "new_listener", SECCOMP_FILTER_FLAG_NEW_LISTENER },
	{ "tsync_esrch", SECCOMP_FILTER_FLAG_TSYNC_ESRCH },
	{ "wait_killable_recv", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
	{ NULL, 0 },
};

/* The listener is O_CLOEXEC from the kernel. */
static int seccomp_set_mode_filter(lua_State *L)
{
	size_t size;
	const char *bytes = luaL_checklstring(L, 1, &size);
	uint64_t flags = tl_names_check_flags(L, 2, filter_flags, "seccomp");
	struct sock_fprog program = {
		.len = (unsigned short)(size / sizeof(struct sock_filter)),
		.filter = lua_newuserdata(L, size + 1), /* aligned */
	};
	long ret;

	luaL_argcheck(L,
		      size && size % sizeof(struct sock_filter) == 0 &&
			      size / sizeof(struct sock_filter) <= BPF_MAXINSNS,
		      1, "a filter is 1 to 4096 instructions of 8 bytes");
	memcpy(program.filter, bytes, size);
	/* Room for what is pushed below, so that no allocation follows the filter. */
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		tl_bind_push_fd(L, -1);
	ret = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned)flags, &program);
	if (ret > 0 && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return tl_bind_error(L,
				     ESRCH); /* the id of a thread that did not follow */
	if (ret < 0)
		return tl_bind_error(L, errno);
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		*(int *)lua_touserdata(L, -1) = (int)ret;
	else
		lua_pushboolean(L, 1);
	return 1;
}

static int seccomp_get_action_avail(lua_State *L)
{
	static const struct tl_name actions[] = {
		{ "kill_process", SECCOMP_RET_KILL_PROCESS },
		{ "kill_thread", SECCOMP_RET_KILL_THREAD },
		{ "trap", SECCOMP_RET_TRAP },
		{ "errno", SECCOMP_RET_ERRNO },
		{ "user_notif", SECCOMP_RET_USER_NOTIF },
		{ "trace", SECCOMP_RET_TRACE },
		{ "log", SECCOMP_RET_LOG },
		{ "allow", SECCOMP_RET_ALLOW },
		{ NULL, 0 },
	};
	uint32_t action = (uint32_t)tl_names_check(L, 1, actions, "action");

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0) {
		if (errno != EOPNOTSUPP)
			return tl_bind_error(L, errno);
		lua_pushboolean(L, 0);
	} else {
		lua_pushboolean(L, 1);
	}
	return 1;
}

static int seccomp_get_notif_sizes(lua_State *L)
{
	struct seccomp_notif_sizes sizes;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return tl_bind_error(L, errno);
	lua_createtable(L, 0, 3);
	tl_bind_set_number(L, "notif", sizes.seccomp_notif);
	tl_bind_set_number(L, "response", sizes.seccomp_notif_resp);
	tl_bind_set_number(L, "data", sizes.seccomp_data);
	return 1;
}

int tl_lua_open_seccomp(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "set_mode_filter", seccomp_set_mode_filter },
		{ "get_action_avail", seccomp_get_action_avail },
		{ "get_notif_sizes", seccomp_get_notif_sizes },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
