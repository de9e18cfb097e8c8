/*
 * The part of tidelock.core.mount that reads: statmount(2), listmount(2) and the id of a mount.
 * Documented in lua/tidelock/meta/mount.lua.
 */
#include "../sys/statmount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../sys/kernel.h"
#include "bind.h"
#include "names.h"

#define BUFFER 65536L

static const struct tl_name attributes[] = {
	{ "rdonly", MOUNT_ATTR_RDONLY },
	{ "nosuid", MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV },
	{ "noexec", MOUNT_ATTR_NOEXEC },
	{ "noatime", MOUNT_ATTR_NOATIME },
	{ "strictatime", MOUNT_ATTR_STRICTATIME },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW },
	{ "idmap", MOUNT_ATTR_IDMAP },
	{ NULL, 0 },
};

static const struct tl_name propagations[] = {
	{ "private", MS_PRIVATE },
	{ "shared", MS_SHARED },
	{ "slave", MS_SLAVE },
	{ "unbindable", MS_UNBINDABLE },
	{ NULL, 0 },
};

static void set_u64(lua_State *L, const char *field, uint64_t value)
{
	tl_bind_push_u64(L, value);
	lua_setfield(L, -2, field);
}

/* A string of the answer, if the kernel filled it in and its place is in the answer. */
static void set_text(lua_State *L, const char *field, const struct tl_statmount *st,
		     uint64_t bit, uint32_t offset)
{
	const char *end = (const char *)st + BUFFER, *text = st->str + offset;

	if (!(st->mask & bit) || text >= end || !memchr(text, 0, (size_t)(end - text)))
		return;
	tl_bind_set_string(L, field, text);
}

static void push_statmount(lua_State *L, const struct tl_statmount *st)
{
	lua_createtable(L, 0, 20);
	if (st->mask & TL_STATMOUNT_MNT_BASIC) {
		set_u64(L, "mnt_id", st->mnt_id);
		set_u64(L, "mnt_parent_id", st->mnt_parent_id);
		set_u64(L, "mnt_id_old", st->mnt_id_old);
		set_u64(L, "mnt_parent_id_old", st->mnt_parent_id_old);
		tl_names_push_flags(L, st->mnt_attr, attributes);
		lua_setfield(L, -2, "mnt_attr");
		tl_names_push_flags(L, st->mnt_propagation, propagations);
		lua_setfield(L, -2, "mnt_propagation");
		set_u64(L, "mnt_peer_group", st->mnt_peer_group);
		set_u64(L, "mnt_master", st->mnt_master);
	}
	if (st->mask & TL_STATMOUNT_SB_BASIC) {
		set_u64(L, "sb_dev_major", st->sb_dev_major);
		set_u64(L, "sb_dev_minor", st->sb_dev_minor);
		set_u64(L, "sb_magic", st->sb_magic);
		set_u64(L, "sb_flags", st->sb_flags);
	}
	if (st->mask & TL_STATMOUNT_PROPAGATE_FROM)
		set_u64(L, "propagate_from", st->propagate_from);
	if (st->mask & TL_STATMOUNT_MNT_NS_ID)
		set_u64(L, "mnt_ns_id", st->mnt_ns_id);
	set_text(L, "mnt_root", st, TL_STATMOUNT_MNT_ROOT, st->mnt_root);
	set_text(L, "mnt_point", st, TL_STATMOUNT_MNT_POINT, st->mnt_point);
	set_text(L, "fs_type", st, TL_STATMOUNT_FS_TYPE, st->fs_type);
	set_text(L, "mnt_opts", st, TL_STATMOUNT_MNT_OPTS, st->mnt_opts);
	set_text(L, "sb_source", st, TL_STATMOUNT_SB_SOURCE, st->sb_source);
}

static int mount_statmount(lua_State *L)
{
	const uint64_t all = TL_STATMOUNT_SB_BASIC | TL_STATMOUNT_MNT_BASIC |
		TL_STATMOUNT_PROPAGATE_FROM | TL_STATMOUNT_MNT_ROOT |
		TL_STATMOUNT_MNT_POINT | TL_STATMOUNT_FS_TYPE | TL_STATMOUNT_MNT_NS_ID |
		TL_STATMOUNT_MNT_OPTS | TL_STATMOUNT_SB_SOURCE;
	uint64_t id = tl_bind_check_u64(L, 1);
	struct tl_statmount *st = lua_newuserdata(L, BUFFER);

	memset(st, 0, sizeof(*st));
	if (tl_statmount(id, all, st, BUFFER) < 0)
		return tl_bind_error(L, errno);
	push_statmount(L, st);
	return 1;
}

static int mount_listmount(lua_State *L)
{
	uint64_t id = lua_isnoneornil(L, 1) ? TL_LSMT_ROOT : tl_bind_check_u64(L, 1);
	uint64_t ids[256], last = 0;
	int count = 0;
	long n;

	lua_newtable(L);
	do {
		n = tl_listmount(id, last, ids, sizeof(ids) / sizeof(ids[0]));
		if (n < 0)
			return tl_bind_error(L, errno);
		for (long i = 0; i < n; i++) {
			tl_bind_push_u64(L, last = ids[i]);
			lua_rawseti(L, -2, ++count);
		}
	} while (n == sizeof(ids) / sizeof(ids[0]));
	return 1;
}

/* statx(2) with STATX_MNT_ID_UNIQUE, 6.8 */
static int mount_mnt_id(lua_State *L)
{
	int dirfd = tl_bind_opt_dirfd(L, 1);
	const char *path = luaL_optstring(L, 2, "");
	int flags = AT_NO_AUTOMOUNT | (*path ? 0 : AT_EMPTY_PATH);
	struct statx st;

	if (statx(dirfd, path, flags, STATX_MNT_ID_UNIQUE, &st) < 0)
		return tl_bind_error(L, errno);
	if (!(st.stx_mask & STATX_MNT_ID_UNIQUE))
		return tl_bind_error(L, ENOSYS);
	tl_bind_push_u64(L, st.stx_mnt_id);
	return 1;
}

void tl_lua_add_statmount(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "statmount", mount_statmount },
		{ "listmount", mount_listmount },
		{ "mnt_id", mount_mnt_id },
		{ NULL, NULL },
	};

	tl_bind_add(L, functions);
}
