/*
 * What people read of an operation. Layer: plan, but not part of init: the child prints nothing.
 */
#pragma once

#include "plan.h"

/* The description of an operation; .name is NULL for an unknown code. */
struct tl_op_info tl_op_info(unsigned code);

/* The code of the operation of that name, or -1. */
int tl_op_by_name(const char *name);
