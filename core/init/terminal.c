/* The workload's terminal: a pty of the box's own devpts; the supervisor gets its other end. */
#include "init.h"

#include <asm/termbits.h>
#include <errno.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"

enum { PTMX_MAJOR = 5, PTMX_MINOR = 2, SLAVE_MAJOR = 136, SLAVE_MAJORS = 8 };

/* A character device of a devpts, whatever the name that it was found by (CVE-2025-52565). */
static long check_node(struct init *s, int fd, bool is_master)
{
	struct statfs fs;
	struct statx st;
	long ret = tl_call(s, fstatfs, fd, &fs);

	if (ret >= 0)
		ret = tl_call(s, statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);
	if (ret < 0)
		return ret;
	if (fs.f_type != DEVPTS_SUPER_MAGIC || (st.stx_mode & S_IFMT) != S_IFCHR)
		return -ENOTTY;
	if (is_master)
		return st.stx_rdev_major == PTMX_MAJOR && st.stx_rdev_minor == PTMX_MINOR
			? 0
			: -ENOTTY;
	return st.stx_rdev_major - SLAVE_MAJOR < SLAVE_MAJORS ? 0 : -ENOTTY;
}

static long open_master(struct init *s)
{
	struct open_how how = {
		.flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	long fd = tl_call(s, openat2, AT_FDCWD, "/dev/pts/ptmx", &how, sizeof(how)), ret;
	int locked = 0;

	if (fd < 0)
		return fd;
	ret = check_node(s, (int)fd, true);
	if (ret >= 0)
		ret = tl_call(s, ioctl, fd, TIOCSPTLCK, &locked);
	if (ret >= 0)
		return fd;
	raw(close, fd);
	return ret;
}

/* By the master and never by a name: /dev/pts/0 may be anything by now. */
static long open_slave(struct init *s, int master)
{
	long fd = tl_call(s, ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC),
	     ret;

	if (fd < 0)
		return fd;
	ret = check_node(s, (int)fd, false);
	if (ret >= 0)
		return fd;
	raw(close, fd);
	return ret;
}

/*
 * Before the workload can look: the modes and the size of the caller's terminal, which is still
 * on descriptor 0 and not in raw mode yet; where that is none, the kernel's and the plan's. Modes
 * without line editing or echo are some program's own: of the shell that started this job in the
 * background, or left by one that crashed.
 */
static long set_up(struct init *s, int slave, const struct tl_op_open_pty *op)
{
	const tcflag_t cooked = ICANON | ECHO | ISIG;
	struct winsize size = { .ws_row = 0 };
	struct termios modes;

	if (raw(ioctl, 0, TCGETS, &modes) >= 0 && (modes.c_lflag & cooked) == cooked) {
		modes.c_line =
			0; /* N_TTY, the only line discipline that a pty may have here */
		raw(ioctl, slave, TCSETS, &modes);
	}
	if (raw(ioctl, 0, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col) {
		size.ws_row = (unsigned short)op->rows;
		size.ws_col = (unsigned short)op->columns;
	}
	return tl_call(s, ioctl, slave, TIOCSWINSZ, &size);
}

/* The slave may itself stand on one of the three, if the caller had them closed. */
static long make_streams(struct init *s, int slave)
{
	for (int fd = 0; fd <= 2; fd++) {
		long ret = fd == slave ? tl_call(s, fcntl, fd, F_SETFD, 0)
				       : tl_call(s, dup3, slave, fd, 0);

		if (ret < 0)
			return ret;
	}
	if (slave > 2)
		raw(close, slave);
	return 0;
}

long tl_init_open_pty(struct init *s, const struct tl_op_open_pty *op)
{
	long master = open_master(s), slave, ret;

	if (master < 0)
		return master;
	slave = open_slave(s, (int)master);
	ret = slave < 0 ? slave : set_up(s, (int)slave, op);
	if (ret >= 0)
		ret = tl_init_send_file(s, (int)master);
	raw(close, master);
	if (ret >= 0)
		ret = tl_call(s, ioctl, slave, TIOCSCTTY, 0);
	return ret < 0 ? ret : make_streams(s, (int)slave);
}
