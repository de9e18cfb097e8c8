#include "cgroup_stats.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "cgroup_file.h"

#define TEXT 8192
#define NO_LIMIT 9.2e18 /* how v1 says it, in bytes: LONG_MAX by pages */

/* What a file's name begins with, which tells the hierarchy that it is in (v1). */
static const char *const controllers[TL_CGROUP_PLACES] = { "cpuacct.", "cpu.", "memory.",
							   "blkio.",   "io.",  "pids." };

/* Of one cgroup: to look for every file in every directory would be most of the work. */
struct source {
	const struct tl_cgroup *group;
	struct tl_cgroup_places *places;
	enum { UNKNOWN, KNOWN, NOWHERE } known[TL_CGROUP_PLACES];
	char text[TEXT]; /* of the file that was read last */
};

/* In one read: the kernel makes the whole text of such a file at once. */
static bool read_at(struct source *from, unsigned place, const char *file)
{
	autoclose int fd =
		tl_cgroup_open_file(from->group->dirs[place].fd, file, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, from->text, TEXT - 1);

	if (n < 0)
		return false;
	from->text[n] = '\0';
	return true;
}

/* Looks where it was in the last cgroup, then everywhere else. */
static bool find(struct source *from, unsigned controller, const char *file)
{
	unsigned *place = &from->places->at[controller], first = *place;

	if (first < from->group->count && read_at(from, first, file))
		return true;
	for (unsigned i = 0; i < from->group->count; i++)
		if (i != first && read_at(from, i, file)) {
			*place = i;
			return true;
		}
	return false;
}

/* The text of a file, until the next one is read; NULL where there is none. */
static const char *read_text(struct source *from, const char *file)
{
	unsigned c = 0;
	bool found;

	while (strncmp(file, controllers[c], strlen(controllers[c])) != 0)
		if (++c == TL_CGROUP_PLACES)
			return NULL;
	if (from->known[c] == NOWHERE)
		return NULL;
	if (from->known[c] == KNOWN)
		return read_at(from, from->places->at[c], file) ? from->text : NULL;
	found = find(from, c, file);
	from->known[c] = found ? KNOWN : NOWHERE;
	return found ? from->text : NULL;
}

static double number(struct source *from, const char *file)
{
	const char *text = read_text(from, file);
	char *end;
	double value;

	if (!text)
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

static void read_pressure(struct source *from, const char *file, struct tl_pressure *some,
			  struct tl_pressure *full)
{
	const char *text = read_text(from, file);

	*some = *full = (struct tl_pressure){ NAN, NAN, NAN, NAN };
	/* Switched off it can be read and is empty (psi=0), or cannot (cgroup.pressure). */
	if (!text || !strstr(text, "total="))
		return;
	pressure_line(text, "some ", some);
	pressure_line(text, "full ", full);
}

static void cpu_v1(struct source *from, struct tl_cgroup_stats *stats)
{
	const char *text;

	stats->cpu_usage = number(from, "cpuacct.usage") / 1e9;
	stats->cpu_user = number(from, "cpuacct.usage_user") / 1e9;
	stats->cpu_system = number(from, "cpuacct.usage_sys") / 1e9;
	text = read_text(from, "cpu.stat");
	if (!text)
		return;
	stats->cpu_periods = named(text, "nr_periods");
	stats->cpu_throttled_periods = named(text, "nr_throttled");
	stats->cpu_throttled = named(text, "throttled_time") / 1e9;
}

static void memory_v1(struct source *from, bool detail, struct tl_cgroup_stats *stats)
{
	const char *text;

	stats->memory_current = number(from, "memory.usage_in_bytes");
	stats->memory_peak = number(from, "memory.max_usage_in_bytes");
	stats->memory_limit = number(from, "memory.limit_in_bytes");
	stats->memory_swap =
		number(from, "memory.memsw.usage_in_bytes") - stats->memory_current;
	if (stats->memory_swap < 0) /* read one after the other */
		stats->memory_swap = 0;
	text = read_text(from, "memory.oom_control");
	if (text)
		stats->oom_kills = named(text, "oom_kill");
	text = detail ? read_text(from, "memory.stat") : NULL;
	if (!text)
		return;
	stats->memory_anon = named(text, "total_rss");
	stats->memory_file = named(text, "total_cache");
	stats->memory_shmem = named(text, "total_shmem");
	stats->memory_kernel = number(from, "memory.kmem.usage_in_bytes");
	stats->memory_sock = number(from, "memory.kmem.tcp.usage_in_bytes");
}

static void io_v1(struct source *from, struct tl_cgroup_stats *stats)
{
	const char *text;

	text = read_text(from, "blkio.throttle.io_service_bytes_recursive");
	if (text) {
		stats->io_rbytes = summed(text, "Read ");
		stats->io_wbytes = summed(text, "Write ");
	}
	text = read_text(from, "blkio.throttle.io_serviced_recursive");
	if (text) {
		stats->io_rios = summed(text, "Read ");
		stats->io_wios = summed(text, "Write ");
	}
}

static void read_v1(struct source *from, bool detail, struct tl_cgroup_stats *stats)
{
	cpu_v1(from, stats);
	memory_v1(from, detail, stats);
	io_v1(from, stats);
}

static void cpu_v2(struct source *from, struct tl_cgroup_stats *stats)
{
	const char *text;

	text = read_text(from, "cpu.stat");
	if (!text)
		return;
	stats->cpu_usage = named(text, "usage_usec") / 1e6;
	stats->cpu_user = named(text, "user_usec") / 1e6;
	stats->cpu_system = named(text, "system_usec") / 1e6;
	stats->cpu_periods = named(text, "nr_periods");
	stats->cpu_throttled_periods = named(text, "nr_throttled");
	stats->cpu_throttled = named(text, "throttled_usec") / 1e6;
}

static void memory_v2(struct source *from, bool detail, struct tl_cgroup_stats *stats)
{
	const char *text;

	stats->memory_current = number(from, "memory.current");
	stats->memory_peak = number(from, "memory.peak");
	stats->memory_limit = number(from, "memory.max");
	stats->memory_swap = number(from, "memory.swap.current");
	text = read_text(from, "memory.events");
	if (text) {
		stats->oom_events = named(text, "oom");
		stats->oom_kills = named(text, "oom_kill");
		stats->oom_group_kills = named(text, "oom_group_kill");
	}
	text = detail ? read_text(from, "memory.stat") : NULL;
	if (!text)
		return;
	stats->memory_anon = named(text, "anon");
	stats->memory_file = named(text, "file");
	stats->memory_kernel = named(text, "kernel");
	stats->memory_shmem = named(text, "shmem");
	stats->memory_sock = named(text, "sock");
	stats->memory_slab = named(text, "slab");
}

static void read_v2(struct source *from, bool detail, struct tl_cgroup_stats *stats)
{
	const char *text;

	cpu_v2(from, stats);
	memory_v2(from, detail, stats);
	text = read_text(from, "io.stat");
	if (text) {
		stats->io_rbytes = summed(text, "rbytes=");
		stats->io_wbytes = summed(text, "wbytes=");
		stats->io_rios = summed(text, "rios=");
		stats->io_wios = summed(text, "wios=");
	}
	read_pressure(from, "cpu.pressure", &stats->cpu_some, &stats->cpu_full);
	read_pressure(from, "memory.pressure", &stats->memory_some, &stats->memory_full);
	read_pressure(from, "io.pressure", &stats->io_some, &stats->io_full);
}

void tl_cgroup_stats(const struct tl_cgroup *group, bool detail,
		     struct tl_cgroup_places *places, struct tl_cgroup_stats *stats)
{
	bool unified = group->count && tl_cgroup_version_of(group->dirs[0].fd) == 2;
	struct source from = { .group = group, .places = places };
	double *values = (double *)stats;
	const char *text;

	for (size_t i = 0; i < sizeof(*stats) / sizeof(*values); i++)
		values[i] = NAN;
	/* One directory has all that there is, also where the first file of a controller is not. */
	for (size_t i = 0; unified && i < TL_CGROUP_PLACES; i++) {
		from.known[i] = KNOWN;
		places->at[i] = 0;
	}
	if (unified)
		read_v2(&from, detail, stats);
	else
		read_v1(&from, detail, stats);
	stats->pids_current = number(&from, "pids.current");
	stats->pids_peak = number(&from, "pids.peak");
	stats->pids_limit = number(&from, "pids.max");
	text = read_text(&from, "pids.events");
	if (text)
		stats->pids_refused = named(text, "max");
}
