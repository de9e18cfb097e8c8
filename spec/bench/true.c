/*
 * The workload of the bundles: a static program that ends well and does nothing else, so that what
 * is measured is the start of a container and not that of a libc in it.
 */
#include "core/sys/raw.h"

void _start(void);

void _start(void)
{
	raw(exit_group, 0);
	__builtin_unreachable();
}
