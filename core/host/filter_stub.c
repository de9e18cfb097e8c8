#include "filter_stub.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>

#define X32_BIT 0x40000000

int tl_filter_stub_add(struct tl_filter_stub *stub, uint32_t arch)
{
	size_t i;

	for (i = 0; i < stub->count; i++)
		if (stub->arch[i] == arch)
			return 0;
	if (stub->count == TL_FILTER_STUB_ARCHES)
		return -E2BIG;
	stub->arch[stub->count] = arch;
	stub->last[stub->count++] = 0;
	return 0;
}

void tl_filter_stub_name(struct tl_filter_stub *stub, const char *name)
{
	size_t i;

	for (i = 0; i < stub->count; i++) {
		int number = seccomp_syscall_resolve_name_arch(stub->arch[i], name);

		/* Negative: a call that only other architectures have. */
		if (number > 0 && (uint32_t)number > stub->last[i])
			stub->last[i] = (uint32_t)number;
	}
}

/* x32 shares the architecture of x86_64, so that it has no section of its own. */
static bool has_section(const struct tl_filter_stub *stub, size_t i)
{
	return stub->arch[i] != SCMP_ARCH_X32 && stub->last[i] > 0;
}

static uint32_t last_x32(const struct tl_filter_stub *stub)
{
	size_t i;

	for (i = 0; i < stub->count; i++)
		if (stub->arch[i] == SCMP_ARCH_X32)
			return stub->last[i];
	return 0;
}

static size_t section_size(const struct tl_filter_stub *stub, size_t i)
{
	if (stub->arch[i] != SCMP_ARCH_X86_64)
		return 5;
	return last_x32(stub) ? 7 : 6;
}

size_t tl_filter_stub_size(const struct tl_filter_stub *stub)
{
	size_t i, size = 0;

	for (i = 0; i < stub->count; i++)
		if (has_section(stub, i))
			size += section_size(stub, i);
	return size;
}

static struct sock_filter load(size_t offset)
{
	return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static struct sock_filter jump(uint16_t test, uint32_t value, uint8_t yes, uint8_t no)
{
	return (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, yes, no);
}

/* Each section ends in the answer, and what is not answered goes on behind it. */
static struct sock_filter *put_section(const struct tl_filter_stub *stub, size_t i,
				       struct sock_filter *out)
{
	const struct sock_filter answer =
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	uint32_t x32 = stub->arch[i] == SCMP_ARCH_X86_64 ? last_x32(stub) : 0;

	*out++ = load(offsetof(struct seccomp_data, arch));
	*out++ = jump(BPF_JEQ, stub->arch[i], 0, (uint8_t)(section_size(stub, i) - 2));
	*out++ = load(offsetof(struct seccomp_data, nr));
	if (x32)
		*out++ = jump(BPF_JGT, x32, 2, 0);
	if (stub->arch[i] == SCMP_ARCH_X86_64)
		*out++ = jump(BPF_JSET, X32_BIT, 2, 0);
	*out++ = jump(BPF_JGT, stub->last[i], 0, 1);
	*out++ = answer;
	return out;
}

void tl_filter_stub_put(const struct tl_filter_stub *stub, struct sock_filter *out)
{
	size_t i;

	for (i = 0; i < stub->count; i++)
		if (has_section(stub, i))
			out = put_section(stub, i, out);
}
