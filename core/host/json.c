#include "json_parser.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEW_MEMBERS 16

static int parse_value(struct tl_json_parser *p);

static bool is_plain_key(const char *key, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
			    key[i]))
			return false;
	return size > 0;
}

static void describe_path(const struct tl_json_parser *p, char path[TL_JSON_PATH])
{
	size_t used = 0;
	unsigned int d;

	path[0] = '\0';
	for (d = 0; d < p->depth && used < TL_JSON_PATH; d++) {
		const struct tl_json_frame *frame = &p->frames[d];
		const char *key;
		size_t size, left = TL_JSON_PATH - used;

		if (frame->list) {
			used += (size_t)snprintf(path + used, left, "[%u]", frame->index);
			continue;
		}
		if (!frame->key)
			break;
		key = tl_json_string(p->doc, frame->key, &size);
		if (is_plain_key(key, size))
			used += (size_t)snprintf(path + used, left, "%s%.*s",
						 d ? "." : "", (int)size, key);
		else
			used += (size_t)snprintf(path + used, left, "[\"%.*s\"]",
						 (int)size, key);
	}
}

/* The rest of the error, once why is known. The text before p->at is valid UTF-8. */
int tl_json_locate(struct tl_json_parser *p)
{
	const unsigned char *at;

	p->error->line = p->error->column = 1;
	for (at = p->start; at < p->at; at++) {
		if (*at == '\n') {
			p->error->line++;
			p->error->column = 1;
		} else if ((*at & 0xc0) != 0x80) {
			p->error->column++;
		}
	}
	describe_path(p, p->error->path);
	return -EINVAL;
}

int tl_json_fail(struct tl_json_parser *p, const char *why)
{
	snprintf(p->error->why, TL_JSON_WHY, "%s", why);
	return tl_json_locate(p);
}

int tl_json_expected(struct tl_json_parser *p, const char *what)
{
	bool comment = tl_json_peek(p) == '/';

	if (p->at == p->end)
		snprintf(p->error->why, TL_JSON_WHY, "the text ends where %s is expected",
			 what);
	else
		snprintf(p->error->why, TL_JSON_WHY, "%s is expected here%s", what,
			 comment ? ", and JSON has no comments" : "");
	return tl_json_locate(p);
}

static void skip_space(struct tl_json_parser *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
		p->at++;
}

static int enter(struct tl_json_parser *p, bool list)
{
	if (p->depth == TL_JSON_DEPTH)
		return tl_json_fail(p, "this is nested more than 64 deep");
	p->frames[p->depth++] = (struct tl_json_frame){ .list = list };
	p->at++;
	skip_space(p);
	return 0;
}

static void leave(struct tl_json_parser *p, uint32_t node, uint32_t members)
{
	p->depth--;
	p->at++;
	p->doc->nodes[node].size = members;
	tl_json_end(p, node);
}

static int parse_list(struct tl_json_parser *p)
{
	int node = tl_json_add(p, TL_JSON_LIST), result;
	uint32_t *index;

	if (node < 0)
		return node;
	result = enter(p, true);
	if (result < 0)
		return result;
	index = &p->frames[p->depth - 1].index;
	if (tl_json_peek(p) == ']') {
		leave(p, (uint32_t)node, 0);
		return node;
	}
	for (;; (*index)++) {
		result = parse_value(p);
		if (result < 0)
			return result;
		skip_space(p);
		if (tl_json_peek(p) == ']')
			break;
		if (tl_json_peek(p) != ',')
			return tl_json_expected(p, "a comma or ]");
		p->at++;
		skip_space(p);
		if (tl_json_peek(p) == ']')
			return tl_json_fail(
				p, "a comma must not be the last thing in a list");
	}
	leave(p, (uint32_t)node, *index + 1);
	return node;
}

static bool is_same_key(const struct tl_json *doc, uint32_t a, uint32_t b)
{
	size_t a_size, b_size;
	const char *a_key = tl_json_string(doc, a, &a_size);
	const char *b_key = tl_json_string(doc, b, &b_size);

	return a_size == b_size && memcmp(a_key, b_key, a_size) == 0;
}

static int compare_keys(const void *one, const void *other, void *context)
{
	const struct tl_json *doc = context;
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
	size_t a_size, b_size;
	const char *a_key = tl_json_string(doc, a, &a_size);
	const char *b_key = tl_json_string(doc, b, &b_size);
	int order;

	if (a_size != b_size)
		return a_size < b_size ? -1 : 1;
	order = memcmp(a_key, b_key, a_size);
	return order ? order : a < b ? -1 : 1;
}

/* The first key that is there for the second time, 0 if none is. */
static uint32_t first_repeated(const struct tl_json *doc, uint32_t object)
{
	const struct tl_json_node *nodes = doc->nodes;
	uint32_t a, b;

	for (b = object + 1; b < doc->count; b = nodes[b + 1].next)
		for (a = object + 1; a < b; a = nodes[a + 1].next)
			if (is_same_key(doc, a, b))
				return b;
	return 0;
}

/* The same for many keys: by sorting, so that no choice of keys makes it slow. */
static int64_t first_repeated_sorted(const struct tl_json *doc, uint32_t object,
				     size_t members)
{
	uint32_t *keys = malloc(members * sizeof(*keys)), i, found = 0;
	size_t count = 0;

	if (!keys)
		return -ENOMEM;
	for (i = object + 1; i < doc->count; i = doc->nodes[i + 1].next)
		keys[count++] = i;
	qsort_r(keys, count, sizeof(*keys), compare_keys, (void *)(uintptr_t)doc);
	for (i = 1; i < count; i++)
		if (is_same_key(doc, keys[i - 1], keys[i]) && (!found || keys[i] < found))
			found = keys[i];
	free(keys);
	return found;
}

static int check_keys(struct tl_json_parser *p, uint32_t object, uint32_t members)
{
	int64_t found = members <= FEW_MEMBERS
		? first_repeated(p->doc, object)
		: first_repeated_sorted(p->doc, object, members);
	const char *key;
	size_t size;

	if (found <= 0)
		return (int)found;
	p->frames[p->depth - 1].key = (uint32_t)found;
	p->at = p->start + p->doc->nodes[found].at;
	key = tl_json_string(p->doc, (uint32_t)found, &size);
	snprintf(p->error->why, TL_JSON_WHY, "the key \"%.*s\" is there twice",
		 (int)(size > 80 ? 80 : size), key);
	return tl_json_locate(p);
}

static bool is_at(const struct tl_json_parser *p, const char *path)
{
	unsigned int d;

	for (d = 0; d < p->depth; d++) {
		const char *key;
		size_t size;

		if (p->frames[d].list)
			return false;
		key = tl_json_string(p->doc, p->frames[d].key, &size);
		if (strncmp(path, key, size) != 0 || memchr(key, '.', size) ||
		    path[size] != (d + 1 < p->depth ? '.' : '\0'))
			return false;
		path += size + 1;
	}
	return true;
}

/* A null is a null everywhere: an absent value has no text. */
static void make_raw(struct tl_json_parser *p, uint32_t node)
{
	size_t i;

	if (p->doc->nodes[node].type == TL_JSON_NULL)
		return;
	for (i = 0; i < p->raw_count; i++) {
		if (!is_at(p, p->raw[i]))
			continue;
		p->doc->nodes[node].type = TL_JSON_RAW;
		p->doc->count = node + 1;
		tl_json_end(p, node);
		return;
	}
}

static int parse_member(struct tl_json_parser *p)
{
	int result;

	if (tl_json_peek(p) != '"')
		return tl_json_expected(p, "a key in double quotes");
	result = tl_json_scan_string(p);
	if (result < 0)
		return result;
	p->frames[p->depth - 1].key = (uint32_t)result;
	skip_space(p);
	if (tl_json_peek(p) != ':')
		return tl_json_expected(p, "a colon");
	p->at++;
	skip_space(p);
	result = parse_value(p);
	if (result >= 0 && p->raw_count)
		make_raw(p, (uint32_t)result);
	return result;
}

static int parse_object(struct tl_json_parser *p)
{
	int node = tl_json_add(p, TL_JSON_OBJECT), result;
	uint32_t members = 0;

	if (node < 0)
		return node;
	result = enter(p, false);
	if (result < 0)
		return result;
	if (tl_json_peek(p) == '}') {
		leave(p, (uint32_t)node, 0);
		return node;
	}
	for (;;) {
		result = parse_member(p);
		if (result < 0)
			return result;
		members++;
		skip_space(p);
		if (tl_json_peek(p) == '}')
			break;
		if (tl_json_peek(p) != ',')
			return tl_json_expected(p, "a comma or }");
		p->at++;
		skip_space(p);
		if (tl_json_peek(p) == '}')
			return tl_json_fail(
				p, "a comma must not be the last thing in an object");
	}
	result = check_keys(p, (uint32_t)node, members);
	if (result < 0)
		return result;
	leave(p, (uint32_t)node, members);
	return node;
}

static int parse_value(struct tl_json_parser *p)
{
	int c = tl_json_peek(p);

	switch (c) {
	case '{':
		return parse_object(p);
	case '[':
		return parse_list(p);
	case '"':
		return tl_json_scan_string(p);
	case 't':
		return tl_json_scan_word(p, "true", TL_JSON_TRUE);
	case 'f':
		return tl_json_scan_word(p, "false", TL_JSON_FALSE);
	case 'n':
		return tl_json_scan_word(p, "null", TL_JSON_NULL);
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		return tl_json_scan_number(p);
	return tl_json_expected(p, "a value");
}

int tl_json_parse(struct tl_json *doc, const char *text, size_t size,
		  const char *const *raw, size_t raw_count, struct tl_json_error *error)
{
	struct tl_json_parser p = {
		.doc = doc,
		.start = (const unsigned char *)text,
		.at = (const unsigned char *)text,
		.end = (const unsigned char *)text + size,
		.raw = raw,
		.raw_count = raw_count,
		.error = error,
	};
	int result;

	*doc = (struct tl_json){ .text = text };
	if (size > TL_JSON_SIZE)
		return tl_json_fail(&p, "the text is larger than 16 MiB");
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return tl_json_fail(
			&p, "the text starts with a byte order mark, and JSON has none");
	skip_space(&p);
	result = parse_value(&p);
	if (result < 0)
		return result;
	skip_space(&p);
	return p.at == p.end ? 0 : tl_json_expected(&p, "the end of the text");
}

void tl_json_free(struct tl_json *doc)
{
	free(doc->nodes);
	free(doc->arena);
	*doc = (struct tl_json){ 0 };
}

const char *tl_json_string(const struct tl_json *doc, uint32_t node, size_t *size)
{
	const struct tl_json_node *string = &doc->nodes[node];

	*size = string->size;
	return (string->escaped ? doc->arena : doc->text) + string->from;
}

bool tl_json_is(const struct tl_json *doc, uint32_t node, const char *string)
{
	size_t size;
	const char *bytes = tl_json_string(doc, node, &size);

	return doc->nodes[node].type == TL_JSON_STRING && strlen(string) == size &&
		memcmp(bytes, string, size) == 0;
}

int tl_json_u64(const struct tl_json *doc, uint32_t node, uint64_t *value)
{
	uint32_t i;

	*value = 0;
	if (doc->nodes[node].type != TL_JSON_INTEGER)
		return -EINVAL;
	for (i = doc->nodes[node].at; i < doc->nodes[node].end; i++) {
		int digit = doc->text[i] - '0';

		if (digit < 0 || __builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)digit, value))
			return -EINVAL;
	}
	return 0;
}

double tl_json_double(const struct tl_json *doc, uint32_t node)
{
	char digits[TL_JSON_DIGITS + 1];
	uint32_t at = doc->nodes[node].at, size = doc->nodes[node].end - at;
	/* The C library makes this one without allocation. */
	locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);

	memcpy(digits, doc->text + at, size);
	digits[size] = '\0';
	return strtod_l(digits, NULL, plain);
}
