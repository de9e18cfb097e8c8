/*
 * Rules for devices on the unified hierarchy: an eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE, Linux
 * 4.15, bpf(2)) that the kernel runs at every mknod and open of a device in a cgroup and below it.
 * Cgroup v1 has files for that (devices.allow, devices.deny); the program answers as they do.
 *
 * Layer: host. Compiling and parsing are pure functions on the caller's memory; the others make no
 * system call but bpf(2). The hierarchy needs no controllers. A program is loaded and attached by
 * who has CAP_NET_ADMIN and CAP_BPF (before 5.8 CAP_SYS_ADMIN) in the first user namespace, and so
 * never from inside another one.
 *
 * An attached program is the cgroup's own: it goes with the directory, and no descriptor of it is
 * to be kept. Ours are attached with BPF_F_ALLOW_MULTI: those above, below and beside are run as
 * well, and a device must be allowed by all. Without that flag a manager of cgroups in the box
 * could attach none of its own, or (BPF_F_ALLOW_OVERRIDE) put its own in the place of ours.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_DEVICE_ANY (-1)
#define TL_DEVICE_RULES 450 /* as many as fit, with 9 instructions each */
#define TL_DEVICE_INSNS 4096 /* BPF_MAXINSNS: kernels before 5.2 take no longer program */

struct tl_device_rule {
	uint8_t type; /* BPF_DEVCG_DEV_BLOCK or _CHAR */
	uint8_t access; /* of BPF_DEVCG_ACC_MKNOD, _READ, _WRITE; at least one */
	int32_t major; /* 0 to 4095, or TL_DEVICE_ANY */
	int32_t minor; /* 0 to 1048575, or TL_DEVICE_ANY */
};

/* A rule as v1's files have it: "c 1:3 rwm", "b *:* m". Returns 0 or -EINVAL. */
int tl_device_rule_parse(const char *text, struct tl_device_rule *rule);

/*
 * A default and its exceptions as a program. Where nothing is allowed, one exception must cover the
 * device and all of the access that is asked for at once; where everything is, no exception may
 * cover any of it. The order of the rules means nothing. Returns the number of instructions, or
 * -EINVAL (a field out of range), -E2BIG (they do not fit into `max`).
 */
int tl_device_filter_compile(bool allow, const struct tl_device_rule *rules, size_t count,
			     struct bpf_insn *insns, size_t max);

/* The same of rules as text, each ending in NUL: at most TL_DEVICE_RULES of them (-E2BIG). */
int tl_device_filter_compile_text(bool allow, const char *text, size_t size,
				  struct bpf_insn insns[TL_DEVICE_INSNS]);

/*
 * BPF_PROG_LOAD. Returns a descriptor that the caller owns, or -errno: EPERM (no capabilities),
 * EINVAL (the kernel has no such programs: CONFIG_CGROUP_BPF; or the verifier refuses it), ENOSYS
 * (no bpf(2): CONFIG_BPF_SYSCALL). `why` gets the last line of what the verifier says, "" where it
 * says nothing.
 */
int tl_device_filter_load(const struct bpf_insn *insns, size_t count, char *why,
			  size_t room);

/*
 * BPF_PROG_ATTACH to a directory of the unified hierarchy, beside what is there. Returns 0 or
 * -errno: EPERM (no capabilities, or a cgroup above has a program that lets nothing below it have
 * one), EBADF (no directory of that hierarchy), E2BIG (64 programs are there).
 */
int tl_device_filter_attach(int cgroup, int program);

/*
 * Put the program in the place of the one that was attached here by this very function or by
 * tl_device_filter_attach, or attach it where there is none. There is no moment without rules:
 * BPF_F_REPLACE (5.6) does it in one step; before that the new one is attached first, and until the
 * old one is gone only what both allow is allowed. Finding the old one takes CAP_SYS_ADMIN.
 * Returns 0 or -errno, as tl_device_filter_attach.
 */
int tl_device_filter_replace(int cgroup, int program);

/* Take away what was attached here by these functions. Returns how many, or -errno. */
int tl_device_filter_detach(int cgroup);

/*
 * Compile, load and attach. Returns 0 or -errno, with `why` as tl_device_filter_load, and in *call
 * the number of the system call that failed, 0 for none.
 */
int tl_device_filter_apply(int cgroup, bool allow, const char *text, size_t size,
			   char *why, size_t room, long *call);
