#include "names.h"

#include <string.h>

#define TL_INIT_OP TL_OP
#define TL_F(type, name) #name " "
#define TL_OP(name_, lanes_, undo_, calls_, story_, fields_) \
	[TL_OP_##name_] = { .name = #name_, \
			    .calls = (calls_), \
			    .story = (story_), \
			    .fields = "" fields_, \
			    .lanes = (lanes_), \
			    .undo = TL_UNDO_##undo_ },
static const struct {
	const char *name, *calls, *story, *fields;
	uint8_t lanes, undo;
} infos[TL_OP_COUNT] = {
#include "ops.def"
};

struct tl_op_info tl_op_info(unsigned code)
{
	struct tl_op_info info = { 0 };

	if (code >= TL_OP_COUNT)
		return info;
	info.name = infos[code].name;
	info.calls = infos[code].calls;
	info.story = infos[code].story;
	info.fields = infos[code].fields;
	info.types = tl_op_types[code];
	info.lanes = infos[code].lanes;
	info.undo = infos[code].undo;
	return info;
}

int tl_op_by_name(const char *name)
{
	for (int code = 0; code < TL_OP_COUNT; code++)
		if (!strcmp(infos[code].name, name))
			return code;
	return -1;
}
