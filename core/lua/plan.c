/* tidelock.core.plan: pack, check and unpack plans; the table of operations. */
#include <string.h>

#include "../plan/names.h"
#include "../plan/pack.h"
#include "bind.h"

#define FAIL(L, ...) luaL_error(L, __VA_ARGS__)

static const char *const lane_names[] = { [TL_HOST] = "host",
					  [TL_PARENT] = "parent",
					  [TL_CHILD] = "child",
					  [TL_BESIDE] = "beside" };
static const char *const stage_names[] = {
	[TL_STAGE_PREPARE] = "prepare", [TL_STAGE_CREATED] = "created",
	[TL_STAGE_MOUNTS] = "mounts",	[TL_STAGE_ROOT] = "root",
	[TL_STAGE_CONFINE] = "confine", [TL_STAGE_STARTED] = "started",
	[TL_STAGE_STOPPED] = "stopped",
};

/* Length of the next name in "slot path recursive ". */
static size_t name_length(const char *names)
{
	return (size_t)(strchr(names, ' ') - names);
}

static uint32_t word_of(lua_State *L, const char *op, const char *field, double low,
			double high)
{
	double value = lua_tonumber(L, -1);

	if (lua_type(L, -1) != LUA_TNUMBER || !(value >= low && value <= high) ||
	    value != (double)(int64_t)value)
		FAIL(L, "plan: %s.%s is not a whole number from %f to %f", op, field, low,
		     high);
	return (uint32_t)(int64_t)value;
}

static const char *text_of(lua_State *L, const char *op, const char *field, size_t *size)
{
	const char *text;

	if (lua_type(L, -1) != LUA_TSTRING)
		FAIL(L, "plan: %s.%s is not a string but %s", op, field,
		     luaL_typename(L, -1));
	text = lua_tolstring(L, -1, size);
	return text;
}

static uint32_t pack_string(lua_State *L, struct tl_pack *pack, const char *op,
			    const char *field, char type)
{
	const char *text;
	size_t size;

	if (type == TL_TYPE_ostr && lua_isnil(L, -1))
		return 0;
	text = text_of(L, op, field, &size);
	if (memchr(text, '\0', size))
		FAIL(L, "plan: %s.%s has a NUL byte", op, field);
	return tl_pack_bytes(pack, text, size + 1, 1);
}

static struct tl_span pack_args(lua_State *L, struct tl_pack *pack, const char *op,
				const char *field)
{
	struct tl_span span = { 0, 0 };
	size_t n, start;

	if (lua_type(L, -1) != LUA_TTABLE)
		FAIL(L, "plan: %s.%s is not a list but %s", op, field,
		     luaL_typename(L, -1));
	n = lua_objlen(L, -1);
	start = pack->size;
	for (size_t i = 1; i <= n; i++) {
		lua_rawgeti(L, -1, (int)i);
		pack_string(L, pack, op, field, TL_TYPE_str);
		lua_pop(L, 1);
	}
	span.offset = (uint32_t)start;
	span.size = (uint32_t)(pack->size - start);
	return span;
}

static struct tl_span pack_ids(lua_State *L, struct tl_pack *pack, const char *op,
			       const char *field)
{
	struct tl_span span = { 0, 0 };
	size_t n;

	if (lua_type(L, -1) != LUA_TTABLE)
		FAIL(L, "plan: %s.%s is not a list but %s", op, field,
		     luaL_typename(L, -1));
	n = lua_objlen(L, -1);
	span.offset = tl_pack_bytes(pack, "", 0, 8);
	for (size_t i = 1; i <= n; i++) {
		uint32_t id;

		lua_rawgeti(L, -1, (int)i);
		id = word_of(L, op, field, 0, 4294967294.0);
		lua_pop(L, 1);
		tl_pack_bytes(pack, &id, sizeof(id), 1);
	}
	span.size = (uint32_t)(n * sizeof(uint32_t));
	return span;
}

static uint32_t pack_slot(lua_State *L, struct tl_pack *pack,
			  const struct tl_op_info *info, const char *field, unsigned lane)
{
	uint32_t slot = word_of(L, info->name, field, 0, TL_PLAN_MAX_SLOTS - 1);

	if (slot >= pack->slots)
		pack->slots = slot + 1;
	if (lane == TL_HOST && slot >= pack->inherited)
		pack->inherited = slot + 1;
	return slot;
}

/* The value on top of the stack, into words; returns how many it took. */
static unsigned pack_value(lua_State *L, struct tl_pack *pack,
			   const struct tl_op_info *info, const char *field, char type,
			   unsigned lane, uint32_t *words)
{
	struct tl_span span = { 0, 0 };
	const char *bytes;
	uint64_t value;
	size_t size;

	switch (type) {
	case TL_TYPE_u32:
		words[0] = lua_type(L, -1) == LUA_TBOOLEAN
			? (uint32_t)lua_toboolean(L, -1)
			: word_of(L, info->name, field, 0, 4294967295.0);
		return 1;
	case TL_TYPE_i32:
		words[0] = word_of(L, info->name, field, -2147483648.0, 2147483647.0);
		return 1;
	case TL_TYPE_u64:
		value = tl_bind_check_u64(L, lua_gettop(L));
		words[0] = (uint32_t)value;
		words[1] = (uint32_t)(value >> 32);
		return 2;
	case TL_TYPE_slot:
	case TL_TYPE_newslot:
		words[0] = pack_slot(L, pack, info, field, lane);
		return 1;
	case TL_TYPE_blob:
		bytes = text_of(L, info->name, field, &size);
		span.offset = tl_pack_bytes(pack, bytes, size, 8);
		span.size = (uint32_t)size;
		break;
	case TL_TYPE_args:
		span = pack_args(L, pack, info->name, field);
		break;
	case TL_TYPE_ids:
		span = pack_ids(L, pack, info->name, field);
		break;
	default:
		words[0] = pack_string(L, pack, info->name, field, type);
		return 1;
	}
	words[0] = span.offset;
	words[1] = span.size;
	return 2;
}

static unsigned name_index(lua_State *L, const char *field, const char *const *names,
			   size_t count, const char *op)
{
	const char *name;

	lua_getfield(L, -1, field);
	name = lua_tostring(L, -1);
	for (size_t i = 0; name && i < count; i++)
		if (names[i] && !strcmp(names[i], name)) {
			lua_pop(L, 1);
			return (unsigned)i;
		}
	FAIL(L, "plan: %s has no such %s: %s", op, field, name ? name : "nil");
	return 0;
}

static void pack_op(lua_State *L, struct tl_pack *pack, unsigned index)
{
	struct tl_record record = { .origin = index }, *to;
	struct tl_op_info info;
	const char *names, *name;
	unsigned w = 0;
	int code;

	lua_getfield(L, -1, "op");
	name = lua_tostring(L, -1);
	code = name ? tl_op_by_name(name) : -1;
	if (code < 0)
		FAIL(L, "plan: operation %d is not one: %s", (int)index,
		     name ? name : "nil");
	lua_pop(L, 1);
	info = tl_op_info((unsigned)code);
	record.code = (uint16_t)code;
	record.lane =
		(uint8_t)name_index(L, "lane", lane_names, TL_BESIDE + 1, info.name);
	record.stage =
		(uint8_t)name_index(L, "stage", stage_names, TL_STAGE_COUNT, info.name);
	names = info.fields;
	for (const char *type = info.types; *type; type++) {
		size_t n = name_length(names);
		char field[32];

		memcpy(field, names, n);
		field[n] = '\0';
		lua_getfield(L, -1, field);
		w += pack_value(L, pack, &info, field, *type, record.lane,
				record.word + w);
		lua_pop(L, 1);
		names += n + 1;
	}
	to = tl_pack_op(pack);
	if (to)
		*to = record;
}

static int free_pack(lua_State *L)
{
	tl_pack_free(lua_touserdata(L, 1));
	return 0;
}

/* pack(ops, {given=n}) -> bytes; raises on a field of the wrong type or a plan that is refused. */
static int plan_pack(lua_State *L)
{
	struct tl_pack *pack;
	uint32_t given = 0;
	unsigned index;
	const char *why;
	size_t size, n;
	char *bytes;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (lua_istable(L, 2)) {
		lua_getfield(L, 2, "given");
		given = (uint32_t)luaL_optinteger(L, -1, 0);
	}
	pack = lua_newuserdata(L, sizeof(*pack));
	*pack = (struct tl_pack){ .failed = true };
	lua_newtable(L);
	lua_pushcfunction(L, free_pack);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	tl_pack_init(pack);
	n = lua_objlen(L, 1);
	for (size_t i = 1; i <= n; i++) {
		lua_rawgeti(L, 1, (int)i);
		luaL_checktype(L, -1, LUA_TTABLE);
		pack_op(L, pack, (unsigned)i);
		lua_pop(L, 1);
	}
	if (pack->failed)
		return FAIL(L, "plan: more than %d operations, or larger than %d bytes",
			    TL_PLAN_MAX_OPS, (int)TL_PLAN_MAX_SIZE);
	size = tl_pack_size(pack);
	bytes = lua_newuserdata(L, size);
	tl_pack_write(pack, given, bytes);
	tl_pack_free(pack);
	if (tl_plan_check(bytes, size, &index, &why) < 0)
		return FAIL(L, "plan: operation %d: %s", (int)index + 1, why);
	lua_pushlstring(L, bytes, size);
	return 1;
}

/* check(bytes) -> true | nil, {index=, why=} (index counts from 1; 0 is the header) */
static int plan_check(lua_State *L)
{
	size_t size;
	const char *bytes = luaL_checklstring(L, 1, &size), *why;
	void *copy = lua_newuserdata(L, size + 1); /* aligned, whatever the string is */
	unsigned index;

	memcpy(copy, bytes, size);
	if (tl_plan_check(copy, size, &index, &why) == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_newtable(L);
	lua_pushinteger(L, index == TL_NO_OP ? 0 : (int)index + 1);
	lua_setfield(L, -2, "index");
	lua_pushstring(L, why);
	lua_setfield(L, -2, "why");
	return 2;
}

static void push_args(lua_State *L, const char *p, uint32_t size)
{
	int n = 0;

	lua_newtable(L);
	for (uint32_t i = 0; i < size; i += (uint32_t)strlen(p + i) + 1) {
		lua_pushstring(L, p + i);
		lua_rawseti(L, -2, ++n);
	}
}

static void push_value(lua_State *L, const struct tl_plan *plan, const uint32_t *w,
		       char type)
{
	switch (type) {
	case TL_TYPE_i32:
		lua_pushinteger(L, (int32_t)w[0]);
		return;
	case TL_TYPE_u64:
		tl_bind_push_u64(L, (uint64_t)w[1] << 32 | w[0]);
		return;
	case TL_TYPE_str:
	case TL_TYPE_path:
	case TL_TYPE_ostr:
		if (w[0])
			lua_pushstring(L, tl_plan_at(plan, w[0]));
		else
			lua_pushnil(L);
		return;
	case TL_TYPE_blob:
		lua_pushlstring(L, tl_plan_at(plan, w[0]), w[1]);
		return;
	case TL_TYPE_args:
		push_args(L, tl_plan_at(plan, w[0]), w[1]);
		return;
	case TL_TYPE_ids:
		lua_newtable(L);
		for (uint32_t i = 0; i < w[1] / 4; i++) {
			uint32_t id;

			memcpy(&id, tl_plan_at(plan, w[0]) + (size_t)i * 4, 4);
			lua_pushnumber(L, id);
			lua_rawseti(L, -2, (int)i + 1);
		}
		return;
	default:
		lua_pushnumber(L, w[0]);
	}
}

static void push_op(lua_State *L, const struct tl_plan *plan, const struct tl_record *r)
{
	struct tl_op_info info = tl_op_info(r->code);
	const char *names = info.fields;
	unsigned w = 0;

	lua_newtable(L);
	lua_pushstring(L, info.name);
	lua_setfield(L, -2, "op");
	lua_pushstring(L, lane_names[r->lane]);
	lua_setfield(L, -2, "lane");
	lua_pushstring(L, stage_names[r->stage]);
	lua_setfield(L, -2, "stage");
	for (const char *type = info.types; *type; type++) {
		size_t n = name_length(names);

		lua_pushlstring(L, names, n);
		push_value(L, plan, r->word + w, *type);
		lua_settable(L, -3);
		w += tl_type_words(*type);
		names += n + 1;
	}
}

/* unpack(bytes) -> ops, given */
static int plan_unpack(lua_State *L)
{
	size_t size;
	const char *bytes = luaL_checklstring(L, 1, &size), *why;
	struct tl_plan *plan = lua_newuserdata(L, size + 1);
	unsigned index;

	memcpy(plan, bytes, size);
	if (tl_plan_check(plan, size, &index, &why) < 0)
		return FAIL(L, "plan: operation %d: %s", (int)index + 1, why);
	lua_newtable(L);
	for (uint32_t i = 0; i < plan->count; i++) {
		push_op(L, plan, &tl_plan_ops(plan)[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_pushinteger(L, plan->given);
	return 2;
}

static const char *type_name(char type)
{
#define NAME(type) \
	case TL_TYPE_##type: \
		return #type;
	switch (type) {
		NAME(u32)
		NAME(i32)
		NAME(u64)
		NAME(str)
		NAME(ostr)
		NAME(path) NAME(blob) NAME(args) NAME(ids) NAME(slot) NAME(newslot)
	}
#undef NAME
	return "?";
}

static void push_words(lua_State *L, const char *words)
{
	int n = 0;

	lua_newtable(L);
	while (*words) {
		size_t length = strcspn(words, ",");

		lua_pushlstring(L, words, length);
		lua_rawseti(L, -2, ++n);
		words += length + (words[length] == ',');
	}
}

static void push_info(lua_State *L, const struct tl_op_info *info)
{
	static const char *const undo[] = { "none", "close", "kill", "hook", "remove" };
	const char *names = info->fields;
	int n = 0;

	lua_newtable(L);
	lua_pushstring(L, info->name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, info->story);
	lua_setfield(L, -2, "story");
	lua_pushstring(L, undo[info->undo]);
	lua_setfield(L, -2, "undo");
	push_words(L, info->calls);
	lua_setfield(L, -2, "calls");
	lua_newtable(L);
	for (int lane = TL_HOST; lane <= TL_BESIDE; lane *= 2)
		if (info->lanes & lane) {
			lua_pushstring(L, lane_names[lane]);
			lua_rawseti(L, -2, ++n);
		}
	lua_setfield(L, -2, "lanes");
	lua_newtable(L);
	n = 0;
	for (const char *type = info->types; *type; type++) {
		size_t length = name_length(names);

		lua_newtable(L);
		lua_pushlstring(L, names, length);
		lua_setfield(L, -2, "name");
		lua_pushstring(L, type_name(*type));
		lua_setfield(L, -2, "type");
		lua_rawseti(L, -2, ++n);
		names += length + 1;
	}
	lua_setfield(L, -2, "fields");
}

/* operations() -> list in the order of the codes, see ops.def */
static int plan_operations(lua_State *L)
{
	lua_newtable(L);
	for (unsigned code = 0; code < TL_OP_COUNT; code++) {
		struct tl_op_info info = tl_op_info(code);

		push_info(L, &info);
		lua_rawseti(L, -2, (int)code + 1);
	}
	return 1;
}

int tl_lua_open_plan(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "pack", plan_pack },
		{ "check", plan_check },
		{ "unpack", plan_unpack },
		{ "operations", plan_operations },
		{ NULL, NULL },
	};

	tl_bind_module(L, functions);
	return 1;
}
