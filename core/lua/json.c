/*
 * tidelock.core.json: strict JSON for Lua. Documented in lua/tidelock/meta/json.lua.
 *
 * Layer: core/lua, bindings only. The document lives in a userdata with a finalizer, so that it
 * is freed if Lua runs out of memory while its values are made.
 */
#include "../host/json.h"
#include "bind.h"

#include <errno.h>

#define DOCUMENT_CLASS "tidelock.json"
#define RAW_PATHS 8
#define LARGEST_WHOLE (UINT64_C(1) << 53)

/* Upvalues of decode. */
#define LIST_META lua_upvalueindex(1)
#define INTEGER_META lua_upvalueindex(2)

static int document_free(lua_State *L)
{
	tl_json_free(luaL_checkudata(L, 1, DOCUMENT_CLASS));
	return 0;
}

static struct tl_json *new_document(lua_State *L)
{
	static const luaL_Reg methods[] = { { NULL, NULL } };
	struct tl_json *doc = lua_newuserdata(L, sizeof(*doc));

	*doc = (struct tl_json){ 0 };
	luaL_getmetatable(L, DOCUMENT_CLASS);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		tl_bind_class(L, DOCUMENT_CLASS, methods, document_free);
		luaL_getmetatable(L, DOCUMENT_CLASS);
	}
	lua_setmetatable(L, -2);
	return doc;
}

/* A Lua number holds every integer up to 2^53; what is larger keeps its digits. */
static void push_integer(lua_State *L, const struct tl_json *doc, uint32_t node)
{
	const char *text = doc->text + doc->nodes[node].at;
	uint32_t size = doc->nodes[node].end - doc->nodes[node].at, i = *text == '-';
	uint64_t value = 0;

	for (; i < size && value <= LARGEST_WHOLE; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	if (value <= LARGEST_WHOLE) {
		lua_pushnumber(L, *text == '-' ? -(lua_Number)value : (lua_Number)value);
		return;
	}
	lua_createtable(L, 1, 0);
	lua_pushlstring(L, text, size);
	lua_rawseti(L, -2, 1);
	lua_pushvalue(L, INTEGER_META);
	lua_setmetatable(L, -2);
}

static void push_value(lua_State *L, const struct tl_json *doc, uint32_t node);

static void push_list(lua_State *L, const struct tl_json *doc, uint32_t node)
{
	uint32_t i = node + 1, end = doc->nodes[node].next;
	int index = 1;

	lua_createtable(L, (int)doc->nodes[node].size, 0);
	for (; i < end; i = doc->nodes[i].next) {
		push_value(L, doc, i);
		lua_rawseti(L, -2, index++);
	}
	lua_pushvalue(L, LIST_META);
	lua_setmetatable(L, -2);
}

static void push_object(lua_State *L, const struct tl_json *doc, uint32_t node)
{
	uint32_t i = node + 1, end = doc->nodes[node].next;

	lua_createtable(L, 0, (int)doc->nodes[node].size);
	for (; i < end; i = doc->nodes[i + 1].next) {
		if (doc->nodes[i + 1].type == TL_JSON_NULL)
			continue;
		push_value(L, doc, i);
		push_value(L, doc, i + 1);
		lua_rawset(L, -3);
	}
}

/* The depth is at most TL_JSON_DEPTH, and decode has made room on the stack for it. */
static void push_value(lua_State *L, const struct tl_json *doc, uint32_t node)
{
	const struct tl_json_node *value = &doc->nodes[node];
	const char *bytes;
	size_t size;

	switch (value->type) {
	case TL_JSON_NULL:
		lua_pushlightuserdata(L, NULL);
		break;
	case TL_JSON_FALSE:
	case TL_JSON_TRUE:
		lua_pushboolean(L, value->type == TL_JSON_TRUE);
		break;
	case TL_JSON_INTEGER:
		push_integer(L, doc, node);
		break;
	case TL_JSON_NUMBER:
		lua_pushnumber(L, tl_json_double(doc, node));
		break;
	case TL_JSON_STRING:
		bytes = tl_json_string(doc, node, &size);
		lua_pushlstring(L, bytes, size);
		break;
	case TL_JSON_LIST:
		push_list(L, doc, node);
		break;
	case TL_JSON_OBJECT:
		push_object(L, doc, node);
		break;
	case TL_JSON_RAW:
		lua_pushlstring(L, doc->text + value->at, value->end - value->at);
		break;
	}
}

/* The keys of options.raw; the strings live as long as the options do. */
static size_t read_raw(lua_State *L, const char *raw[RAW_PATHS])
{
	size_t count = 0;

	if (lua_isnoneornil(L, 2))
		return 0;
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_getfield(L, 2, "raw");
	if (!lua_isnil(L, -1)) {
		luaL_argcheck(L, lua_istable(L, -1), 2,
			      "raw must be a table, { [\"a.path\"] = true }");
		for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
			luaL_argcheck(
				L, lua_type(L, -2) == LUA_TSTRING && count < RAW_PATHS, 2,
				"raw must have at most 8 paths, each of them a string");
			raw[count++] = lua_tostring(L, -2);
		}
	}
	lua_pop(L, 1);
	return count;
}

static int push_error(lua_State *L, const struct tl_json_error *error)
{
	lua_pushnil(L);
	lua_createtable(L, 0, 4);
	tl_bind_set_number(L, "line", error->line);
	tl_bind_set_number(L, "column", error->column);
	tl_bind_set_string(L, "why", error->why);
	tl_bind_set_string(L, "path", error->path);
	return 2;
}

/* decode(text, { raw = { [path] = true } }) -> value | nil, { line, column, why, path } */
static int decode(lua_State *L)
{
	const char *raw[RAW_PATHS], *text;
	struct tl_json_error error;
	struct tl_json *doc;
	size_t size, raw_count;
	int result;

	luaL_checktype(L, 1, LUA_TSTRING);
	text = lua_tolstring(L, 1, &size);
	raw_count = read_raw(L, raw);
	luaL_checkstack(L, 3 * TL_JSON_DEPTH + 16, "no room for the values");
	doc = new_document(L);
	result = tl_json_parse(doc, text, size, raw, raw_count, &error);
	if (result >= 0)
		push_value(L, doc, 0);
	tl_json_free(doc);
	if (result == -ENOMEM)
		return luaL_error(L, "not enough memory for the values of the JSON text");
	return result < 0 ? push_error(L, &error) : 1;
}

static int integer_text(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_rawgeti(L, 1, 1);
	return 1;
}

int tl_lua_open_json(lua_State *L)
{
	static const luaL_Reg none[] = { { NULL, NULL } };

	tl_bind_module(L, none);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, "array");
	lua_newtable(L);
	lua_pushcfunction(L, integer_text);
	lua_setfield(L, -2, "__tostring");
	lua_pushvalue(L, -1);
	lua_setfield(L, -4, "integer");
	lua_pushcclosure(L, decode, 2);
	lua_setfield(L, -2, "decode");
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	return 1;
}
