#include "cgroup_stats.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup_file.h"

#define TEXT 8192
#define NO_LIMIT 9.2e18 /* how v1 says it, in bytes: LONG_MAX by pages */

/* The text of a file in whichever directory has it; false where none has. */
static bool read_text(const struct tl_cgroup *group, const char *file, char text[TEXT])
{
	for (unsigned i = 0; i < group->count; i++)
		if (tl_cgroup_read(group->dirs[i].fd, file, text, TEXT) >= 0)
			return true;
	return false;
}

static double number(const struct tl_cgroup *group, const char *file)
{
	char text[TEXT], *end;
	double value;

	if (!read_text(group, file, text))
		return NAN;
	value = strtod(text, &end);
	return end == text || value >= NO_LIMIT ? NAN : value;
}

/* The number in the line "KEY 12". */
static double named(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, n) && line[n] == ' ')
			return strtod(line + n + 1, NULL);
	}
	return NAN;
}

/* The sum of all KEY12 in a text: "8:0 rbytes=5 ..." for each device. */
static double summed(const char *text, const char *key)
{
	double sum = 0;

	for (const char *at = text; (at = strstr(at, key)); at += strlen(key))
		sum += strtod(at + strlen(key), NULL);
	return sum;
}

static void pressure_line(const char *text, const char *kind,
			  struct tl_pressure *pressure)
{
	const char *line = strstr(text, kind);

	if (!line)
		return;
	pressure->avg10 = strtod(strstr(line, "avg10=") + 6, NULL);
	pressure->avg60 = strtod(strstr(line, "avg60=") + 6, NULL);
	pressure->avg300 = strtod(strstr(line, "avg300=") + 7, NULL);
	pressure->total = strtod(strstr(line, "total=") + 6, NULL) / 1e6;
}

static void read_pressure(const struct tl_cgroup *group, const char *file,
			  struct tl_pressure *some, struct tl_pressure *full)
{
	char text[TEXT];

	*some = *full = (struct tl_pressure){ NAN, NAN, NAN, NAN };
	/* Switched off it can be read and is empty (psi=0), or cannot (cgroup.pressure). */
	if (!read_text(group, file, text) || !strstr(text, "total="))
		return;
	pressure_line(text, "some ", some);
	pressure_line(text, "full ", full);
}

static void cpu_v1(const struct tl_cgroup *group, struct tl_cgroup_stats *stats)
{
	char text[TEXT];

	stats->cpu_usage = number(group, "cpuacct.usage") / 1e9;
	stats->cpu_user = number(group, "cpuacct.usage_user") / 1e9;
	stats->cpu_system = number(group, "cpuacct.usage_sys") / 1e9;
	if (!read_text(group, "cpu.stat", text))
		return;
	stats->cpu_periods = named(text, "nr_periods");
	stats->cpu_throttled_periods = named(text, "nr_throttled");
	stats->cpu_throttled = named(text, "throttled_time") / 1e9;
}

static void memory_v1(const struct tl_cgroup *group, bool detail,
		      struct tl_cgroup_stats *stats)
{
	char text[TEXT];

	stats->memory_current = number(group, "memory.usage_in_bytes");
	stats->memory_peak = number(group, "memory.max_usage_in_bytes");
	stats->memory_limit = number(group, "memory.limit_in_bytes");
	stats->memory_swap =
		number(group, "memory.memsw.usage_in_bytes") - stats->memory_current;
	if (stats->memory_swap < 0) /* read one after the other */
		stats->memory_swap = 0;
	if (read_text(group, "memory.oom_control", text))
		stats->oom_kills = named(text, "oom_kill");
	if (!detail || !read_text(group, "memory.stat", text))
		return;
	stats->memory_anon = named(text, "total_rss");
	stats->memory_file = named(text, "total_cache");
	stats->memory_shmem = named(text, "total_shmem");
	stats->memory_kernel = number(group, "memory.kmem.usage_in_bytes");
	stats->memory_sock = number(group, "memory.kmem.tcp.usage_in_bytes");
}

static void io_v1(const struct tl_cgroup *group, struct tl_cgroup_stats *stats)
{
	char text[TEXT];

	if (read_text(group, "blkio.throttle.io_service_bytes_recursive", text)) {
		stats->io_rbytes = summed(text, "Read ");
		stats->io_wbytes = summed(text, "Write ");
	}
	if (read_text(group, "blkio.throttle.io_serviced_recursive", text)) {
		stats->io_rios = summed(text, "Read ");
		stats->io_wios = summed(text, "Write ");
	}
}

static void read_v1(const struct tl_cgroup *group, bool detail,
		    struct tl_cgroup_stats *stats)
{
	cpu_v1(group, stats);
	memory_v1(group, detail, stats);
	io_v1(group, stats);
}

static void cpu_v2(const struct tl_cgroup *group, struct tl_cgroup_stats *stats)
{
	char text[TEXT];

	if (!read_text(group, "cpu.stat", text))
		return;
	stats->cpu_usage = named(text, "usage_usec") / 1e6;
	stats->cpu_user = named(text, "user_usec") / 1e6;
	stats->cpu_system = named(text, "system_usec") / 1e6;
	stats->cpu_periods = named(text, "nr_periods");
	stats->cpu_throttled_periods = named(text, "nr_throttled");
	stats->cpu_throttled = named(text, "throttled_usec") / 1e6;
}

static void memory_v2(const struct tl_cgroup *group, bool detail,
		      struct tl_cgroup_stats *stats)
{
	char text[TEXT];

	stats->memory_current = number(group, "memory.current");
	stats->memory_peak = number(group, "memory.peak");
	stats->memory_limit = number(group, "memory.max");
	stats->memory_swap = number(group, "memory.swap.current");
	if (read_text(group, "memory.events", text)) {
		stats->oom_events = named(text, "oom");
		stats->oom_kills = named(text, "oom_kill");
		stats->oom_group_kills = named(text, "oom_group_kill");
	}
	if (!detail || !read_text(group, "memory.stat", text))
		return;
	stats->memory_anon = named(text, "anon");
	stats->memory_file = named(text, "file");
	stats->memory_kernel = named(text, "kernel");
	stats->memory_shmem = named(text, "shmem");
	stats->memory_sock = named(text, "sock");
	stats->memory_slab = named(text, "slab");
}

static void read_v2(const struct tl_cgroup *group, bool detail,
		    struct tl_cgroup_stats *stats)
{
	char text[TEXT];

	cpu_v2(group, stats);
	memory_v2(group, detail, stats);
	if (read_text(group, "io.stat", text)) {
		stats->io_rbytes = summed(text, "rbytes=");
		stats->io_wbytes = summed(text, "wbytes=");
		stats->io_rios = summed(text, "rios=");
		stats->io_wios = summed(text, "wios=");
	}
	read_pressure(group, "cpu.pressure", &stats->cpu_some, &stats->cpu_full);
	read_pressure(group, "memory.pressure", &stats->memory_some, &stats->memory_full);
	read_pressure(group, "io.pressure", &stats->io_some, &stats->io_full);
}

void tl_cgroup_stats(const struct tl_cgroup *group, bool detail,
		     struct tl_cgroup_stats *stats)
{
	double *values = (double *)stats;
	char text[TEXT];

	for (size_t i = 0; i < sizeof(*stats) / sizeof(*values); i++)
		values[i] = NAN;
	if (group->count && tl_cgroup_version_of(group->dirs[0].fd) == 2)
		read_v2(group, detail, stats);
	else
		read_v1(group, detail, stats);
	stats->pids_current = number(group, "pids.current");
	stats->pids_peak = number(group, "pids.peak");
	stats->pids_limit = number(group, "pids.max");
	if (read_text(group, "pids.events", text))
		stats->pids_refused = named(text, "max");
}
