/*
 * Inside the compiler of linux.seccomp: what its files share. filter_oci.c reads the profile,
 * filter_oci_rules.c its rules. Layer: core/host, the compiler's own.
 */
#pragma once

#include "filter_oci.h"
#include "filter_stub.h"

#include <seccomp.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The reader's place in the profile; what is -1 is no part of an error's path. */
struct tl_oci_reader {
	const struct tl_json *doc;
	struct tl_filter_oci_error *error;
	scmp_filter_ctx context;
	int syscall, arg, item;
	uint32_t default_action;
	uint32_t flags;
	struct tl_filter_stub stub; /* the architectures, with what the profile names */
};

struct tl_oci_field {
	const char *name;
	enum tl_json_type type;
};

/* -EINVAL with the error at this field of the object where the reader is. Node 0: no value. */
int tl_oci_refuse(struct tl_oci_reader *r, const char *field, uint32_t node,
		  const char *why, const char *accepted);
int tl_oci_refuse_library(struct tl_oci_reader *r, const char *field, uint32_t node,
			  int result);

/* "must be a list" */
const char *tl_oci_must_be(enum tl_json_type type);

/* The nodes of an object's fields, 0 for one that is absent or null. */
int tl_oci_read_fields(struct tl_oci_reader *r, uint32_t object,
		       const struct tl_oci_field *fields, size_t count, uint32_t *found);
int tl_oci_require(struct tl_oci_reader *r, uint32_t node, const char *field,
		   const char *accepted);
int tl_oci_read_u64(struct tl_oci_reader *r, uint32_t node, const char *field,
		    uint64_t largest, uint64_t *value);

/* The index of a string in a list of words, or -ENOENT. */
int tl_oci_find_word(struct tl_oci_reader *r, uint32_t node, const char *const *words,
		     size_t count);

/* An action, with its errno if that is not node 0. */
int tl_oci_read_action(struct tl_oci_reader *r, uint32_t node, const char *field,
		       uint32_t errno_node, const char *errno_field, uint32_t *action);

/* The rules of "syscalls"; list 0: none. */
int tl_oci_add_syscalls(struct tl_oci_reader *r, uint32_t list);
