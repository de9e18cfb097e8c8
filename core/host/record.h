/*
 * The record of a box that runs: STATE/boxes/NAME, by which others find it. Layer: host. Owns no
 * descriptor beyond a call.
 */
#pragma once

#include <stddef.h>

/*
 * Make or replace the record as a whole: written beside it (NAME.new) and renamed. Both directories
 * are made where they are not there, and must be the caller's alone, for whoever can write them
 * could name anything. Nothing is synced: what outlives the machine has nothing to find.
 * Returns 0 or -errno; -EPERM: a directory that is somebody else's.
 */
int tl_record_write(const char *state, const char *name, const char *text, size_t size);
