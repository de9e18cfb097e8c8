/*
 * Inside the JSON parser: what its two files share. json_scan.c reads strings, numbers and words,
 * json.c what is made of them. Layer: core/host, the parser's own.
 */
#pragma once

#include "json.h"

/* Where the parser is inside one object or list: all of them together are the path. */
struct tl_json_frame {
	uint32_t key; /* the node, 0 before the first */
	uint32_t index;
	bool list;
};

struct tl_json_parser {
	struct tl_json *doc;
	const unsigned char *start, *at, *end;
	const char *const *raw;
	size_t raw_count;
	unsigned int depth;
	struct tl_json_frame frames[TL_JSON_DEPTH];
	struct tl_json_error *error;
};

static inline int tl_json_peek(const struct tl_json_parser *p)
{
	return p->at < p->end ? *p->at : -1;
}

static inline uint32_t tl_json_offset(const struct tl_json_parser *p)
{
	return (uint32_t)(p->at - p->start);
}

/* -EINVAL with the error at p->at: what is wrong there, or what should be there instead. */
int tl_json_fail(struct tl_json_parser *p, const char *why);
int tl_json_expected(struct tl_json_parser *p, const char *what);

/* Fill in where the error is, once it says why; -EINVAL. */
int tl_json_locate(struct tl_json_parser *p);

/* A new node for the value that starts at p->at, or -ENOMEM; then its end, at p->at. */
int tl_json_add(struct tl_json_parser *p, enum tl_json_type type);
void tl_json_end(struct tl_json_parser *p, uint32_t node);

/* These leave p->at after the value and return its node, or -errno. */
int tl_json_scan_string(struct tl_json_parser *p);
int tl_json_scan_number(struct tl_json_parser *p);
int tl_json_scan_word(struct tl_json_parser *p, const char *word, enum tl_json_type type);
