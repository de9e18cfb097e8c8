#include "json_parser.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tl_json_add(struct tl_json_parser *p, enum tl_json_type type)
{
	struct tl_json *doc = p->doc;
	struct tl_json_node *node;

	if (doc->count == doc->room) {
		uint32_t room = doc->room ? 2 * doc->room : 256;

		node = reallocarray(doc->nodes, room, sizeof(*node));
		if (!node)
			return -ENOMEM;
		doc->nodes = node;
		doc->room = room;
	}
	node = &doc->nodes[doc->count];
	memset(node, 0, sizeof(*node));
	node->type = (uint8_t)type;
	node->at = tl_json_offset(p);
	return (int)doc->count++;
}

void tl_json_end(struct tl_json_parser *p, uint32_t node)
{
	p->doc->nodes[node].end = tl_json_offset(p);
	p->doc->nodes[node].next = p->doc->count;
}

/* The length of the UTF-8 character at `at`, 0 if it is none: no overlong forms, no surrogates. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	unsigned char lead = at[0], low = 0x80, high = 0xbf;
	size_t length, i;

	if (lead >= 0xc2 && lead <= 0xdf)
		length = 2;
	else if (lead >= 0xe0 && lead <= 0xef)
		length = 3;
	else if (lead >= 0xf0 && lead <= 0xf4)
		length = 4;
	else
		return 0;
	if (length > left)
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (i = 2; i < length; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return length;
}

/* Go on to the string's end or to its next backslash. */
static int skip_plain(struct tl_json_parser *p)
{
	for (;;) {
		const unsigned char *at = p->at;
		size_t length;

		while (at < p->end && *at >= 0x20 && *at < 0x80 && *at != '"' &&
		       *at != '\\')
			at++;
		p->at = at;
		if (at == p->end)
			return tl_json_fail(p, "the text ends inside a string");
		if (*at == '"' || *at == '\\')
			return 0;
		if (*at < 0x20)
			return tl_json_fail(
				p, "a control character in a string must be escaped");
		length = utf8_length(at, (size_t)(p->end - at));
		if (length == 0)
			return tl_json_fail(p, "this is not UTF-8");
		p->at += length;
	}
}

static int hex_digits(struct tl_json_parser *p, uint32_t *unit)
{
	int i;

	*unit = 0;
	for (i = 0; i < 4; i++, p->at++) {
		int c = tl_json_peek(p);

		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else if (c >= 'A' && c <= 'F')
			c -= 'A' - 10;
		else
			return tl_json_expected(p, "a hexadecimal digit");
		*unit = *unit << 4 | (uint32_t)c;
	}
	return 0;
}

/* After \u. Two of them make one character beyond U+FFFF. */
static int parse_unicode(struct tl_json_parser *p, uint32_t *point)
{
	const unsigned char *escape = p->at - 2;
	uint32_t low;
	int result = hex_digits(p, point);

	if (result < 0)
		return result;
	if (*point >= 0xd800 && *point <= 0xdbff && p->end - p->at >= 2 &&
	    p->at[0] == '\\' && p->at[1] == 'u') {
		p->at += 2;
		result = hex_digits(p, &low);
		if (result < 0)
			return result;
		if (low >= 0xdc00 && low <= 0xdfff) {
			*point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
			return 0;
		}
	}
	if (*point != 0 && (*point < 0xd800 || *point > 0xdfff))
		return 0;
	p->at = escape;
	return tl_json_fail(p,
			    *point ? "half of a surrogate pair is no character"
				   : "a string cannot hold the character NUL");
}

static char *put_utf8(char *out, uint32_t point)
{
	if (point < 0x80) {
		*out++ = (char)point;
		return out;
	}
	if (point < 0x800) {
		*out++ = (char)(0xc0 | point >> 6);
	} else {
		if (point < 0x10000) {
			*out++ = (char)(0xe0 | point >> 12);
		} else {
			*out++ = (char)(0xf0 | point >> 18);
			*out++ = (char)(0x80 | (point >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (point >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (point & 0x3f));
	return out;
}

/* At a backslash. */
static int parse_escape(struct tl_json_parser *p, uint32_t *point)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found;
	int c;

	p->at++;
	c = tl_json_peek(p);
	if (c == 'u') {
		p->at++;
		return parse_unicode(p, point);
	}
	found = c > 0 ? strchr(names, c) : NULL;
	if (!found)
		return tl_json_expected(p,
					"one of \" \\ / b f n r t u after a backslash");
	p->at++;
	*point = (uint32_t)values[found - names];
	return 0;
}

/* From the first backslash on: the characters go to the arena. It never grows: no escape is
 * shorter than what it stands for, and each piece of the text is unescaped once. */
static int parse_escaped(struct tl_json_parser *p, uint32_t node)
{
	struct tl_json *doc = p->doc;
	const unsigned char *from = p->start + doc->nodes[node].from;
	uint32_t point = 0;
	char *out;
	int result = 0;

	if (!doc->arena) {
		doc->arena = malloc((size_t)(p->end - p->start));
		if (!doc->arena)
			return -ENOMEM;
	}
	out = doc->arena + doc->arena_used;
	doc->nodes[node].escaped = true;
	doc->nodes[node].from = doc->arena_used;
	for (;;) {
		memcpy(out, from, (size_t)(p->at - from));
		out += p->at - from;
		if (*p->at == '"')
			break;
		result = parse_escape(p, &point);
		if (result < 0)
			return result;
		out = put_utf8(out, point);
		from = p->at;
		result = skip_plain(p);
		if (result < 0)
			return result;
	}
	doc->nodes[node].size = (uint32_t)(out - doc->arena) - doc->arena_used;
	doc->arena_used = (uint32_t)(out - doc->arena);
	return 0;
}

int tl_json_scan_string(struct tl_json_parser *p)
{
	int node = tl_json_add(p, TL_JSON_STRING), result;

	if (node < 0)
		return node;
	p->at++;
	p->doc->nodes[node].from = tl_json_offset(p);
	result = skip_plain(p);
	if (result < 0)
		return result;
	if (*p->at == '\\') {
		result = parse_escaped(p, (uint32_t)node);
		if (result < 0)
			return result;
	} else {
		p->doc->nodes[node].size = tl_json_offset(p) - p->doc->nodes[node].from;
	}
	p->at++;
	tl_json_end(p, (uint32_t)node);
	return node;
}

static size_t skip_digits(struct tl_json_parser *p)
{
	const unsigned char *from = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return (size_t)(p->at - from);
}

static int skip_fraction(struct tl_json_parser *p)
{
	if (tl_json_peek(p) == '.') {
		p->at++;
		if (skip_digits(p) == 0)
			return tl_json_expected(p, "a digit");
	}
	if (tl_json_peek(p) == 'e' || tl_json_peek(p) == 'E') {
		p->at++;
		if (tl_json_peek(p) == '+' || tl_json_peek(p) == '-')
			p->at++;
		if (skip_digits(p) == 0)
			return tl_json_expected(p, "a digit");
	}
	return 0;
}

int tl_json_scan_number(struct tl_json_parser *p)
{
	int node = tl_json_add(p, TL_JSON_INTEGER), result;
	const unsigned char *from = p->at, *digits;

	if (node < 0)
		return node;
	if (*p->at == '-')
		p->at++;
	digits = p->at;
	if (skip_digits(p) == 0)
		return tl_json_expected(p, "a digit");
	if (*digits == '0' && p->at - digits > 1) {
		p->at = digits;
		return tl_json_fail(p, "a number has no leading zeros");
	}
	if (tl_json_peek(p) == '.' || tl_json_peek(p) == 'e' || tl_json_peek(p) == 'E') {
		p->doc->nodes[node].type = TL_JSON_NUMBER;
		result = skip_fraction(p);
		if (result < 0)
			return result;
	}
	tl_json_end(p, (uint32_t)node);
	result = p->at - from > TL_JSON_DIGITS;
	if (!result && p->doc->nodes[node].type == TL_JSON_NUMBER)
		result = !isfinite(tl_json_double(p->doc, (uint32_t)node));
	if (!result)
		return node;
	p->at = from;
	return tl_json_fail(p, "the number is too long or too large");
}

int tl_json_scan_word(struct tl_json_parser *p, const char *word, enum tl_json_type type)
{
	int node = tl_json_add(p, type);

	if (node < 0)
		return node;
	for (; *word; word++, p->at++)
		if (tl_json_peek(p) != *word)
			return tl_json_expected(p, "true, false or null");
	tl_json_end(p, (uint32_t)node);
	return node;
}
