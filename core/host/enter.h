/*
 * Who is put into a box that runs: a helper joins it, clones the process into it, hands that over
 * and leaves. Layer: host.
 */
#pragma once

#include "box.h"

/*
 * The process that joined the box hands over the one that it cloned into it, which is the box's from
 * then on, and is reaped. Returns 0 or -errno, with both of them gone: -EPIPE (it ended before),
 * -ETIMEDOUT (after so many seconds).
 */
int tl_enter_receive(struct tl_box *box, int seconds);
