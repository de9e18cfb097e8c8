#include "cgroup_op.h"

#include <errno.h>

#include "cgroup_room.h"

/*
 * A kernel that does not count swap has no file for it; of two files for one thing one must be
 * there, and take it: a device is weighed by its scheduler, or by io.cost (-EOPNOTSUPP).
 */
static int limit(struct tl_cgroup *group, const struct tl_plan *plan,
		 const struct tl_op_limit_cgroup *op, long *call)
{
	bool before = group->lacks;
	int ret = tl_cgroup_set(group, op->slot, tl_plan_at(plan, op->file),
				tl_plan_at(plan, op->value), call);

	group->lacks = ret == -ENOENT || ret == -EOPNOTSUPP;
	if (group->lacks &&
	    (op->optional == TL_MAY_LACK || (op->optional == TL_OR_THE_LAST && !before)))
		return 0;
	return ret;
}

static int give(struct tl_cgroup *group, const struct tl_plan *plan,
		const struct tl_op_give_cgroup *op, long *call)
{
	return tl_cgroup_give(group, op->slot, op->uid, op->gid,
			      tl_plan_at(plan, op->files.offset), op->files.size, call);
}

static int step_aside(struct tl_cgroup *group, const struct tl_plan *plan,
		      const struct tl_op_step_aside *op, long *call)
{
	return tl_cgroup_step_aside(group, tl_plan_at(plan, op->path),
				    tl_plan_at(plan, op->name), call);
}

int tl_cgroup_carry_out(struct tl_cgroup *group, const struct tl_plan *plan,
			const struct tl_record *r, long *call)
{
	const void *op = r;

	*call = 0;
	if (!group)
		return -ENOSYS;
	switch (r->code) {
	case TL_OP_limit_cgroup:
		return limit(group, plan, op, call);
	case TL_OP_give_cgroup:
		return give(group, plan, op, call);
	case TL_OP_step_aside:
		return step_aside(group, plan, op, call);
	default:
		return -ENOSYS;
	}
}
