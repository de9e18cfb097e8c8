/*
 * Copies between a box's terminal and the caller's streams, both ways, without ever blocking.
 * Layer: host. Owns duplicates of the descriptors that it is given, an epoll descriptor that is
 * readable when there is something to do, and the slave, so that the box's programs may close
 * and open their terminal as they like without an end of file here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TL_FLOW_ROOM = 65536 };

struct tl_flow {
	int from, to; /* borrowed of the relay */
	size_t start, end; /* of what was read and not written yet */
	bool ended; /* nothing more will be read */
	char bytes[TL_FLOW_ROOM];
};

enum { TL_RELAY_IN, TL_RELAY_OUT, TL_RELAY_MASTER, TL_RELAY_ENDS };

struct tl_relay {
	int fd[TL_RELAY_ENDS]; /* -1: closed by the caller */
	int slave, epoll, timer;
	uint32_t armed[TL_RELAY_ENDS]; /* what epoll was told to look for */
	bool plain
		[TL_RELAY_ENDS]; /* always ready, as files are: epoll does not take it */
	bool terminal; /* input comes from one */
	bool paused; /* input is not read: the terminal is another job's */
	bool draining;
	bool lost; /* the caller's terminal hung up, or nobody reads the output any more */
	bool socket; /* output goes to one */
	size_t chunk; /* what one write to the output may have */
	struct tl_flow in, out;
};

/* Borrows all three; the master becomes non-blocking. 0, or -errno with nothing left open. */
int tl_relay_open(struct tl_relay *relay, int master, int in, int out);

/* Copy what can be copied now. */
void tl_relay_step(struct tl_relay *relay);

/* The box is gone: copy what it left. True when all of it is written, or nobody reads it. */
bool tl_relay_drain(struct tl_relay *relay);

/* Stop or go on reading the input. */
void tl_relay_pause(struct tl_relay *relay, bool paused);

/* The box's terminal gets another size. 0 or -errno. */
int tl_relay_resize(struct tl_relay *relay, unsigned short rows, unsigned short columns);

void tl_relay_close(struct tl_relay *relay);
