/*
 * libFuzzer over tl_json_parse(). What it accepts is then read to its last node, the way the
 * bindings read it; what it refuses has a reason and a place. With and without raw paths the
 * verdict is the same.
 */
#include "core/host/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_string(const struct tl_json *doc, uint32_t node)
{
	size_t size, i;
	const char *bytes = tl_json_string(doc, node, &size);
	const struct tl_json_node *string = &doc->nodes[node];

	must(size <= string->end - string->at - 2);
	for (i = 0; i < size; i++)
		must(bytes[i] != '\0');
	sink += tl_json_is(doc, node, "name");
}

/* Returns the node after the value. */
static uint32_t read_value(const struct tl_json *doc, uint32_t node, size_t size,
			   int depth)
{
	const struct tl_json_node *value = &doc->nodes[node];
	uint32_t i = node + 1, members = 0;
	uint64_t number;

	must(node < doc->count && value->at < value->end && value->end <= size);
	must(value->next > node && value->next <= doc->count && depth <= TL_JSON_DEPTH);
	switch (value->type) {
	case TL_JSON_OBJECT:
	case TL_JSON_LIST:
		for (; i < value->next; members++) {
			if (value->type == TL_JSON_OBJECT) {
				must(doc->nodes[i].type == TL_JSON_STRING);
				i = read_value(doc, i, size, depth + 1);
			}
			i = read_value(doc, i, size, depth + 1);
		}
		must(members == value->size);
		break;
	case TL_JSON_STRING:
		read_string(doc, node);
		break;
	case TL_JSON_INTEGER:
		sink += (uint64_t)tl_json_u64(doc, node, &number) + number;
		/* fall through */
	case TL_JSON_NUMBER:
		sink += tl_json_double(doc, node) > 0;
		break;
	default:
		break;
	}
	must(i == value->next);
	return i;
}

static void read_error(const struct tl_json_error *error, size_t size)
{
	must(error->line >= 1 && error->line <= size + 1);
	must(error->column >= 1 && error->column <= size + 1);
	must(*error->why && memchr(error->why, '\0', sizeof(error->why)));
	must(memchr(error->path, '\0', sizeof(error->path)) != NULL);
}

static int try_text(const char *text, size_t size, const char *const *raw, size_t count)
{
	struct tl_json_error error = { 0 };
	struct tl_json doc;
	int result = tl_json_parse(&doc, text, size, raw, count, &error);

	if (result == 0)
		must(read_value(&doc, 0, size, 0) == doc.count);
	else
		read_error(&error, size);
	must(result == 0 || result == -EINVAL);
	tl_json_free(&doc);
	tl_json_free(&doc);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const raw[] = { "a", "a.b", "linux.seccomp" };
	/* A copy of its own size, so that a byte too many is seen. */
	char *text = malloc(size ? size : 1);

	must(text != NULL);
	memcpy(text, data, size);
	must(try_text(text, size, NULL, 0) == try_text(text, size, raw, 3));
	free(text);
	return 0;
}
