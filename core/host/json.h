/*
 * A strict JSON parser (RFC 8259): text becomes a flat array of nodes in the order of the text.
 *
 * Layer: core/host (allocates); knows nothing of Lua. Child safety: parent only. No descriptors.
 * Hostile text: any bytes may be given, and nothing outside them is read; depth, size and the
 * length of a number are bounded. The text must outlive the document, which points into it.
 *
 * Stricter than the RFC asks for, because the values end up in the kernel: a key twice in one
 * object, a NUL in a string, a lone surrogate and a byte order mark are refused.
 *
 * The node of an object or a list is followed by its children (in an object: key, value, key,
 * value ...), and `next` leads past them:
 *
 *	for (i = object + 1; i < nodes[object].next; i = nodes[i + 1].next)
 *		... nodes[i] is the key, nodes[i + 1] the value ...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TL_JSON_DEPTH 64
#define TL_JSON_SIZE (16u << 20)
#define TL_JSON_DIGITS 128 /* characters of one number */
#define TL_JSON_WHY 192
#define TL_JSON_PATH 256

enum tl_json_type {
	TL_JSON_NULL,
	TL_JSON_FALSE,
	TL_JSON_TRUE,
	TL_JSON_INTEGER, /* neither a fraction nor an exponent */
	TL_JSON_NUMBER,
	TL_JSON_STRING,
	TL_JSON_LIST,
	TL_JSON_OBJECT,
	TL_JSON_RAW, /* a value at a raw path: checked, without nodes of its own */
};

struct tl_json_node {
	uint8_t type;
	bool escaped; /* a string whose characters are in the document's arena */
	uint32_t at; /* of the value in the text */
	uint32_t end;
	uint32_t next; /* the node after this value */
	uint32_t from; /* a string's first character, in the arena or in the text */
	uint32_t size; /* a string's bytes; the members of an object or a list */
};

struct tl_json {
	const char *text;
	struct tl_json_node *nodes; /* [0] is the whole value */
	uint32_t count;
	uint32_t room;
	char *arena;
	uint32_t arena_used;
};

struct tl_json_error {
	uint32_t line, column; /* from 1; columns count characters */
	char why[TL_JSON_WHY];
	char path
		[TL_JSON_PATH]; /* linux.resources.memory, mounts[0].options; "" at the top */
};

/* Parse all of the text. `raw` has paths of object keys, "linux.seccomp". 0, -EINVAL with *error
 * filled in, or -ENOMEM. The document is to be freed in any case. */
int tl_json_parse(struct tl_json *doc, const char *text, size_t size,
		  const char *const *raw, size_t raw_count, struct tl_json_error *error);

/* What the document owns; it may be freed twice. */
void tl_json_free(struct tl_json *doc);

/* The characters of a string or a key: they end by *size, not by a NUL. */
const char *tl_json_string(const struct tl_json *doc, uint32_t node, size_t *size);

/* Is it a string, and this one? */
bool tl_json_is(const struct tl_json *doc, uint32_t node, const char *string);

/* An integer from 0 to 2^64 - 1, or -EINVAL. */
int tl_json_u64(const struct tl_json *doc, uint32_t node, uint64_t *value);

/* The nearest double of an integer or a number, whatever the locale. */
double tl_json_double(const struct tl_json *doc, uint32_t node);
