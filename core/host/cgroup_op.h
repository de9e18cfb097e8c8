/*
 * The operations of a plan on cgroups that are made, or about to be. Layer: host.
 */
#pragma once

#include "../plan/plan.h"
#include "cgroup.h"

/*
 * Carry out a limit_cgroup, give_cgroup or step_aside of a plan that was checked. Returns 0, or
 * -errno with the number of the system call that failed in *call: -ENOSYS for another operation, and
 * where there is no group (NULL).
 */
int tl_cgroup_carry_out(struct tl_cgroup *group, const struct tl_plan *plan,
			const struct tl_record *r, long *call);
