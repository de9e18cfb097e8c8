/*
 * The packed plan: a header, records of 32 bytes, an arena of strings, and nothing that points.
 *
 * Layer: plan (included by everyone, includes nothing of ours). Child-safe: freestanding, no
 * allocation, no system call. Owns no descriptor; a slot names one that the launcher or an
 * operation opened, and stands in init at descriptor TL_FD_SLOT0 + slot.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TL_PLAN_MAGIC 0x314e414c504c4454ull /* "TDLPLAN1", little endian */
#define TL_PLAN_VERSION 2
#define TL_PLAN_MAX_OPS 4096
#define TL_PLAN_MAX_SLOTS 960
#define TL_PLAN_MAX_SIZE (16u << 20)
#define TL_PLAN_MAX_FD 1023

/*
 * init is born with one descriptor beyond 0 to 2, a socket. Over it come, TL_LINK_FILES in a
 * message, the plan, the shared page and the inherited slots, which init puts at TL_FD_SLOT0 and on.
 * So many fit below the socket's number, where nothing else is open.
 */
enum {
	TL_LINK_FILES = 7,
	TL_FD_LINK = 10, /* end of file: the supervisor is gone */
	TL_FD_SLOT0 = 16,
};

enum tl_lane { TL_HOST = 1, TL_PARENT = 2, TL_CHILD = 4, TL_BESIDE = 8 };

enum tl_stage {
	TL_STAGE_PREPARE,
	TL_STAGE_CREATED,
	TL_STAGE_MOUNTS,
	TL_STAGE_ROOT,
	TL_STAGE_CONFINE,
	TL_STAGE_STARTED,
	TL_STAGE_STOPPED,
	TL_STAGE_COUNT,
};

/* How a record's words are to be read. A field of two words is low word, high word. */
enum tl_field_type {
	TL_TYPE_u32 = 'u',
	TL_TYPE_i32 = 'i',
	TL_TYPE_u64 = 'U',
	TL_TYPE_str = 's', /* arena offset of a string that ends in NUL, not empty */
	TL_TYPE_ostr = 'o', /* the same, or 0: none */
	TL_TYPE_path = 'p', /* a string that starts with a slash, shorter than PATH_MAX */
	TL_TYPE_blob = 'b', /* offset and size in bytes, the offset a multiple of 8 */
	TL_TYPE_args = 'a', /* offset and size of strings, each ending in NUL */
	TL_TYPE_ids = 'g', /* offset and size of uint32_t, the offset a multiple of 8 */
	TL_TYPE_slot = 'l', /* a slot that is open by then */
	TL_TYPE_newslot = 'n', /* a slot that this operation opens */
};

struct tl_u64 {
	uint32_t low, high;
};

struct tl_span {
	uint32_t offset, size;
};

struct tl_record {
	uint16_t code;
	uint8_t lane;
	uint8_t stage;
	uint32_t origin; /* index into the caller's list of origins; never read by init */
	uint32_t word[6];
};

struct tl_plan {
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of the whole plan, header included, in bytes */
	uint32_t count;
	uint32_t arena; /* offset from the start of the plan */
	uint32_t given; /* the slots that the caller hands in */
	uint32_t
		inherited; /* those and the slots of the host lane: open in init from the start */
	uint32_t slots;
	uint32_t reserved[7];
};

_Static_assert(sizeof(struct tl_record) == 32, "a record is 32 bytes");
_Static_assert(sizeof(struct tl_plan) == 64, "the header is 64 bytes");

#define TL_C_u32 uint32_t
#define TL_C_i32 int32_t
#define TL_C_u64 struct tl_u64
#define TL_C_str uint32_t
#define TL_C_ostr uint32_t
#define TL_C_path uint32_t
#define TL_C_blob struct tl_span
#define TL_C_args struct tl_span
#define TL_C_ids struct tl_span
#define TL_C_slot uint32_t
#define TL_C_newslot uint32_t

/* One packed struct for each operation: struct tl_op_mount and so on. */
#define TL_F(type, name) TL_C_##type name;
#define TL_OP(name, lanes, undo, calls, story, fields) \
	struct tl_op_##name { \
		uint16_t code; \
		uint8_t lane; \
		uint8_t stage; \
		uint32_t origin; \
		fields \
	}; \
	_Static_assert(sizeof(struct tl_op_##name) <= sizeof(struct tl_record), #name);
#define TL_INIT_OP TL_OP
#include "ops.def"
#undef TL_OP
#undef TL_F

enum tl_code {
#define TL_OP(name, lanes, undo, calls, story, fields) TL_OP_##name,
#include "ops.def"
#undef TL_OP
	TL_OP_COUNT
};
#undef TL_INIT_OP

enum tl_undo { TL_UNDO_none, TL_UNDO_close, TL_UNDO_kill, TL_UNDO_hook, TL_UNDO_remove };

struct tl_op_info {
	const char *name;
	const char *calls;
	const char *story;
	const char *types; /* one enum tl_field_type for each field */
	const char *fields; /* the names, each followed by a space */
	uint8_t lanes;
	uint8_t undo;
};

/* Values of open_path's `expect`. */
enum { TL_EXPECT_ANY, TL_EXPECT_DIR, TL_EXPECT_FILE, TL_EXPECT_CHAR, TL_EXPECT_COUNT };
/* Values of write_map's `kind`. */
enum { TL_MAP_UID, TL_MAP_GID, TL_MAP_COUNT };

/* Values of limit_cgroup's `optional`: the file must be there, need not, or it or the one before. */
enum { TL_MUST_HAVE, TL_MAY_LACK, TL_OR_THE_LAST, TL_OPTIONAL_COUNT };

/* Words that a field of this type takes, 0 for an unknown type. */
static inline unsigned tl_type_words(char type)
{
	switch (type) {
	case TL_TYPE_u64:
	case TL_TYPE_blob:
	case TL_TYPE_args:
	case TL_TYPE_ids:
		return 2;
	case TL_TYPE_u32:
	case TL_TYPE_i32:
	case TL_TYPE_str:
	case TL_TYPE_ostr:
	case TL_TYPE_path:
	case TL_TYPE_slot:
	case TL_TYPE_newslot:
		return 1;
	default:
		return 0;
	}
}

static inline uint64_t tl_u64_value(struct tl_u64 v)
{
	return (uint64_t)v.high << 32 | v.low;
}

static inline const struct tl_record *tl_plan_ops(const struct tl_plan *plan)
{
	return (const struct tl_record *)(plan + 1);
}

static inline const char *tl_plan_at(const struct tl_plan *plan, uint32_t offset)
{
	return (const char *)plan + plan->arena + offset;
}

/* The field types of an operation, by code; the only table that init carries. */
extern const char *const tl_op_types[TL_OP_COUNT];
extern const uint8_t tl_op_lanes[TL_OP_COUNT];

/*
 * Is this a plan that may be carried out? Every offset, count, slot and order is checked, so that
 * the launcher and init follow it without a check of their own. Returns 0, or -1 with *index the
 * operation (or TL_NO_OP for the header) and *why a phrase.
 */
int tl_plan_check(const void *bytes, size_t size, unsigned *index, const char **why);

#define TL_NO_OP 0xffffffffu

/*
 * The page that launcher and init share. The launcher treats it as written by an enemy: it copies
 * a value once and bounds it before use.
 */
struct tl_span_time {
	uint64_t start,
		end; /* time-stamp counter: readable where no system call may be made */
};

struct tl_usage {
	uint64_t user, system; /* in us */
	uint64_t max_rss; /* of the largest process, in bytes; 0: unknown */
	uint64_t minor_faults, major_faults;
	uint64_t voluntary_switches, involuntary_switches;
};

enum { TL_PAGE_WAITED = 1, TL_PAGE_EXEC = 2 };

/* What happens between the operations, by the time-stamp counter; 0: it did not. */
enum tl_moment {
	TL_MOMENT_CLONE, /* clone3 is called */
	TL_MOMENT_BORN, /* the first instruction of the child, before its exec */
	/* init tells these in the page. */
	TL_MOMENT_INIT, /* the first instruction of init */
	TL_MOMENT_READY, /* plan, page and slots are there and checked */
	TL_MOMENT_REAPED, /* PID 1 has seen the end of the workload */
	TL_MOMENT_TOLD, /* whatever else there was is gone; the supervisor is told */
	TL_MOMENT_COUNT,
};

struct tl_page {
	/* One word, so that of two processes that fail the first is told, and nothing of the other. */
	union {
		struct {
			/* Of the operation; the plan's count: init could not begin. */
			uint32_t fault_index;
			int32_t fault_errno;
		};
		uint64_t fault;
	};
	uint32_t
		fault_detail; /* the number of the system call that failed, 0 if it was none */
	uint32_t state;
	int32_t wait_status; /* of the workload, as wait(2) gives it */
	int32_t entered; /* the pid of what the helper cloned into the box, 0 before */
	uint32_t
		no_routes; /* sends refused for want of a route, counted by the namespace */
	struct tl_usage usage; /* of the workload and all that was reaped */
	uint64_t moments[TL_MOMENT_COUNT]; /* from TL_MOMENT_INIT on */
	struct tl_span_time times[];
};
