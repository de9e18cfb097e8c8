/*
 * Constants of the kernel, those among them that Debian 12's headers (6.1) lack. Layer: sys.
 * Child-safe: constants only.
 */
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>

/* memfd_create(2), Linux 6.3 */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
/* fcntl(2) F_ADD_SEALS, Linux 6.3 */
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

/* open_tree(2), mount_setattr(2); linux/mount.h clashes with sys/mount.h */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* The six namespaces of a box and the user namespace around them (clone(2)). */
#define TL_CLONE_NEW_ALL \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

/* prctl(2), Linux 6.3; NO_INHERIT 6.6. Numbers of released kernels only: see prctl.hide_self_exe. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#ifndef PR_MDWE_NO_INHERIT
#define PR_MDWE_NO_INHERIT 2
#endif

/* fsconfig(2), Linux 6.6; move_mount(2), Linux 6.5; statx(2), Linux 6.8 */
#define TL_FSCONFIG_CMD_CREATE_EXCL 8
#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif
