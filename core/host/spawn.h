/*
 * The clone whose child is never this program. Layer: host. The child shares memory with the
 * caller until its execveat and makes nothing but raw system calls; the caller is suspended.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct tl_spawn {
	uint64_t flags; /* CLONE_NEW* */
	int image; /* borrowed: the descriptor of init's memfd */
	const int (
		*fds)[2]; /* borrowed: {from, to}; every `from` lies above every `to` */
	unsigned fd_count;
};

/*
 * Clone and execute the image. Returns the pid and stores a pidfd that the caller owns, or
 * -errno; then nothing is left. clone3(2) with CLONE_VM | CLONE_VFORK (Linux 5.5 for
 * CLONE_CLEAR_SIGHAND).
 */
pid_t tl_spawn_init(const struct tl_spawn *spawn, int *pidfd);
