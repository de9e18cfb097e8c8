/*
 * Flags and signals by name. Layer: lua. What is not accepted raises, and the error lists what is.
 */
#pragma once

#include <lua.h>
#include <stdint.h>

/* A table of names ends with a NULL name. */
struct tl_name {
	const char *name;
	uint64_t value;
};

/* The value of the name at the stack index; `what` says in an error what was asked for. */
uint64_t tl_names_check(lua_State *L, int index, const struct tl_name *names,
			const char *what);

/* The sum of a list of names, or of one name; nothing for nil. */
uint64_t tl_names_check_flags(lua_State *L, int index, const struct tl_name *names,
			      const char *what);

/* The same for a field of a table. */
uint64_t tl_names_field_flags(lua_State *L, int table, const char *field,
			      const struct tl_name *names);

/* Raises if the table has a field that the list, which NULL ends, lacks. */
void tl_names_check_fields(lua_State *L, int table, const char *const *accepted);

/* Push the list of names of the bits; a bit without a name is shown as a number. */
void tl_names_push_flags(lua_State *L, uint64_t value, const struct tl_name *names);

/* The name of the value, or NULL. */
const char *tl_names_find(const struct tl_name *names, uint64_t value);

/* "TERM", "SIGTERM", "RTMIN+2" or a number. */
int tl_names_check_signal(lua_State *L, int index);

/* Push "TERM" for 15, "RTMIN+2" for 36, the number where there is no name. */
void tl_names_push_signal(lua_State *L, int sig);

/* The eight namespaces as OCI names them, with their CLONE_NEW flags. */
extern const struct tl_name tl_names_namespaces[];
