#include "filter_oci_reader.h"

#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tl_oci_read_action(struct tl_oci_reader *r, uint32_t node, const char *field,
		       uint32_t errno_node, const char *errno_field, uint32_t *action)
{
	static const char *const words[] = {
		"SCMP_ACT_ERRNO",	"SCMP_ACT_TRACE",	 "SCMP_ACT_ALLOW",
		"SCMP_ACT_LOG",		"SCMP_ACT_TRAP",	 "SCMP_ACT_KILL",
		"SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS",
	};
	static const uint32_t actions[] = {
		0,
		0,
		SCMP_ACT_ALLOW,
		SCMP_ACT_LOG,
		SCMP_ACT_TRAP,
		SCMP_ACT_KILL,
		SCMP_ACT_KILL_THREAD,
		SCMP_ACT_KILL_PROCESS,
	};
	uint64_t number = EPERM;
	int word, result;

	if (tl_json_is(r->doc, node, "SCMP_ACT_NOTIFY"))
		return tl_oci_refuse(r, field, node, "cannot be served yet", NULL);
	word = tl_oci_find_word(r, node, words, LENGTH(words));
	if (word < 0)
		return tl_oci_refuse(
			r, field, node, "is not an action",
			"SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_ACT_KILL, "
			"SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_LOG, "
			"SCMP_ACT_TRACE, SCMP_ACT_TRAP");
	if (errno_node && word > 1)
		return tl_oci_refuse(r, errno_field, errno_node,
				     "goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only",
				     NULL);
	if (errno_node) {
		/* libseccomp takes no larger errno. */
		result = tl_oci_read_u64(r, errno_node, errno_field, word ? 0xffff : 4094,
					 &number);
		if (result < 0)
			return result;
	}
	*action = actions[word];
	if (word == 0)
		*action = SCMP_ACT_ERRNO((uint32_t)number);
	else if (word == 1)
		*action = SCMP_ACT_TRACE((uint32_t)number);
	return 0;
}

enum { ARG_INDEX, ARG_VALUE, ARG_VALUE_TWO, ARG_OP, ARG_FIELDS };

static int read_operator(struct tl_oci_reader *r, uint32_t node,
			 struct scmp_arg_cmp *compare)
{
	static const char *const words[] = {
		"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",	    "SCMP_CMP_EQ",
		"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
	};
	static const enum scmp_compare operators[] = {
		SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,	      SCMP_CMP_EQ,
		SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ,
	};
	int word = tl_oci_find_word(r, node, words, LENGTH(words));

	if (word < 0)
		return tl_oci_refuse(
			r, "op", node, "is not an operator",
			"SCMP_CMP_EQ, SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, "
			"SCMP_CMP_GT, SCMP_CMP_GE, SCMP_CMP_MASKED_EQ");
	compare->op = operators[word];
	return 0;
}

static int read_arg(struct tl_oci_reader *r, uint32_t node, struct scmp_arg_cmp *compare)
{
	static const struct tl_oci_field fields[ARG_FIELDS] = {
		[ARG_INDEX] = { "index", TL_JSON_INTEGER },
		[ARG_VALUE] = { "value", TL_JSON_INTEGER },
		[ARG_VALUE_TWO] = { "valueTwo", TL_JSON_INTEGER },
		[ARG_OP] = { "op", TL_JSON_STRING },
	};
	uint32_t found[ARG_FIELDS];
	uint64_t index = 0, value = 0, second = 0;
	int result = tl_oci_read_fields(r, node, fields, ARG_FIELDS, found);

	if (result == 0)
		result = tl_oci_require(r, found[ARG_INDEX], "index", "0 to 5");
	if (result == 0)
		result = tl_oci_require(r, found[ARG_VALUE], "value", NULL);
	if (result == 0)
		result = tl_oci_require(r, found[ARG_OP], "op", "SCMP_CMP_EQ and others");
	if (result == 0)
		result = tl_oci_read_u64(r, found[ARG_INDEX], "index", TL_FILTER_ARGS - 1,
					 &index);
	if (result == 0)
		result =
			tl_oci_read_u64(r, found[ARG_VALUE], "value", UINT64_MAX, &value);
	if (result == 0 && found[ARG_VALUE_TWO])
		result = tl_oci_read_u64(r, found[ARG_VALUE_TWO], "valueTwo", UINT64_MAX,
					 &second);
	if (result == 0)
		result = read_operator(r, found[ARG_OP], compare);
	compare->arg = (unsigned int)index;
	compare->datum_a = value;
	compare->datum_b = second;
	return result;
}

/* Conditions of one rule, or of a rule each. */
struct conditions {
	struct scmp_arg_cmp *compare;
	size_t count;
	bool apart;
};

static int read_conditions(struct tl_oci_reader *r, uint32_t list,
			   struct conditions *conditions)
{
	const struct tl_json_node *nodes = r->doc->nodes;
	bool seen[TL_FILTER_ARGS] = { false };
	uint32_t i;

	*conditions = (struct conditions){ 0 };
	if (!list || nodes[list].size == 0)
		return 0;
	conditions->compare = calloc(nodes[list].size, sizeof(*conditions->compare));
	if (!conditions->compare)
		return -ENOMEM;
	for (i = list + 1; i < nodes[list].next; i = nodes[i].next) {
		struct scmp_arg_cmp *compare = &conditions->compare[conditions->count++];
		int result;

		r->arg++;
		result = read_arg(r, i, compare);
		if (result < 0)
			return result;
		conditions->apart |= seen[compare->arg];
		seen[compare->arg] = true;
	}
	r->arg = -1;
	return 0;
}

static int add_rules(struct tl_oci_reader *r, uint32_t action, int number,
		     const struct conditions *conditions)
{
	size_t i;
	int result = 0;

	if (!conditions->apart)
		return seccomp_rule_add_array(r->context, action, number,
					      (unsigned int)conditions->count,
					      conditions->compare);
	for (i = 0; i < conditions->count && result == 0; i++)
		result = seccomp_rule_add_array(r->context, action, number, 1,
						&conditions->compare[i]);
	return result;
}

static int add_name(struct tl_oci_reader *r, uint32_t node, uint32_t action,
		    const struct conditions *conditions)
{
	size_t size;
	const char *bytes = tl_json_string(r->doc, node, &size);
	char name[64];
	int number, result;

	if (r->doc->nodes[node].type != TL_JSON_STRING)
		return tl_oci_refuse(r, "names", node, tl_oci_must_be(TL_JSON_STRING),
				     NULL);
	if (size == 0)
		return tl_oci_refuse(r, "names", node, "is not the name of a system call",
				     NULL);
	if (size >= sizeof(name))
		return 0;
	memcpy(name, bytes, size);
	name[size] = '\0';
	tl_filter_stub_name(&r->stub, name);
	number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR || action == r->default_action)
		return 0;
	result = add_rules(r, action, number, conditions);
	return result < 0 ? tl_oci_refuse_library(r, "names", node, result) : 0;
}

enum { CALL_NAMES, CALL_ACTION, CALL_ERRNO, CALL_ARGS, CALL_FIELDS };

static int add_names(struct tl_oci_reader *r, const uint32_t found[CALL_FIELDS],
		     const struct conditions *conditions)
{
	const struct tl_json_node *nodes = r->doc->nodes;
	uint32_t list = found[CALL_NAMES], action = 0, i;
	int result = tl_oci_read_action(r, found[CALL_ACTION], "action",
					found[CALL_ERRNO], "errnoRet", &action);

	r->item = result < 0 ? -1 : 0;
	for (i = list + 1; i < nodes[list].next && result == 0; i = nodes[i].next) {
		result = add_name(r, i, action, conditions);
		if (result == 0)
			r->item++;
	}
	if (result == 0)
		r->item = -1;
	return result;
}

static int add_syscall(struct tl_oci_reader *r, uint32_t node)
{
	static const struct tl_oci_field fields[CALL_FIELDS] = {
		[CALL_NAMES] = { "names", TL_JSON_LIST },
		[CALL_ACTION] = { "action", TL_JSON_STRING },
		[CALL_ERRNO] = { "errnoRet", TL_JSON_INTEGER },
		[CALL_ARGS] = { "args", TL_JSON_LIST },
	};
	struct conditions conditions = { 0 };
	uint32_t found[CALL_FIELDS];
	int result = tl_oci_read_fields(r, node, fields, CALL_FIELDS, found);

	if (result == 0)
		result = tl_oci_require(r, found[CALL_NAMES], "names",
					"a list of system calls");
	if (result == 0 && r->doc->nodes[found[CALL_NAMES]].size == 0)
		result = tl_oci_refuse(r, "names", found[CALL_NAMES], "must not be empty",
				       NULL);
	if (result == 0)
		result = tl_oci_require(r, found[CALL_ACTION], "action",
					"SCMP_ACT_ALLOW and others");
	if (result == 0)
		result = read_conditions(r, found[CALL_ARGS], &conditions);
	if (result == 0)
		result = add_names(r, found, &conditions);
	free(conditions.compare);
	return result;
}

int tl_oci_add_syscalls(struct tl_oci_reader *r, uint32_t list)
{
	const struct tl_json_node *nodes = r->doc->nodes;
	uint32_t i;
	int result = 0;

	if (!list)
		return 0;
	r->syscall = 0;
	for (i = list + 1; i < nodes[list].next; i = nodes[i].next, r->syscall++) {
		result = add_syscall(r, i);
		if (result < 0)
			return result;
	}
	r->syscall = -1;
	return 0;
}
