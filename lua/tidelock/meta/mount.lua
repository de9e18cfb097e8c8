---@meta
--- tidelock.core.mount: mount(2) and the mount API of descriptors.
---
---     local fs = assert(mount.fsopen "tmpfs")
---     mount.fsconfig(fs, "set_string", "size", "1M")
---     mount.fsconfig(fs, "cmd_create")
---     local tree = mount.fsmount(fs, { "nosuid", "nodev" })
---     mount.move_mount(tree, nil, nil, "/mnt")
---
--- A path that is left out means the descriptor itself (AT_EMPTY_PATH); a descriptor that is left
--- out means the current directory (AT_FDCWD). All of it needs CAP_SYS_ADMIN over the mount
--- namespace.

---@alias tidelock.MountAttribute
---| "rdonly" | "nosuid" | "nodev" | "noexec" | "noatime" | "strictatime" | "relatime" | "nodiratime"
---| "nosymfollow"

---@class tidelock.core.mount
local mount = {}

---mount(2). Flags: rdonly nosuid nodev noexec synchronous dirsync noatime nodiratime relatime
---strictatime lazytime nosymfollow (5.10) silent bind move remount rec private shared slave
---unbindable. Empty data and an empty type are passed as NULL: the kernel would copy a page for "".
---Errors: EPERM, EINVAL, ENOENT, EBUSY, ENODEV (unknown type), ENOSPC (fs.mount-max), ENOTDIR.
---@param source string?
---@param target string
---@param fstype string?
---@param flags (string | string[])?
---@param data string?
---@return true?
---@return string? code
---@return integer? errno
function mount.mount(source, target, fstype, flags, data) end

---umount2(2). Flags: detach expire force nofollow. Errors: EBUSY, EINVAL (not a mount, or locked),
---EAGAIN (expire), EPERM.
---@param target string
---@param flags (string | string[])?
---@return true?
---@return string? code
---@return integer? errno
function mount.umount2(target, flags) end

---pivot_root(2): new_root, a mount point, becomes `/`; the old root is then at put_old. Both may be
---"." after chdir to new_root; umount2(".", "detach") takes the old one off. Errors: EINVAL (not a
---mount point, shared parent, on rootfs), EBUSY, EPERM, ENOTDIR.
---@param new_root string
---@param put_old string
---@return true?
---@return string? code
---@return integer? errno
function mount.pivot_root(new_root, put_old) end

---fsopen(2), Linux 5.2: begin a file system of this type. :read() of the descriptor gives the
---kernel's messages ("e " before an error), one for each read, then ENODATA.
---Errors: ENODEV (unknown type), EPERM.
---@param fstype string
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function mount.fsopen(fstype) end

---fspick(2), Linux 5.2: reconfigure the file system mounted at the path. Flags: symlink_nofollow
---no_automount. Errors: EINVAL (not the root of a mount), EPERM.
---@param dirfd tidelock.Descriptor?
---@param path string?
---@param flags (string | string[])?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function mount.fspick(dirfd, path, flags) end

---fsconfig(2), Linux 5.2. Commands: set_flag KEY; set_string KEY TEXT; set_binary KEY BYTES;
---set_path and set_path_empty KEY PATH [DIRFD]; set_fd KEY FD; cmd_create; cmd_create_excl (6.6);
---cmd_reconfigure. Errors: EINVAL (see the messages), EBUSY, EPERM, EOPNOTSUPP.
---@param fd tidelock.Descriptor
---@param command string
---@param key string?
---@param value (string | tidelock.Descriptor)?
---@param dirfd tidelock.Descriptor?
---@return true?
---@return string? code
---@return integer? errno
function mount.fsconfig(fd, command, key, value, dirfd) end

---fsmount(2), Linux 5.2: a mount, attached nowhere yet, of what cmd_create made. Unmounted when the
---descriptor is closed, unless it was moved in. Errors: EBUSY, EINVAL, EPERM.
---@param fd tidelock.Descriptor
---@param attributes (tidelock.MountAttribute | tidelock.MountAttribute[])?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function mount.fsmount(fd, attributes) end

---open_tree(2), Linux 5.2: the mount at the path (O_PATH), or with `clone` a detached copy of it,
---as a bind makes. Flags: clone recursive symlink_nofollow no_automount. Errors: EINVAL (a locked
---mount without recursive), EPERM, ENOENT.
---@param dirfd tidelock.Descriptor?
---@param path string?
---@param flags (string | string[])?
---@return tidelock.fd?
---@return string? code
---@return integer? errno
function mount.open_tree(dirfd, path, flags) end

---move_mount(2), Linux 5.2: attach what fsmount or open_tree gave, or move a mount. Flags:
---f_symlinks f_automounts t_symlinks t_automounts set_group (5.15) beneath (6.5). Errors: EINVAL
---(shared parent, attached already elsewhere), ELOOP, ENOTDIR, EPERM.
---@param from tidelock.Descriptor?
---@param from_path string?
---@param to tidelock.Descriptor?
---@param to_path string?
---@param flags (string | string[])?
---@return true?
---@return string? code
---@return integer? errno
function mount.move_mount(from, from_path, to, to_path, flags) end

---mount_setattr(2), Linux 5.12: change a mount, with `recursive` its whole tree at once or not at
---all. `userns` idmaps a detached tree by that user namespace. Setting an atime replaces the
---others. Flags: recursive symlink_nofollow no_automount. Errors: EPERM (a locked attribute; an
---idmapped mount already), EINVAL (no idmapping on this file system; attached), EBUSY (rdonly with
---open writers).
---@param dirfd tidelock.Descriptor?
---@param path string?
---@param flags (string | string[])?
---@param attr { set: tidelock.MountAttribute[]?, clear: tidelock.MountAttribute[]?, propagation: "private"|"shared"|"slave"|"unbindable"|nil, userns: tidelock.Descriptor? }
---@return true?
---@return string? code
---@return integer? errno
function mount.mount_setattr(dirfd, path, flags, attr) end

---What statmount(2) tells; what this kernel does not is nil. An id is a number, or a string from
---2^53.
---@class tidelock.Statmount
---@field mnt_id integer|string
---@field mnt_parent_id integer|string
---@field mnt_id_old integer  as in /proc/PID/mountinfo
---@field mnt_parent_id_old integer
---@field mnt_attr string[]  as mount_setattr takes them, and idmap
---@field mnt_propagation string[]
---@field mnt_peer_group integer
---@field mnt_master integer
---@field propagate_from integer
---@field mnt_root string
---@field mnt_point string
---@field mnt_ns_id integer|string|nil  Linux 6.11
---@field mnt_opts string?  Linux 6.11
---@field fs_type string
---@field sb_source string?  Linux 6.13
---@field sb_magic integer
---@field sb_flags integer
---@field sb_dev_major integer
---@field sb_dev_minor integer

---statmount(2), Linux 6.8. Errors: ENOENT (no such mount in this namespace), EPERM, ENOSYS (older),
---EOVERFLOW (more than 64 KiB of text).
---@param id integer|string  of mnt_id or listmount
---@return tidelock.Statmount?
---@return string? code
---@return integer? errno
function mount.statmount(id) end

---listmount(2), Linux 6.8: the ids of all mounts below one. Errors: ENOENT, EPERM, ENOSYS (older).
---@param id (integer|string)?  nil: the root of this namespace
---@return (integer|string)[]?
---@return string? code
---@return integer? errno
function mount.listmount(id) end

---statx(2) with STATX_MNT_ID_UNIQUE, Linux 6.8: the id of the mount that holds the path, never
---given twice. Errors: ENOENT, EACCES, ENOSYS (older).
---@param dirfd tidelock.Descriptor?
---@param path string?
---@return (integer|string)? id
---@return string? code
---@return integer? errno
function mount.mnt_id(dirfd, path) end
