#include "device_filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/fd.h"

#define NAME "tidelock_dev" /* by which ours are known; BPF_OBJ_NAME_LEN is 16 */
#define PROGRAMS 64 /* BPF_CGROUP_MAX_PROGS: so many can one cgroup have */
#define TRIES 5
#define LOG_SIZE 65536u
#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define MAJORS 4096 /* 12 and 20 bits: kdev_t.h */
#define MINOR_BITS 20

/* Where a jump leads that is not known yet. */
#define HIT (-1)

/* What the program holds where; R1 is its argument. */
enum { RESULT = BPF_REG_0, ACCESS = BPF_REG_2, SCRATCH = BPF_REG_3, DEVICE = BPF_REG_4 };

struct emitter {
	struct bpf_insn *insns;
	size_t count, max;
};

static void emit(struct emitter *e, uint8_t code, uint8_t to, uint8_t from, int16_t off,
		 int32_t imm)
{
	if (e->count < e->max)
		e->insns[e->count] = (struct bpf_insn){ .code = code,
							.dst_reg = to,
							.src_reg = from,
							.off = off,
							.imm = imm };
	e->count++;
}

static void load_field(struct emitter *e, uint8_t to, size_t offset)
{
	emit(e, BPF_LDX | BPF_W | BPF_MEM, to, BPF_REG_1, (int16_t)offset, 0);
}

/* 32 bits wide: the upper half becomes 0. */
static void compute(struct emitter *e, uint8_t operation, uint8_t to, uint32_t value)
{
	emit(e, BPF_ALU | operation | BPF_K, to, 0, 0, (int32_t)value);
}

static void combine(struct emitter *e, uint8_t operation, uint8_t to, uint8_t from)
{
	emit(e, BPF_ALU | operation | BPF_X, to, from, 0, 0);
}

static void jump(struct emitter *e, uint8_t condition, uint8_t of, int16_t to,
		 uint32_t value)
{
	emit(e, BPF_JMP | condition | BPF_K, of, 0, to, (int32_t)value);
}

static void answer(struct emitter *e, bool allow)
{
	emit(e, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, allow);
	emit(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* ACCESS = access << 16 | type, as the kernel has it; DEVICE = major << 20 | minor. */
static void emit_start(struct emitter *e)
{
	load_field(e, ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	load_field(e, DEVICE, offsetof(struct bpf_cgroup_dev_ctx, major));
	load_field(e, SCRATCH, offsetof(struct bpf_cgroup_dev_ctx, minor));
	compute(e, BPF_LSH, DEVICE, MINOR_BITS);
	combine(e, BPF_OR, DEVICE, SCRATCH);
}

/* RESULT |= what of the device's number is other than the rule's. */
static void emit_device(struct emitter *e, const struct tl_device_rule *rule)
{
	const uint32_t minors = (1u << MINOR_BITS) - 1;
	uint32_t number = 0, mask = 0;

	if (rule->major != TL_DEVICE_ANY) {
		number |= (uint32_t)rule->major << MINOR_BITS;
		mask |= ~minors;
	}
	if (rule->minor != TL_DEVICE_ANY) {
		number |= (uint32_t)rule->minor;
		mask |= minors;
	}
	if (!mask)
		return;
	combine(e, BPF_MOV, SCRATCH, DEVICE);
	compute(e, BPF_XOR, SCRATCH, number);
	if (~mask)
		compute(e, BPF_AND, SCRATCH, mask);
	combine(e, BPF_OR, RESULT, SCRATCH);
}

/*
 * One jump for all that is compared: with one for each the verifier, which follows both ways of
 * every jump and remembers what it has learned there, takes five times as long for the rules that a
 * container usually has, and for many of them the square of that.
 */
static void emit_rule(struct emitter *e, bool allow, const struct tl_device_rule *rule)
{
	/* What is asked for and not in the rule counts where the rule has to cover all of it. */
	uint32_t outside = allow ? 0 : (uint32_t)(ACCESS_ALL & ~rule->access) << 16;

	combine(e, BPF_MOV, RESULT, ACCESS);
	compute(e, BPF_XOR, RESULT, rule->type);
	compute(e, BPF_AND, RESULT, outside | 0xffff);
	emit_device(e, rule);
	if (!allow) {
		jump(e, BPF_JEQ, RESULT, HIT, 0);
		return;
	}
	jump(e, BPF_JNE, RESULT, 1, 0);
	jump(e, BPF_JSET, ACCESS, HIT, (uint32_t)rule->access << 16);
}

static bool rule_is_good(const struct tl_device_rule *rule)
{
	return (rule->type == BPF_DEVCG_DEV_BLOCK || rule->type == BPF_DEVCG_DEV_CHAR) &&
		rule->access && !(rule->access & ~ACCESS_ALL) &&
		rule->major >= TL_DEVICE_ANY && rule->major < MAJORS &&
		rule->minor >= TL_DEVICE_ANY && rule->minor < 1 << MINOR_BITS;
}

int tl_device_filter_compile(bool allow, const struct tl_device_rule *rules, size_t count,
			     struct bpf_insn *insns, size_t max)
{
	struct emitter e = { .insns = insns, .max = max };
	size_t hit;

	if (count > TL_DEVICE_RULES)
		return -E2BIG;
	emit_start(&e);
	for (size_t i = 0; i < count; i++) {
		if (!rule_is_good(&rules[i]))
			return -EINVAL;
		emit_rule(&e, allow, &rules[i]);
	}
	answer(&e, allow);
	hit = e.count;
	/* The verifier takes no instruction that nothing leads to. */
	if (count)
		answer(&e, !allow);
	if (e.count > max)
		return -E2BIG;
	for (size_t i = 0; i < hit; i++)
		if (insns[i].off == HIT)
			insns[i].off = (int16_t)(hit - i - 1);
	return (int)e.count;
}

/* A number below `limit`, or "*"; returns what follows, NULL where it is none. */
static const char *parse_number(const char *text, int32_t *number, int32_t limit)
{
	int32_t value = 0;

	*number = TL_DEVICE_ANY;
	if (*text == '*')
		return text + 1;
	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		value = value * 10 + (*text - '0');
		if (value >= limit)
			return NULL;
	}
	*number = value;
	return text;
}

int tl_device_rule_parse(const char *text, struct tl_device_rule *rule)
{
	static const char letters[] = "mrw"; /* in the order of their bits */

	*rule = (struct tl_device_rule){ .type = 0 };
	if ((*text != 'b' && *text != 'c') || text[1] != ' ')
		return -EINVAL;
	rule->type = *text == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
	text = parse_number(text + 2, &rule->major, MAJORS);
	if (!text || *text != ':')
		return -EINVAL;
	text = parse_number(text + 1, &rule->minor, 1 << MINOR_BITS);
	if (!text || *text != ' ' || !text[1])
		return -EINVAL;
	while (*++text) {
		const char *letter = strchr(letters, *text);

		if (!letter || rule->access & 1u << (letter - letters))
			return -EINVAL;
		rule->access |= (uint8_t)(1u << (letter - letters));
	}
	return 0;
}

int tl_device_filter_compile_text(bool allow, const char *text, size_t size,
				  struct bpf_insn insns[TL_DEVICE_INSNS])
{
	struct tl_device_rule rules[TL_DEVICE_RULES];
	size_t count = 0;

	for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
		if (count == TL_DEVICE_RULES)
			return -E2BIG;
		if (tl_device_rule_parse(text + at, &rules[count++]) < 0)
			return -EINVAL;
	}
	return tl_device_filter_compile(allow, rules, count, insns, TL_DEVICE_INSNS);
}

static int call_bpf(int command, union bpf_attr *attr)
{
	int ret = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

/* A signal that waits stops the verifier: EAGAIN. */
static int load(const struct bpf_insn *insns, size_t count, char *log, uint32_t size)
{
	int ret = -EAGAIN;

	for (int i = 0; i < TRIES && ret == -EAGAIN; i++) {
		union bpf_attr attr;

		memset(&attr, 0, sizeof(attr));
		attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
		attr.insns = (uint64_t)(uintptr_t)insns;
		attr.insn_cnt = (uint32_t)count;
		attr.license = (uint64_t)(uintptr_t) "MIT";
		attr.log_buf = (uint64_t)(uintptr_t)log;
		attr.log_size = size;
		attr.log_level = log ? 1 : 0;
		memcpy(attr.prog_name, NAME, sizeof(NAME));
		ret = call_bpf(BPF_PROG_LOAD, &attr);
	}
	return ret;
}

/* The last line that says something: after it comes how many instructions were looked at. */
static void last_line(char *log, char *why, size_t room)
{
	char *save, *line;

	for (line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "processed ", 10) != 0)
			snprintf(why, room, "%s", line);
}

int tl_device_filter_load(const struct bpf_insn *insns, size_t count, char *why,
			  size_t room)
{
	int ret = load(insns, count, NULL, 0), again;
	char *log;

	if (room)
		*why = '\0';
	/* What the verifier has a word on. */
	if (!room || (ret != -EINVAL && ret != -EACCES && ret != -E2BIG))
		return ret;
	log = calloc(1, LOG_SIZE);
	if (!log)
		return ret;
	again = load(insns, count, log, LOG_SIZE);
	/* Of a log that was too long the end is missing. */
	if (again < 0 && again != -ENOSPC)
		last_line(log, why, room);
	free(log);
	return again >= 0 ? again : ret;
}

static int attach(int cgroup, int program, int old)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI | (old < 0 ? 0 : BPF_F_REPLACE);
	attr.replace_bpf_fd = old < 0 ? 0 : (uint32_t)old;
	return call_bpf(BPF_PROG_ATTACH, &attr);
}

int tl_device_filter_attach(int cgroup, int program)
{
	return attach(cgroup, program, -1);
}

static int detach(int cgroup, int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return call_bpf(BPF_PROG_DETACH, &attr);
}

static bool is_ours(int program)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 &&
		strncmp(info.name, NAME, sizeof(info.name)) == 0;
}

/* Descriptors of what is attached to this very cgroup and is ours; returns how many, or -errno. */
static int find_ours(int cgroup, int programs[PROGRAMS])
{
	uint32_t ids[PROGRAMS] = { 0 };
	union bpf_attr attr;
	int count = 0, ret;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = PROGRAMS;
	ret = call_bpf(BPF_PROG_QUERY, &attr);
	for (uint32_t i = 0, n = attr.query.prog_cnt; ret >= 0 && i < n; i++) {
		memset(&attr, 0, sizeof(attr));
		attr.prog_id = ids[i];
		programs[count] = call_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
		/* Another's may be detached, and gone, in between. */
		if (programs[count] < 0 && programs[count] != -ENOENT)
			ret = programs[count];
		else if (programs[count] >= 0 && !is_ours(programs[count]))
			close(programs[count]);
		else
			count += programs[count] >= 0;
	}
	while (ret < 0 && count > 0)
		close(programs[--count]);
	return ret < 0 ? ret : count;
}

/* Detach and close them; returns how many, or what failed first. */
static int drop(int cgroup, const int *programs, int count)
{
	int failed = 0;

	for (int i = 0; i < count; i++) {
		int ret = detach(cgroup, programs[i]);

		failed = failed ? failed : ret;
		close(programs[i]);
	}
	return failed < 0 ? failed : count;
}

int tl_device_filter_replace(int cgroup, int program)
{
	int programs[PROGRAMS], count = find_ours(cgroup, programs), first = 0, ret;

	if (count < 0)
		return count;
	ret = count ? attach(cgroup, program, programs[0]) : -EINVAL;
	if (ret == 0) {
		first = 1;
		close(programs[0]);
	} else {
		/* There is none, or the kernel knows no BPF_F_REPLACE. */
		ret = attach(cgroup, program, -1);
	}
	if (ret < 0) {
		while (count > 0)
			close(programs[--count]);
		return ret;
	}
	ret = drop(cgroup, programs + first, count - first);
	return ret < 0 ? ret : 0;
}

int tl_device_filter_detach(int cgroup)
{
	int programs[PROGRAMS], count = find_ours(cgroup, programs);

	return count < 0 ? count : drop(cgroup, programs, count);
}

int tl_device_filter_apply(int cgroup, bool allow, const char *text, size_t size,
			   char *why, size_t room, long *call)
{
	struct bpf_insn insns[TL_DEVICE_INSNS];
	int count = tl_device_filter_compile_text(allow, text, size, insns);
	autoclose int program = -1;

	*call = 0;
	if (room)
		*why = '\0';
	if (count < 0)
		return count;
	*call = SYS_bpf;
	program = tl_device_filter_load(insns, (size_t)count, why, room);
	return program < 0 ? program : tl_device_filter_attach(cgroup, program);
}
