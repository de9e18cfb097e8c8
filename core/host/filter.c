#include "filter.h"

#include "bpf.h"

#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far above the last call of any kernel to come soon; x32 numbers start at 0x40000000. */
#define HIGHEST_TRIED 1023

static int fail(char why[TL_FILTER_WHY], int error, const char *what, const char *name)
{
	snprintf(why, TL_FILTER_WHY, "%s%s%.64s%s: %s", what, name ? " \"" : "",
		 name ? name : "", name ? "\"" : "", strerror(-error));
	return error;
}

int tl_filter_parse_action(const char *text, uint32_t *action)
{
	static const struct {
		const char *name;
		uint32_t action;
	} plain[] = {
		{ "allow", SCMP_ACT_ALLOW },
		{ "log", SCMP_ACT_LOG },
		{ "notify", SCMP_ACT_NOTIFY },
		{ "trap", SCMP_ACT_TRAP },
		{ "kill", SCMP_ACT_KILL_PROCESS },
		{ "kill_thread", SCMP_ACT_KILL_THREAD },
	};
	char *end;
	long number;
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(text, plain[i].name) == 0) {
			*action = plain[i].action;
			return 0;
		}
	if (strncmp(text, "trace:", 6) == 0) {
		number = strtol(text + 6, &end, 10);
		if (end == text + 6 || *end || number < 0 || number > 0xffff)
			return -EINVAL;
		*action = SCMP_ACT_TRACE((uint32_t)number);
		return 0;
	}
	if (strncmp(text, "errno:", 6) != 0)
		return -EINVAL;
	for (number = 1; number < 4096; number++) {
		const char *name = strerrorname_np((int)number);

		if (name && strcmp(text + 6, name) == 0) {
			*action = SCMP_ACT_ERRNO((uint32_t)number);
			return 0;
		}
	}
	return -EINVAL;
}

int tl_filter_number(const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name);

	/* Negative numbers stand for calls that only other architectures have. */
	return number < 0 ? -ENOENT : number;
}

char *tl_filter_name(int number)
{
	return seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
}

uint32_t tl_filter_library(void)
{
	const struct scmp_version *version = seccomp_version();

	return version->major << 16 | version->minor << 8 | version->micro;
}

static uint32_t first_unknown(void)
{
	int number;

	for (number = HIGHEST_TRIED; number > 0; number--) {
		char *name = tl_filter_name(number);

		free(name);
		if (name)
			break;
	}
	return (uint32_t)number + 1;
}

static struct scmp_arg_cmp comparison(const struct tl_filter_compare *from)
{
	static const enum scmp_compare operators[] = {
		[TL_FILTER_EQ] = SCMP_CMP_EQ,
		[TL_FILTER_NE] = SCMP_CMP_NE,
		[TL_FILTER_LT] = SCMP_CMP_LT,
		[TL_FILTER_LE] = SCMP_CMP_LE,
		[TL_FILTER_GT] = SCMP_CMP_GT,
		[TL_FILTER_GE] = SCMP_CMP_GE,
		[TL_FILTER_MASKED] = SCMP_CMP_MASKED_EQ,
	};
	struct scmp_arg_cmp to = { .arg = from->arg, .op = operators[from->operator] };

	if (from->operator== TL_FILTER_MASKED) {
		to.datum_a = from->mask;
		to.datum_b = from->value;
	} else {
		to.datum_a = from->value;
	}
	return to;
}

static int add_rule(scmp_filter_ctx context, const struct tl_filter_policy *policy,
		    const struct tl_filter_rule *rule, char why[TL_FILTER_WHY])
{
	struct scmp_arg_cmp compare[TL_FILTER_ARGS];
	unsigned int c;
	size_t i;

	for (c = 0; c < rule->compare_count; c++)
		compare[c] = comparison(&rule->compare[c]);
	for (i = 0; i < rule->name_count; i++) {
		int number = tl_filter_number(rule->names[i]), result;

		if (number < 0 && rule->optional)
			continue;
		if (number < 0)
			return fail(why, -ENOENT, "there is no system call",
				    rule->names[i]);
		/* libseccomp refuses a rule that only repeats the default. */
		if (rule->action == policy->otherwise)
			continue;
		result = seccomp_rule_add_exact_array(context, rule->action, number,
						      rule->compare_count, compare);
		if (result < 0)
			return fail(why, result, "libseccomp refuses a rule for",
				    rule->names[i]);
	}
	return 0;
}

static int build_tree(scmp_filter_ctx context, const struct tl_filter_policy *policy,
		      char why[TL_FILTER_WHY])
{
	size_t i;
	int result = seccomp_arch_exist(context, SCMP_ARCH_X86_64);

	if (result < 0)
		return fail(why, -ENOTSUP, "the filter is for x86_64 machines only",
			    NULL);
	result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, policy->bad_arch);
	if (result == 0)
		result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (result < 0)
		return fail(why, result, "libseccomp refuses an attribute", NULL);
	for (i = 0; i < policy->rule_count; i++) {
		result = add_rule(context, policy, &policy->rules[i], why);
		if (result < 0)
			return result;
	}
	return 0;
}

static size_t guard_size(const struct tl_filter_guard *guard)
{
	return guard->name_count * (guard->value_count + 4);
}

static size_t prelude_size(const struct tl_filter_policy *policy)
{
	size_t i, size = 6;

	for (i = 0; i < policy->guard_count; i++)
		size += guard_size(&policy->guards[i]);
	return size;
}

static struct sock_filter load(size_t offset)
{
	return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static struct sock_filter jump(uint16_t test, uint32_t value, size_t yes, size_t no)
{
	return (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, (uint8_t)yes,
					    (uint8_t)no);
}

static struct sock_filter answer(uint32_t action)
{
	return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
}

/* One guard for one call. It is entered and left with the call's number in the accumulator. */
static struct sock_filter *put_guard(struct sock_filter *out,
				     const struct tl_filter_guard *guard, uint32_t number)
{
	size_t count = guard->value_count, i;

	*out++ = jump(BPF_JEQ, number, 0, count + 3);
	*out++ =
		load(offsetof(struct seccomp_data, args) + guard->arg * sizeof(uint64_t));
	for (i = 0; i < count; i++) {
		size_t to_answer = count - i - 1, past_answer = count - i;

		if (guard->unless)
			*out++ = jump(BPF_JEQ, guard->values[i], past_answer, 0);
		else
			*out++ = jump(BPF_JEQ, guard->values[i], to_answer,
				      i + 1 < count ? 0 : 1);
	}
	*out++ = answer(guard->action);
	*out++ = load(offsetof(struct seccomp_data, nr));
	return out;
}

static int put_prelude(struct sock_filter *out, const struct tl_filter_policy *policy,
		       char why[TL_FILTER_WHY])
{
	size_t i, n;

	/* x32 calls have the architecture of x86_64 and numbers that are unknown here. */
	*out++ = load(offsetof(struct seccomp_data, arch));
	*out++ = jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
	*out++ = answer(policy->bad_arch);
	*out++ = load(offsetof(struct seccomp_data, nr));
	*out++ = jump(BPF_JGE, first_unknown(), 0, 1);
	*out++ = answer(policy->unknown);
	for (i = 0; i < policy->guard_count; i++) {
		const struct tl_filter_guard *guard = &policy->guards[i];

		for (n = 0; n < guard->name_count; n++) {
			int number = tl_filter_number(guard->names[n]);

			if (number < 0)
				return fail(why, -ENOENT, "there is no system call",
					    guard->names[n]);
			out = put_guard(out, guard, (uint32_t)number);
		}
	}
	return 0;
}

/* libseccomp 2.5 can export to a descriptor only. */
int tl_filter_export(void *context, struct sock_filter **prog, size_t before)
{
	int fd = memfd_create("tidelock-filter", MFD_CLOEXEC), result;
	struct sock_filter *program;
	struct stat stat;
	ssize_t length;

	*prog = NULL;
	if (fd < 0)
		return -errno;
	result = seccomp_export_bpf(context, fd);
	if (result < 0)
		goto out;
	if (fstat(fd, &stat) < 0) {
		result = -errno;
		goto out;
	}
	result = -ENOMEM;
	program = calloc(before + (size_t)stat.st_size / sizeof(*program),
			 sizeof(*program));
	if (!program)
		goto out;
	length = pread(fd, program + before, (size_t)stat.st_size, 0);
	if (length != stat.st_size) {
		result = -EIO;
		free(program);
		goto out;
	}
	*prog = program;
	result = (int)((size_t)length / sizeof(*program));
out:
	close(fd);
	return result;
}

static int join(scmp_filter_ctx context, const struct tl_filter_policy *policy,
		struct sock_filter **prog, char why[TL_FILTER_WHY])
{
	size_t before = prelude_size(policy), total, index;
	const char *reason;
	int tree = tl_filter_export(context, prog, before), result;

	if (!*prog)
		return fail(why, tree, "libseccomp cannot write the filter", NULL);
	total = before + (size_t)tree;
	result = put_prelude(*prog, policy, why);
	if (result == 0 && tl_bpf_check(*prog, total, &index, &reason) < 0) {
		snprintf(why, TL_FILTER_WHY,
			 "the filter is not valid: instruction %zu %s", index, reason);
		result = -EINVAL;
	}
	if (result < 0) {
		free(*prog);
		*prog = NULL;
		return result;
	}
	return (int)total;
}

int tl_filter_compile(const struct tl_filter_policy *policy, struct sock_filter **prog,
		      char why[TL_FILTER_WHY])
{
	scmp_filter_ctx context = seccomp_init(policy->otherwise);
	int result;

	*prog = NULL;
	why[0] = '\0';
	if (!context)
		return fail(why, -EINVAL, "libseccomp cannot start a filter", NULL);
	result = build_tree(context, policy, why);
	if (result == 0)
		result = join(context, policy, prog, why);
	seccomp_release(context);
	return result;
}
