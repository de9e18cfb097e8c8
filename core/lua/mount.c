/*
 * tidelock.core.mount: mount(2), umount2(2), pivot_root(2) and the mount API of descriptors.
 * Documented in lua/tidelock/meta/mount.lua. Every descriptor is O_CLOEXEC.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/kernel.h"
#include "bind.h"
#include "names.h"

/* MOUNT_ATTR_RELATIME is 0: "none of the other atimes". */
#define RELATIME (UINT64_C(1) << 63)

static const struct tl_name mount_flags[] = {
	{ "rdonly", MS_RDONLY },
	{ "nosuid", MS_NOSUID },
	{ "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },
	{ "synchronous", MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC },
	{ "noatime", MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME },
	{ "strictatime", MS_STRICTATIME },
	{ "lazytime", MS_LAZYTIME },
	{ "nosymfollow", MS_NOSYMFOLLOW },
	{ "silent", MS_SILENT },
	{ "bind", MS_BIND },
	{ "move", MS_MOVE },
	{ "remount", MS_REMOUNT },
	{ "rec", MS_REC },
	{ "private", MS_PRIVATE },
	{ "shared", MS_SHARED },
	{ "slave", MS_SLAVE },
	{ "unbindable", MS_UNBINDABLE },
	{ NULL, 0 },
};

static const struct tl_name attributes[] = {
	{ "rdonly", MOUNT_ATTR_RDONLY },
	{ "nosuid", MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV },
	{ "noexec", MOUNT_ATTR_NOEXEC },
	{ "noatime", MOUNT_ATTR_NOATIME },
	{ "strictatime", MOUNT_ATTR_STRICTATIME },
	{ "relatime", RELATIME },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW },
	{ NULL, 0 },
};

/*
 * mount(2) copies a page for any data but NULL, the empty string too (a page allocation and copy
 * for each call): "" is NULL here. The same for a type, which a bind has none of.
 */
static const char *opt_text(lua_State *L, int arg)
{
	const char *text = luaL_optstring(L, arg, NULL);

	return text && *text ? text : NULL;
}

static int mount_mount(lua_State *L)
{
	const char *source = luaL_optstring(L, 1, NULL);
	const char *target = luaL_checkstring(L, 2);
	const char *type = opt_text(L, 3);
	unsigned long flags = tl_names_check_flags(L, 4, mount_flags, "mount");

	return tl_bind_true(L, mount(source, target, type, flags, opt_text(L, 5)));
}

static int mount_umount2(lua_State *L)
{
	static const struct tl_name flags[] = {
		{ "detach", MNT_DETACH },
		{ "expire", MNT_EXPIRE },
		{ "force", MNT_FORCE },
		{ "nofollow", UMOUNT_NOFOLLOW },
		{ NULL, 0 },
	};

	return tl_bind_true(L,
			    umount2(luaL_checkstring(L, 1),
				    (int)tl_names_check_flags(L, 2, flags, "umount2")));
}

static int mount_pivot_root(lua_State *L)
{
	const char *new_root = luaL_checkstring(L, 1), *put_old = luaL_checkstring(L, 2);

	return tl_bind_true(L, (int)syscall(SYS_pivot_root, new_root, put_old));
}

static int mount_fsopen(lua_State *L)
{
	return tl_bind_new_fd(L, fsopen(luaL_checkstring(L, 1), FSOPEN_CLOEXEC));
}

/* A path, or "" and `empty` among the flags for nil: the descriptor itself. */
static const char *opt_path(lua_State *L, int arg, uint64_t empty, uint64_t *flags)
{
	if (!lua_isnoneornil(L, arg))
		return luaL_checkstring(L, arg);
	*flags |= empty;
	return "";
}

static int mount_fspick(lua_State *L)
{
	static const struct tl_name names[] = {
		{ "symlink_nofollow", FSPICK_SYMLINK_NOFOLLOW },
		{ "no_automount", FSPICK_NO_AUTOMOUNT },
		{ NULL, 0 },
	};
	int dirfd = tl_bind_opt_dirfd(L, 1);
	uint64_t flags = tl_names_check_flags(L, 3, names, "fspick");
	const char *path = opt_path(L, 2, FSPICK_EMPTY_PATH, &flags);

	return tl_bind_new_fd(L, fspick(dirfd, path, (unsigned)flags | FSPICK_CLOEXEC));
}

static int mount_fsconfig(lua_State *L)
{
	static const struct tl_name commands[] = {
		{ "set_flag", FSCONFIG_SET_FLAG },
		{ "set_string", FSCONFIG_SET_STRING },
		{ "set_binary", FSCONFIG_SET_BINARY },
		{ "set_path", FSCONFIG_SET_PATH },
		{ "set_path_empty", FSCONFIG_SET_PATH_EMPTY },
		{ "set_fd", FSCONFIG_SET_FD },
		{ "cmd_create", FSCONFIG_CMD_CREATE },
		{ "cmd_create_excl", TL_FSCONFIG_CMD_CREATE_EXCL },
		{ "cmd_reconfigure", FSCONFIG_CMD_RECONFIGURE },
		{ NULL, 0 },
	};
	int fd = tl_bind_check_fd(L, 1);
	unsigned command = (unsigned)tl_names_check(L, 2, commands, "fsconfig");
	const char *key = luaL_optstring(L, 3, NULL), *value = NULL;
	size_t size = 0;
	int aux = 0;

	switch (command) {
	case FSCONFIG_SET_STRING:
		value = luaL_checkstring(L, 4);
		break;
	case FSCONFIG_SET_BINARY:
		value = luaL_checklstring(L, 4, &size);
		aux = (int)size;
		break;
	case FSCONFIG_SET_PATH:
	case FSCONFIG_SET_PATH_EMPTY:
		value = luaL_checkstring(L, 4);
		aux = tl_bind_opt_dirfd(L, 5);
		break;
	case FSCONFIG_SET_FD:
		aux = tl_bind_check_fd(L, 4);
		break;
	default:
		break;
	}
	return tl_bind_true(L, fsconfig(fd, command, key, value, aux));
}

static int mount_fsmount(lua_State *L)
{
	int fd = tl_bind_check_fd(L, 1);
	uint64_t attr = tl_names_check_flags(L, 2, attributes, "fsmount");

	return tl_bind_new_fd(L,
			      fsmount(fd, FSMOUNT_CLOEXEC, (unsigned)(attr & ~RELATIME)));
}

static const struct tl_name tree_flags[] = {
	{ "clone", OPEN_TREE_CLONE },
	{ "recursive", AT_RECURSIVE },
	{ "symlink_nofollow", AT_SYMLINK_NOFOLLOW },
	{ "no_automount", AT_NO_AUTOMOUNT },
	{ NULL, 0 },
};

static int mount_open_tree(lua_State *L)
{
	int dirfd = tl_bind_opt_dirfd(L, 1);
	uint64_t flags = tl_names_check_flags(L, 3, tree_flags, "open_tree");
	const char *path = opt_path(L, 2, AT_EMPTY_PATH, &flags);

	return tl_bind_new_fd(L,
			      open_tree(dirfd, path,
					(unsigned)flags | OPEN_TREE_CLOEXEC));
}

static int mount_move_mount(lua_State *L)
{
	static const struct tl_name names[] = {
		{ "f_symlinks", MOVE_MOUNT_F_SYMLINKS },
		{ "f_automounts", MOVE_MOUNT_F_AUTOMOUNTS },
		{ "t_symlinks", MOVE_MOUNT_T_SYMLINKS },
		{ "t_automounts", MOVE_MOUNT_T_AUTOMOUNTS },
		{ "set_group", MOVE_MOUNT_SET_GROUP },
		{ "beneath", MOVE_MOUNT_BENEATH },
		{ NULL, 0 },
	};
	int from = tl_bind_opt_dirfd(L, 1), to = tl_bind_opt_dirfd(L, 3);
	uint64_t flags = tl_names_check_flags(L, 5, names, "move_mount");
	const char *from_path = opt_path(L, 2, MOVE_MOUNT_F_EMPTY_PATH, &flags);
	const char *to_path = opt_path(L, 4, MOVE_MOUNT_T_EMPTY_PATH, &flags);

	return tl_bind_true(L, move_mount(from, from_path, to, to_path, (unsigned)flags));
}

/* The table at the index as the kernel's struct. */
static struct mount_attr check_attr(lua_State *L, int index)
{
	static const char *const fields[] = { "set", "clear", "propagation", "userns",
					      NULL };
	static const struct tl_name kinds[] = {
		{ "private", MS_PRIVATE },
		{ "shared", MS_SHARED },
		{ "slave", MS_SLAVE },
		{ "unbindable", MS_UNBINDABLE },
		{ NULL, 0 },
	};
	const uint64_t atimes = MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME | RELATIME;
	struct mount_attr attr = { 0 };

	tl_names_check_fields(L, index, fields);
	attr.attr_set = tl_names_field_flags(L, index, "set", attributes);
	attr.attr_clr = tl_names_field_flags(L, index, "clear", attributes);
	/* The atimes are one field of bits, which is cleared as a whole. */
	if ((attr.attr_set | attr.attr_clr) & atimes)
		attr.attr_clr = (attr.attr_clr & ~atimes) | MOUNT_ATTR__ATIME;
	attr.attr_set &= ~RELATIME;
	lua_getfield(L, index, "propagation");
	if (!lua_isnil(L, -1))
		attr.propagation = tl_names_check(L, lua_gettop(L), kinds, "propagation");
	lua_pop(L, 1);
	lua_getfield(L, index, "userns");
	if (!lua_isnil(L, -1)) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)tl_bind_check_fd(L, lua_gettop(L));
	}
	lua_pop(L, 1);
	return attr;
}

static int mount_mount_setattr(lua_State *L)
{
	int dirfd = tl_bind_opt_dirfd(L, 1);
	uint64_t flags = tl_names_check_flags(L, 3, tree_flags + 1, "mount_setattr");
	const char *path = opt_path(L, 2, AT_EMPTY_PATH, &flags);
	struct mount_attr attr = check_attr(L, 4);

	return tl_bind_true(L,
			    mount_setattr(dirfd, path, (unsigned)flags, &attr,
					  sizeof(attr)));
}

int tl_lua_open_mount(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "mount", mount_mount },
		{ "umount2", mount_umount2 },
		{ "pivot_root", mount_pivot_root },
		{ "fsopen", mount_fsopen },
		{ "fspick", mount_fspick },
		{ "fsconfig", mount_fsconfig },
		{ "fsmount", mount_fsmount },
		{ "open_tree", mount_open_tree },
		{ "move_mount", mount_move_mount },
		{ "mount_setattr", mount_mount_setattr },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	tl_lua_add_statmount(L);
	return 1;
}
