#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "link.h"

enum { PTMX_MAJOR = 5, PTMX_MINOR = 2 };

static int check_master(int fd, long *call)
{
	struct statfs fs;
	struct stat st;
	int number;

	*call = SYS_fstatfs;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR))
		return -ENOTTY;
	*call = SYS_ioctl;
	return ioctl(fd, TIOCGPTN, &number) < 0 ? -errno : 0;
}

int tl_terminal_receive(int link, unsigned seconds, int *master, long *call)
{
	int fd, ret;

	*call = SYS_recvmsg;
	fd = tl_link_receive_file(link, seconds);
	if (fd < 0)
		return fd;
	ret = check_master(fd, call);
	if (ret < 0) {
		tl_fd_close(&fd);
		return ret;
	}
	*master = fd;
	return 0;
}

int tl_modes_open(struct tl_modes *modes, int fd)
{
	*modes = (struct tl_modes){ .fd = -1, .alive = -1 };
	if (tcgetattr(fd, &modes->saved) < 0)
		return -errno;
	modes->raw = modes->saved;
	cfmakeraw(&modes->raw);
	modes->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return modes->fd < 0 ? -errno : 0;
}

int tl_modes_enter(struct tl_modes *modes)
{
	if (tcsetattr(modes->fd, TCSANOW, &modes->raw) < 0)
		return -errno;
	modes->entered = true;
	return 0;
}

static void restore(const struct tl_modes *modes)
{
	struct termios now;

	if (tcgetattr(modes->fd, &now) == 0 && now.c_iflag == modes->raw.c_iflag &&
	    now.c_oflag == modes->raw.c_oflag && now.c_lflag == modes->raw.c_lflag)
		tcsetattr(modes->fd, TCSANOW, &modes->saved);
}

void tl_modes_leave(struct tl_modes *modes)
{
	if (modes->fd >= 0 && modes->entered)
		restore(modes);
	modes->entered = false;
}

/* Whatever this process had open, a box's link first of all, must not live on in the watchdog. */
static void keep_two(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 0)
		close_range(0, low - 1, 0);
	if (low + 1 < high)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

_Noreturn static void watch(const struct tl_modes *modes, int pipe)
{
	sigset_t all;
	char byte;

	keep_two(modes->fd, pipe);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "tidelock-tty");
	while (read(pipe, &byte, 1) < 0 && errno == EINTR)
		;
	restore(modes);
	_exit(0);
}

int tl_modes_watch(struct tl_modes *modes)
{
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	modes->watchdog = fork();
	error = errno;
	if (modes->watchdog == 0)
		watch(modes, ends[0]);
	close(ends[0]);
	if (modes->watchdog < 0) {
		modes->watchdog = 0;
		close(ends[1]);
		return -error;
	}
	modes->alive = ends[1];
	return 0;
}

void tl_modes_close(struct tl_modes *modes)
{
	tl_modes_leave(modes);
	tl_fd_close(&modes->alive);
	if (modes->watchdog > 0)
		while (waitpid(modes->watchdog, NULL, 0) < 0 && errno == EINTR)
			;
	modes->watchdog = 0;
	tl_fd_close(&modes->fd);
}

bool tl_terminal_foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group < 0 || group == getpgrp();
}

void tl_terminal_suspend(void)
{
	struct sigaction stop = { .sa_handler = SIG_DFL }, before;
	sigset_t set, mask;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigaction(SIGTSTP, &stop, &before);
	/* SIGTSTP and not SIGSTOP: where nobody could wake this process up, the kernel lets it be. */
	kill(getpid(), SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGTSTP, &before, NULL);
}
