/*
 * Terminals: the box's, whose master comes over the link, and the caller's, which is in raw mode
 * while a box has it. Layer: host. The watchdog is a child of this process that owns nothing but
 * a duplicate of the caller's terminal and one end of a pipe.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

/*
 * init's open_pty, seen from the launcher: wait for the master and make sure that it is one of a
 * devpts. Returns 0 with *master the caller's, or -errno with *call the system call's number.
 */
int tl_terminal_receive(int link, unsigned seconds, int *master, long *call);

/* The modes of the caller's terminal, and who puts them back. */
struct tl_modes {
	int fd; /* owned, -1: closed */
	struct termios saved, raw;
	bool entered;
	pid_t watchdog; /* 0: none */
	int alive; /* owned: its end tells the watchdog that this process is gone */
};

/* Remember the modes of a terminal, of which a duplicate is kept. -ENOTTY for anything else. */
int tl_modes_open(struct tl_modes *modes, int fd);

/* Raw mode. 0 or -errno. */
int tl_modes_enter(struct tl_modes *modes);

/*
 * Back to what was remembered, unless somebody else has set modes since: a shell that took its
 * terminal back knows better. Never blocks.
 */
void tl_modes_leave(struct tl_modes *modes);

/*
 * Fork the watchdog. It leaves raw mode for this process when this process ends without doing so,
 * by SIGKILL for one, and ends. It is in a session of its own, where job control does not stop it
 * and a signal to the process group does not end it. For a program, not for a library: it forks.
 */
int tl_modes_watch(struct tl_modes *modes);

/* Leave, and wait for the end of the watchdog. */
void tl_modes_close(struct tl_modes *modes);

/* May this process read the terminal and set its modes? Always where it is not its own one. */
bool tl_terminal_foreground(int fd);

/* Stop as SIGTSTP does, blocked or not; returns when SIGCONT has come. */
void tl_terminal_suspend(void);
