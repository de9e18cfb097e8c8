/*
 * The socket between launcher and init: files at the beginning, then single bytes at the
 * rendezvous, then init's word that the workload has ended. A dead peer is an end of file.
 * Layer: host. Borrows every descriptor.
 */
#pragma once

/* Hand over descriptors, which the peer gets in this order, TL_LINK_FILES in a message. */
int tl_link_send_files(int link, const int *fds, unsigned count);

/* Tell the peer to go on. Returns 0, or -EPIPE when it is gone. */
int tl_link_tell(int link);

/*
 * Wait for one descriptor of the peer's for so many seconds. Returns it, owned by the caller and
 * CLOEXEC, or -EPIPE when the peer is gone, -EPROTO when it sent something else, or -ETIMEDOUT.
 */
int tl_link_receive_file(int link, unsigned seconds);

/* Wait for a byte of the peer's for so many seconds. 0, -EPIPE when it is gone, or -ETIMEDOUT. */
int tl_link_wait(int link, unsigned seconds);

/*
 * Wait for a byte that brings one descriptor, which the caller then owns. -EPIPE when the peer is
 * gone or tells, without one, that it is at its end; -EPROTO, -ETIMEDOUT.
 */
int tl_link_receive_file(int link, unsigned seconds);
