/*
 * System calls without a libc. Layer: sys. Child-safe. Every function returns what the kernel returned:
 * -errno on failure. There is no errno, no allocation and no state.
 */
#pragma once

#include <stdint.h>
#include <asm/unistd.h>

#ifndef __x86_64__
#error "init's system calls are written for x86_64"
#endif

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define RAW_PICK(_1, _2, _3, _4, _5, _6, _7, macro, ...) macro
#define RAW_0(nr) raw6(nr, 0, 0, 0, 0, 0, 0)
#define RAW_1(nr, a) raw6(nr, (long)(a), 0, 0, 0, 0, 0)
#define RAW_2(nr, a, b) raw6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define RAW_3(nr, a, b, c) raw6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define RAW_4(nr, a, b, c, d) raw6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define RAW_5(nr, a, b, c, d, e) \
	raw6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define RAW_6(nr, a, b, c, d, e, f) \
	raw6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* raw(openat, dirfd, path, flags): the system call of that name, its arguments as longs. */
#define raw(name, ...) \
	RAW_PICK(0, ##__VA_ARGS__, RAW_6, RAW_5, RAW_4, RAW_3, RAW_2, RAW_1, RAW_0) \
	(__NR_##name, ##__VA_ARGS__)

static inline uint64_t raw_tsc(void)
{
	return __builtin_ia32_rdtsc();
}
