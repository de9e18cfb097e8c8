#include "plan.h"

#include <stdbool.h>

/* The kernel's flags are spelled out: this file is part of init and includes no system header. */
#define CLONE_NEW_ALL 0x7e020080u
#define MOUNT_ATTRS 0x002000ffu
#define PROPAGATIONS \
	0x001e0000u /* one of unbindable, private, slave, shared; 0: as it is */
#define TYPE_MASK 0170000u
#define PATH_LIMIT 4096u

#define TL_INIT_OP TL_OP
const char *const tl_op_types[TL_OP_COUNT] = {
#define STRING_OF(type) TYPE_##type
#define TYPE_u32 "u"
#define TYPE_i32 "i"
#define TYPE_u64 "U"
#define TYPE_str "s"
#define TYPE_ostr "o"
#define TYPE_path "p"
#define TYPE_blob "b"
#define TYPE_args "a"
#define TYPE_ids "g"
#define TYPE_slot "l"
#define TYPE_newslot "n"
#define TL_F(type, name) STRING_OF(type)
#define TL_OP(name, lanes, undo, calls, story, fields) [TL_OP_##name] = "" fields,
#include "ops.def"
#undef TL_OP
#undef TL_F
};

const uint8_t tl_op_lanes[TL_OP_COUNT] = {
#define TL_OP(name, lanes, undo, calls, story, fields) [TL_OP_##name] = (lanes),
#include "ops.def"
#undef TL_OP
};
#undef TL_INIT_OP

struct check {
	const struct tl_plan *plan;
	uint32_t arena_size;
	uint32_t last_id; /* of a rendezvous */
	bool cloned, joined, entered, rooted, pivoted, proc, forked, beside, filtered,
		ended;
	uint8_t open[TL_PLAN_MAX_SLOTS / 8];
	const char *why;
};

static bool fail(struct check *c, const char *why)
{
	c->why = why;
	return false;
}

static bool check_string(struct check *c, uint32_t offset, char type)
{
	const char *s;
	uint32_t n = 0;

	if (offset == 0)
		return type == TL_TYPE_ostr || fail(c, "a string is missing");
	if (offset >= c->arena_size)
		return fail(c, "a string lies outside the arena");
	s = tl_plan_at(c->plan, offset);
	/* The arena's last byte is NUL (checked with the header), so this ends inside it. */
	while (s[n])
		n++;
	if (n == 0)
		return fail(c, "a string is empty");
	if (type == TL_TYPE_path && s[0] != '/')
		return fail(c, "a path does not start with a slash");
	if (type == TL_TYPE_path && n >= PATH_LIMIT)
		return fail(c, "a path is longer than PATH_MAX");
	return true;
}

static bool check_span(struct check *c, uint32_t offset, uint32_t size, char type)
{
	if (offset > c->arena_size || size > c->arena_size - offset)
		return fail(c, "a block lies outside the arena");
	if (type == TL_TYPE_args)
		return (size > 0 && tl_plan_at(c->plan, offset)[size - 1] == '\0') ||
			size == 0 || fail(c, "a list of strings does not end in NUL");
	if (offset % 8 || (type == TL_TYPE_ids && size % 4))
		return fail(c, "a block is not aligned");
	return true;
}

static bool slot_is_open(const struct check *c, uint32_t slot)
{
	return c->open[slot / 8] & (1u << slot % 8);
}

static bool check_slot(struct check *c, uint32_t slot, const struct tl_record *r,
		       char type)
{
	const struct tl_plan *p = c->plan;

	if (slot >= p->slots)
		return fail(c, "a slot is out of range");
	if (type == TL_TYPE_slot) {
		if (!slot_is_open(c, slot))
			return fail(c, "a slot is used before it is opened");
		if (r->lane == TL_PARENT && slot >= p->inherited)
			return fail(c, "the parent has no such slot");
		return true;
	}
	if (slot_is_open(c, slot))
		return fail(c, "a slot is opened twice");
	if ((r->lane == TL_CHILD || r->lane == TL_BESIDE) != (slot >= p->inherited))
		return fail(c, "a slot is opened in the wrong lane");
	c->open[slot / 8] |= (uint8_t)(1u << slot % 8);
	return true;
}

static bool check_fields(struct check *c, const struct tl_record *r)
{
	const char *type = tl_op_types[r->code];
	unsigned w = 0;

	for (; *type; type++) {
		uint32_t value = r->word[w];
		bool good = true;

		switch (*type) {
		case TL_TYPE_str:
		case TL_TYPE_ostr:
		case TL_TYPE_path:
			good = check_string(c, value, *type);
			break;
		case TL_TYPE_blob:
		case TL_TYPE_args:
		case TL_TYPE_ids:
			good = check_span(c, value, r->word[w + 1], *type);
			break;
		case TL_TYPE_slot:
		case TL_TYPE_newslot:
			good = check_slot(c, value, r, *type);
			break;
		default:
			break;
		}
		if (!good)
			return false;
		w += tl_type_words(*type);
	}
	for (; w < 6; w++)
		if (r->word[w])
			return fail(c, "a word that has no field is set");
	return true;
}

/* The one order that makes sense: host, clone, child and parent, fork, filter, exec. */
static bool check_order(struct check *c, const struct tl_record *r)
{
	if (r->lane == TL_HOST && c->cloned)
		return fail(c, "a host operation comes after the clone");
	if (r->lane != TL_HOST && !c->cloned)
		return fail(c, "an operation comes before the clone");
	if (c->ended)
		return fail(c, "an operation comes after the end");
	if (c->filtered && r->code != TL_OP_exec)
		return fail(c, "an operation stands between the filter and exec");
	if (r->lane == TL_BESIDE && !c->forked)
		return fail(c, "PID 1 has no lane of its own before the fork");
	c->beside |= r->lane == TL_BESIDE;
	switch (r->code) {
	case TL_OP_clone:
		c->cloned = true;
		break;
	case TL_OP_fork:
		if (c->forked)
			return fail(c, "init forks twice");
		c->forked = true;
		break;
	case TL_OP_settle:
		if (!c->forked)
			return fail(c, "there is no PID 1 to wait for");
		c->beside = false;
		break;
	case TL_OP_hold:
		if (c->forked)
			return fail(c, "only PID 1 holds a box open");
		c->ended = true;
		break;
	case TL_OP_leave:
		c->ended = true;
		break;
	case TL_OP_seccomp:
	case TL_OP_exec:
		if (c->beside)
			return fail(c, "the workload does not wait for PID 1");
		c->filtered = true;
		c->ended = r->code == TL_OP_exec;
		break;
	default:
		break;
	}
	return true;
}

static bool check_root(struct check *c, const struct tl_record *r)
{
	switch (r->code) {
	case TL_OP_root_tmpfs:
	case TL_OP_root_tree:
		if (c->rooted)
			return fail(c, "the root is made twice");
		c->rooted = true;
		return true;
	case TL_OP_mkdir:
	case TL_OP_symlink:
	case TL_OP_mount:
	case TL_OP_bind:
	case TL_OP_overlay:
	case TL_OP_mask:
	case TL_OP_readonly:
	case TL_OP_mount_attr:
	case TL_OP_mknod:
	case TL_OP_seal_root:
		return c->rooted || fail(c, "there is no new root yet");
	case TL_OP_pivot:
		if (!c->rooted || c->pivoted)
			return fail(c, "there is no new root to pivot into");
		c->pivoted = true;
		return true;
	case TL_OP_detach_old:
	case TL_OP_hold:
	case TL_OP_open_pty:
	case TL_OP_console:
		return c->pivoted || fail(c, "the old root is still in place");
	case TL_OP_setns:
		c->joined = true;
		return true;
	case TL_OP_enter:
		if (!c->joined || c->entered || c->forked)
			return fail(c, "there is no box to enter");
		c->entered = true;
		return true;
	case TL_OP_open_file:
	case TL_OP_leave:
		return c->entered || fail(c, "no box has been entered");
	case TL_OP_chdir:
		return c->pivoted || c->entered ||
			fail(c, "the old root is still in place");
	case TL_OP_private_proc:
		c->proc = true;
		return true;
	case TL_OP_sysctl:
		return c->proc || fail(c, "there is no private procfs yet");
	case TL_OP_exec:
		return c->pivoted || c->entered ||
			fail(c, "exec would run in the old root");
	default:
		return true;
	}
}

static bool is_one_bit(uint32_t value)
{
	return value && !(value & (value - 1));
}

static bool check_node(struct check *c, const uint32_t *w)
{
	switch (w[1] & TYPE_MASK) {
	case 0010000: /* S_IFIFO */
	case 0020000: /* S_IFCHR */
	case 0060000: /* S_IFBLK */
		return (w[1] & ~TYPE_MASK) <= 0777 && w[2] < 1u << 12 && w[3] < 1u << 20
			? true
			: fail(c, "a device number or mode is out of range");
	default:
		return fail(c, "the node is no device");
	}
}

static bool check_rendezvous(struct check *c, const struct tl_record *r)
{
	if (r->lane != TL_CHILD || r->word[0] <= c->last_id)
		return fail(c, "the rendezvous are not in order");
	c->last_id = r->word[0];
	return true;
}

static bool check_cgroup(struct check *c, const struct tl_record *r)
{
	const uint32_t *w = r->word;

	switch (r->code) {
	case TL_OP_limit_cgroup:
		return w[3] < TL_OPTIONAL_COUNT ||
			fail(c, "whether the file must be there is unknown");
	case TL_OP_limit_devices:
		return w[1] <= 1 || fail(c, "devices are allowed, 1, or not, 0");
	default: /* give_cgroup */
		return (w[1] != ~0u && w[2] != ~0u) ||
			fail(c, "an id of -1 would leave the old one");
	}
}

static bool check_values(struct check *c, const struct tl_record *r)
{
	const uint32_t *w = r->word;

	switch (r->code) {
	case TL_OP_clone:
	case TL_OP_unshare:
		return (!w[1] && !(w[0] & ~CLONE_NEW_ALL)) ||
			fail(c, "a flag names no namespace");
	case TL_OP_setns:
		return (!w[2] && w[1] && !(w[1] & ~CLONE_NEW_ALL)) ||
			fail(c, "a flag names no namespace");
	case TL_OP_open_namespace:
		return (!w[3] && is_one_bit(w[2]) && !(w[2] & ~CLONE_NEW_ALL)) ||
			fail(c, "a flag names no namespace");
	case TL_OP_mount_attr:
		return (!((w[1] | w[2]) & ~MOUNT_ATTRS) && !(w[3] & ~PROPAGATIONS) &&
			(!w[3] || is_one_bit(w[3])) && w[4] <= 1) ||
			fail(c, "a mount attribute is unknown");
	case TL_OP_mknod:
		return check_node(c, w);
	case TL_OP_open_path:
		return w[2] < TL_EXPECT_COUNT || fail(c, "the expected type is unknown");
	case TL_OP_open_beneath:
		return (w[3] < TL_EXPECT_COUNT && w[4] <= 1) ||
			fail(c, "the expected type is unknown");
	case TL_OP_write_map:
		return (w[0] < TL_MAP_COUNT && w[2] <= 1) ||
			fail(c, "the kind of map is unknown");
	case TL_OP_root_tree:
		return (!(w[1] & ~MOUNT_ATTRS) && w[2] <= 1) ||
			fail(c, "a mount attribute is unknown");
	case TL_OP_idmap_mount:
		return !(w[2] & ~MOUNT_ATTRS) || fail(c, "a mount attribute is unknown");
	case TL_OP_bind:
		return (!(w[2] & ~MOUNT_ATTRS) && w[3] <= 1 && w[4] <= 1) ||
			fail(c, "a mount attribute is unknown");
	case TL_OP_limit_cgroup:
	case TL_OP_limit_devices:
	case TL_OP_give_cgroup:
		return check_cgroup(c, r);
	case TL_OP_setresuid:
	case TL_OP_setresgid:
		return w[0] != ~0u || fail(c, "an id of -1 would leave the old one");
	case TL_OP_dup:
		return w[1] <= TL_PLAN_MAX_FD || fail(c, "a descriptor is out of range");
	case TL_OP_barrier:
	case TL_OP_reach:
		return check_rendezvous(c, r);
	case TL_OP_enter:
	case TL_OP_open_file:
		return r->lane == TL_CHILD || fail(c, "the operation is the child's");
	case TL_OP_open_pty:
		return (w[0] && w[0] <= 0xffff && w[1] && w[1] <= 0xffff) ||
			fail(c, "a terminal has 1 to 65535 rows and columns");
	case TL_OP_seccomp:
		return (w[1] && w[1] % 8 == 0 && w[1] <= 4096 * 8) ||
			fail(c, "a filter has 1 to 4096 instructions of 8 bytes");
	case TL_OP_exec:
		return (w[1] && w[3]) || fail(c, "there is nothing to execute");
	default:
		return true;
	}
}

static bool check_header(struct check *c, size_t size)
{
	const struct tl_plan *p = c->plan;
	size_t ops_end;

	if (size < sizeof(*p) + 1)
		return fail(c, "the plan is shorter than its header");
	if (p->magic != TL_PLAN_MAGIC || p->version != TL_PLAN_VERSION)
		return fail(c, "this is not a plan of this version");
	if (p->size != size || size > TL_PLAN_MAX_SIZE)
		return fail(c, "the plan's size is wrong");
	if (p->count == 0 || p->count > TL_PLAN_MAX_OPS)
		return fail(c, "the number of operations is out of range");
	ops_end = sizeof(*p) + (size_t)p->count * sizeof(struct tl_record);
	if (p->arena != ops_end || p->arena >= size)
		return fail(c, "the arena is in the wrong place");
	if (((const char *)p)[size - 1] != '\0')
		return fail(c, "the arena does not end in NUL");
	if (p->given > p->inherited || p->inherited > p->slots ||
	    p->slots > TL_PLAN_MAX_SLOTS)
		return fail(c, "the number of slots is out of range");
	for (unsigned i = 0; i < 7; i++)
		if (p->reserved[i])
			return fail(c, "a reserved word is set");
	c->arena_size = (uint32_t)(size - p->arena);
	for (uint32_t slot = 0; slot < p->given; slot++)
		c->open[slot / 8] |= (uint8_t)(1u << slot % 8);
	return true;
}

static bool check_record(struct check *c, const struct tl_record *r)
{
	if (r->code >= TL_OP_COUNT)
		return fail(c, "the operation is unknown");
	if (r->lane != TL_HOST && r->lane != TL_PARENT && r->lane != TL_CHILD &&
	    r->lane != TL_BESIDE)
		return fail(c, "the lane is unknown");
	if (!(r->lane & tl_op_lanes[r->code]))
		return fail(c, "the operation does not belong in this lane");
	if (r->stage >= TL_STAGE_COUNT)
		return fail(c, "the stage is unknown");
	return check_fields(c, r) && check_order(c, r) && check_root(c, r) &&
		check_values(c, r);
}

int tl_plan_check(const void *bytes, size_t size, unsigned *index, const char **why)
{
	struct check c = { .plan = bytes };
	const struct tl_record *ops = tl_plan_ops(c.plan);

	*index = TL_NO_OP;
	if (!check_header(&c, size))
		goto refuse;
	for (unsigned i = 0; i < c.plan->count; i++) {
		*index = i;
		if (!check_record(&c, &ops[i]))
			goto refuse;
	}
	*index = TL_NO_OP;
	for (uint32_t slot = 0; slot < c.plan->inherited; slot++)
		if (!slot_is_open(&c, slot)) {
			c.why = "an inherited slot is never opened";
			goto refuse;
		}
	if (!c.ended) {
		c.why = "the plan comes to no end";
		goto refuse;
	}
	return 0;
refuse:
	*why = c.why;
	return -1;
}
