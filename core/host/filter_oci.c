#include "filter_oci_reader.h"

#include "bpf.h"
#include "bpf_tree.h"
#include "filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- errors ---------------------------------------------------------------------------------- */

static void show_value(struct tl_oci_reader *r, uint32_t node)
{
	struct tl_filter_oci_error *error = r->error;
	const struct tl_json_node *value = &r->doc->nodes[node];
	const char *bytes = r->doc->text + value->at;
	size_t size = value->end - value->at;

	error->is_string = value->type == TL_JSON_STRING;
	if (error->is_string)
		bytes = tl_json_string(r->doc, node, &size);
	else if (value->type == TL_JSON_LIST || value->type == TL_JSON_OBJECT)
		size = 0;
	if (size >= sizeof(error->value))
		size = sizeof(error->value) - 1;
	memcpy(error->value, bytes, size);
	error->value[size] = '\0';
}

/* The field is that of the object where the reader is; node 0: there is no value. */
int tl_oci_refuse(struct tl_oci_reader *r, const char *field, uint32_t node,
		  const char *why, const char *accepted)
{
	struct tl_filter_oci_error *error = r->error;
	size_t used = 0, room = sizeof(error->path);

	used += (size_t)snprintf(error->path, room, "linux.seccomp");
	if (r->syscall >= 0)
		used += (size_t)snprintf(error->path + used, room - used, ".syscalls[%d]",
					 r->syscall);
	if (r->arg >= 0)
		used += (size_t)snprintf(error->path + used, room - used, ".args[%d]",
					 r->arg);
	if (field)
		used += (size_t)snprintf(error->path + used, room - used, ".%.64s",
					 field);
	if (r->item >= 0)
		snprintf(error->path + used, room - used, "[%d]", r->item);
	snprintf(error->why, sizeof(error->why), "%s", why);
	error->accepted = accepted;
	error->value[0] = '\0';
	if (node)
		show_value(r, node);
	return -EINVAL;
}

int tl_oci_refuse_library(struct tl_oci_reader *r, const char *field, uint32_t node,
			  int result)
{
	char why[TL_JSON_WHY];

	snprintf(why, sizeof(why), "is refused by libseccomp: %s", strerror(-result));
	return tl_oci_refuse(r, field, node, why, NULL);
}

/* --- fields ---------------------------------------------------------------------------------- */

const char *tl_oci_must_be(enum tl_json_type type)
{
	switch (type) {
	case TL_JSON_STRING:
		return "must be a string";
	case TL_JSON_LIST:
		return "must be a list";
	case TL_JSON_INTEGER:
		return "must be a whole number";
	default:
		return "must be an object";
	}
}

/*
 * The nodes of an object's fields, 0 for one that is absent or null. Others are passed over, as the
 * runtime-spec wants it of unknown properties (config.md, "Extensibility").
 */
int tl_oci_read_fields(struct tl_oci_reader *r, uint32_t object,
		       const struct tl_oci_field *fields, size_t count, uint32_t *found)
{
	const struct tl_json_node *nodes = r->doc->nodes;
	uint32_t i;
	size_t f;

	memset(found, 0, count * sizeof(*found));
	if (nodes[object].type != TL_JSON_OBJECT)
		return tl_oci_refuse(r, NULL, object, tl_oci_must_be(TL_JSON_OBJECT),
				     NULL);
	for (i = object + 1; i < nodes[object].next; i = nodes[i + 1].next) {
		for (f = 0; f < count && !tl_json_is(r->doc, i, fields[f].name); f++)
			;
		if (f == count || nodes[i + 1].type == TL_JSON_NULL)
			continue;
		if (nodes[i + 1].type != fields[f].type)
			return tl_oci_refuse(r, fields[f].name, i + 1,
					     tl_oci_must_be(fields[f].type), NULL);
		found[f] = i + 1;
	}
	return 0;
}

int tl_oci_require(struct tl_oci_reader *r, uint32_t node, const char *field,
		   const char *accepted)
{
	return node ? 0 : tl_oci_refuse(r, field, 0, "is required", accepted);
}

int tl_oci_read_u64(struct tl_oci_reader *r, uint32_t node, const char *field,
		    uint64_t largest, uint64_t *value)
{
	char accepted[64];

	if (tl_json_u64(r->doc, node, value) == 0 && *value <= largest)
		return 0;
	snprintf(accepted, sizeof(accepted), "must be a whole number from 0 to %llu",
		 (unsigned long long)largest);
	return tl_oci_refuse(r, field, node, accepted, NULL);
}

/* The entry of a string in a list of words, or -ENOENT. */
int tl_oci_find_word(struct tl_oci_reader *r, uint32_t node, const char *const *words,
		     size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (tl_json_is(r->doc, node, words[i]))
			return (int)i;
	return -ENOENT;
}

/* --- architectures and flags ----------------------------------------------------------------- */

/* libseccomp knows them as "x86_64". */
static uint32_t arch_of(const struct tl_oci_reader *r, uint32_t node)
{
	static const char prefix[] = "SCMP_ARCH_";
	const size_t skip = sizeof(prefix) - 1;
	size_t size, i;
	const char *text = tl_json_string(r->doc, node, &size);
	char name[24];

	if (size <= skip || size - skip >= sizeof(name) ||
	    memcmp(text, prefix, skip) != 0)
		return 0;
	for (i = skip; i < size; i++) {
		if (text[i] >= 'a' && text[i] <= 'z')
			return 0;
		name[i - skip] =
			(char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	}
	name[size - skip] = '\0';
	return seccomp_arch_resolve_name(name);
}

static int read_architecture(struct tl_oci_reader *r, uint32_t node)
{
	uint32_t arch;
	int result;

	if (r->doc->nodes[node].type != TL_JSON_STRING)
		return tl_oci_refuse(r, "architectures", node,
				     tl_oci_must_be(TL_JSON_STRING), NULL);
	arch = arch_of(r, node);
	if (!arch)
		return tl_oci_refuse(r, "architectures", node,
				     "is no architecture that this libseccomp knows",
				     "SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32, "
				     "SCMP_ARCH_AARCH64, SCMP_ARCH_ARM and others");
	result = seccomp_arch_add(r->context, arch);
	if (result < 0 && result != -EEXIST)
		return tl_oci_refuse_library(r, "architectures", node, result);
	result = tl_filter_stub_add(&r->stub, arch);
	if (result < 0)
		return tl_oci_refuse(r, "architectures", node, "is one too many", NULL);
	return 0;
}

static int read_flag(struct tl_oci_reader *r, uint32_t node)
{
	static const char *const words[] = {
		"SECCOMP_FILTER_FLAG_TSYNC",
		"SECCOMP_FILTER_FLAG_LOG",
		"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
		"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	};
	/* The last says how a notified call waits; without a listener the kernel refuses it. */
	static const uint32_t bits[] = {
		SECCOMP_FILTER_FLAG_TSYNC,
		SECCOMP_FILTER_FLAG_LOG,
		SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		0,
	};
	int word = tl_oci_find_word(r, node, words, LENGTH(words));

	if (word < 0)
		return tl_oci_refuse(
			r, "flags", node, "is not a flag",
			"SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, "
			"SECCOMP_FILTER_FLAG_SPEC_ALLOW, "
			"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
	r->flags |= bits[word];
	return 0;
}

/* Each element of a list, with its index as the item of errors. List 0 is none. */
static int each_item(struct tl_oci_reader *r, uint32_t list,
		     int (*visit)(struct tl_oci_reader *r, uint32_t node))
{
	const struct tl_json_node *nodes = r->doc->nodes;
	uint32_t i;
	int result;

	if (!list)
		return 0;
	r->item = 0;
	for (i = list + 1; i < nodes[list].next; i = nodes[i].next, r->item++) {
		result = visit(r, i);
		if (result < 0)
			return result;
	}
	r->item = -1;
	return 0;
}

/* --- the profile ----------------------------------------------------------------------------- */

enum {
	DEFAULT_ACTION,
	DEFAULT_ERRNO,
	ARCHITECTURES,
	FLAGS,
	LISTENER_PATH,
	LISTENER_METADATA,
	SYSCALLS,
	PROFILE_FIELDS
};

static int refuse_listener(struct tl_oci_reader *r, const uint32_t found[PROFILE_FIELDS])
{
	if (found[LISTENER_PATH])
		return tl_oci_refuse(r, "listenerPath", found[LISTENER_PATH],
				     "cannot be served yet", NULL);
	if (found[LISTENER_METADATA])
		return tl_oci_refuse(r, "listenerMetadata", found[LISTENER_METADATA],
				     "cannot be served yet", NULL);
	return 0;
}

static int start(struct tl_oci_reader *r)
{
	int result;

	r->context = seccomp_init(r->default_action);
	if (!r->context)
		return tl_oci_refuse(r, "defaultAction", 0,
				     "is refused by libseccomp: not on this kernel",
				     NULL);
	/* The tree: faster to load, and right where lists are not always (bpf_tree.h). */
	result = seccomp_attr_set(r->context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (result < 0)
		return tl_oci_refuse_library(r, NULL, 0, result);
	return tl_filter_stub_add(&r->stub, seccomp_arch_native());
}

/* All that libseccomp is told. */
static int read_profile(struct tl_oci_reader *r)
{
	static const struct tl_oci_field fields[PROFILE_FIELDS] = {
		[DEFAULT_ACTION] = { "defaultAction", TL_JSON_STRING },
		[DEFAULT_ERRNO] = { "defaultErrnoRet", TL_JSON_INTEGER },
		[ARCHITECTURES] = { "architectures", TL_JSON_LIST },
		[FLAGS] = { "flags", TL_JSON_LIST },
		[LISTENER_PATH] = { "listenerPath", TL_JSON_STRING },
		[LISTENER_METADATA] = { "listenerMetadata", TL_JSON_STRING },
		[SYSCALLS] = { "syscalls", TL_JSON_LIST },
	};
	uint32_t found[PROFILE_FIELDS];
	int result = tl_oci_read_fields(r, 0, fields, PROFILE_FIELDS, found);

	if (result == 0)
		result = refuse_listener(r, found);
	if (result == 0)
		result = tl_oci_require(r, found[DEFAULT_ACTION], "defaultAction",
					"SCMP_ACT_ERRNO and others");
	if (result == 0)
		result = tl_oci_read_action(r, found[DEFAULT_ACTION], "defaultAction",
					    found[DEFAULT_ERRNO], "defaultErrnoRet",
					    &r->default_action);
	if (result == 0)
		result = start(r);
	if (result == 0)
		result = each_item(r, found[ARCHITECTURES], read_architecture);
	if (result == 0)
		result = each_item(r, found[FLAGS], read_flag);
	if (result == 0)
		result = tl_oci_add_syscalls(r, found[SYSCALLS]);
	return result;
}

/* The stub says ENOSYS, so it changes nothing where that is the default. */
static bool has_stub(const struct tl_oci_reader *r)
{
	return (r->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
		(r->default_action & SECCOMP_RET_DATA) != ENOSYS;
}

/* The same in a shape that the kernel loads faster, where the program is of the kind. */
static int reshape(struct tl_oci_reader *r, struct sock_filter **prog, int count)
{
	struct sock_filter *tree;
	int result = tl_bpf_tree(*prog, (size_t)count, &tree);

	if (result == -ENOTSUP || result == -E2BIG)
		return count;
	if (result == -EBADMSG)
		return tl_oci_refuse(r, NULL, 0, "is compiled wrongly by this libseccomp",
				     NULL);
	if (result < 0)
		return result;
	free(*prog);
	*prog = tree;
	return result;
}

static int assemble(struct tl_oci_reader *r, struct sock_filter **prog)
{
	size_t before = has_stub(r) ? tl_filter_stub_size(&r->stub) : 0, index;
	int tree = tl_filter_export(r->context, prog, before), result;
	const char *why;

	if (tree < 0)
		return tl_oci_refuse_library(r, NULL, 0, tree);
	if (before)
		tl_filter_stub_put(&r->stub, *prog);
	result = (int)before + tree;
	if (tl_bpf_check(*prog, (size_t)result, &index, &why) == 0)
		result = reshape(r, prog, result);
	else
		result = tl_oci_refuse(r, NULL, 0,
				       "makes a filter of more than 4096 instructions",
				       NULL);
	if (result < 0) {
		free(*prog);
		*prog = NULL;
	}
	return result;
}

int tl_filter_compile_oci(const char *text, size_t size, struct sock_filter **prog,
			  uint32_t *flags, struct tl_filter_oci_error *error)
{
	struct tl_json_error json_error;
	struct tl_json doc;
	struct tl_oci_reader r = {
		.doc = &doc, .error = error, .syscall = -1, .arg = -1, .item = -1
	};
	int result = tl_json_parse(&doc, text, size, NULL, 0, &json_error);

	*prog = NULL;
	memset(error, 0, sizeof(*error));
	if (result == -EINVAL) {
		snprintf(error->path, sizeof(error->path), "linux.seccomp%s%.200s",
			 *json_error.path && *json_error.path != '[' ? "." : "",
			 json_error.path);
		snprintf(error->why, sizeof(error->why), "%.150s (line %u, column %u)",
			 json_error.why, json_error.line, json_error.column);
	}
	if (result >= 0)
		result = read_profile(&r);
	if (result >= 0)
		result = assemble(&r, prog);
	*flags = r.flags;
	seccomp_release(r.context);
	tl_json_free(&doc);
	return result;
}
