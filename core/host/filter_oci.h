/*
 * The OCI runtime specification's linux.seccomp: its JSON text becomes a BPF program.
 *
 * Layer: core/host (allocates, uses libseccomp); knows nothing of Lua. Child safety: parent only.
 * Descriptors: none kept.
 *
 * Where the specification is silent, what runc and crun agree on holds: names that libseccomp does
 * not know are passed over; a rule that repeats the default action is none; conditions are all to
 * hold, unless two of them look at one argument: then each is a rule of its own; calls of an
 * architecture that is not listed kill the thread. As runc does, calls newer than the newest one
 * of the profile answer ENOSYS where the default is another errno, so that a libc falls back.
 */
#pragma once

#include "json.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tl_filter_oci_error {
	char path[TL_JSON_PATH]; /* linux.seccomp.syscalls[3].args[0].op */
	char why[TL_JSON_WHY];
	char value[96]; /* the value at fault, cut; "" if there is none to show */
	bool is_string;
	const char *accepted; /* a list of words, or NULL */
};

/* Returns the number of instructions, with the program in *prog (free it) and the flags for
 * seccomp(2) in *flags; or -errno with *error filled in. */
int tl_filter_compile_oci(const char *text, size_t size, struct sock_filter **prog,
			  uint32_t *flags, struct tl_filter_oci_error *error);
