/*
 * Does a command get slower, or leave something behind, when it is run many times in a row?
 *
 *   drift ROUNDS COMMAND [:: COMMAND]...        COMMAND: see command.h
 *
 * The commands take turns: what makes the machine slower meanwhile shows in a floor as well. Prints
 * one JSON object a line: the medians of the first and of the last tenth of the runs, and for each
 * kind of thing how many there are more than before, of all the commands together: descriptors of
 * this loop, cgroups of the host, mounts of this namespace, entries of /run, processes that were
 * left to this one.
 */
#include "spec/bench/command.h"

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <sys/prctl.h>

#define WARM_UP 20
#define SETTLE_MS 2000

enum { FDS, CGROUPS, MOUNTS, RUN_ENTRIES, PROCESSES, KINDS };

static const char *const kinds[KINDS] = {
	[FDS] = "fds",
	[CGROUPS] = "cgroups",
	[MOUNTS] = "mounts",
	[RUN_ENTRIES] = "run_entries",
	[PROCESSES] = "processes",
};

static long found;

static int count_directory(const char *path, const struct stat *stat, int type,
			   struct FTW *place)
{
	(void)path, (void)stat, (void)place;
	found += type == FTW_D;
	return 0;
}

static int count_all(const char *path, const struct stat *stat, int type,
		     struct FTW *place)
{
	(void)path, (void)stat, (void)type, (void)place;
	found++;
	return 0;
}

static long entries_below(const char *path, bool directories)
{
	found = 0;
	nftw(path, directories ? count_directory : count_all, 16, FTW_PHYS);
	return found;
}

static long lines_of(const char *path)
{
	FILE *file = fopen(path, "re");
	long lines = 0;
	int c;

	if (!file)
		return -1;
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

/* The parent of a process, from the name of its folder in /proc; -1 if it has gone. */
static long parent_of(const char *pid)
{
	char path[300], line[512], *end_of_name = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fgets(line, sizeof(line), file))
		end_of_name = strrchr(line, ')');
	fclose(file);
	/* ") S PARENT" */
	return end_of_name ? strtol(end_of_name + 4, NULL, 10) : -1;
}

/* Orphans of the containers come to this process: the dead are reaped, the living are counted. */
static long orphans(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	long count = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	while (proc && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			count += parent_of(entry->d_name) == getpid();
	if (proc)
		closedir(proc);
	return count;
}

static void take_stock(long stock[KINDS])
{
	stock[FDS] = entries_below("/proc/self/fd", false);
	stock[CGROUPS] = entries_below("/sys/fs/cgroup", true);
	stock[MOUNTS] = lines_of("/proc/self/mountinfo");
	stock[RUN_ENTRIES] = entries_below("/run", false);
	stock[PROCESSES] = orphans();
}

/* What ends by itself in a moment is not left behind, and others may be at work on the host. */
static void compare_stock(const long before[KINDS], long more[KINDS])
{
	double deadline = now() + SETTLE_MS * 1e3;
	bool same;

	do {
		long after[KINDS];

		take_stock(after);
		same = true;
		for (size_t i = 0; i < KINDS; i++) {
			more[i] = after[i] - before[i];
			same = same && more[i] <= 0;
		}
		if (!same)
			usleep(50000);
	} while (!same && now() < deadline);
}

static void print(struct command *c, size_t rounds, const long more[KINDS])
{
	size_t tenth = rounds / 10;
	double first, last;

	sort_times(c->times, tenth);
	sort_times(c->times + rounds - tenth, tenth);
	first = c->times[tenth / 2];
	last = c->times[rounds - tenth + tenth / 2];
	print_times(c->name, c->times, rounds);
	printf(",\"first\":%.1f,\"last\":%.1f", first, last);
	for (size_t i = 0; i < KINDS; i++)
		printf(",\"%s\":%ld", kinds[i], more[i]);
	puts("}");
}

static void run_all(struct command *commands, size_t count, size_t rounds)
{
	long before[KINDS], more[KINDS];

	for (size_t i = 0; i < WARM_UP * count; i++)
		command_run(&commands[i % count], 0);
	take_stock(before);
	for (size_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++) {
			struct command *c = &commands[(round + i) % count];

			c->times[round] = command_run(c, 0);
		}
	compare_stock(before, more);
	for (size_t i = 0; i < count; i++)
		print(&commands[i], rounds, more);
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX] = { 0 };
	size_t rounds = argc > 3 ? strtoul(argv[1], NULL, 10) : 0, count;

	if (rounds < 10) {
		fprintf(stderr,
			"usage: drift ROUNDS NAME [3<FILE] WORD... [:: ...] (10 rounds at least)\n");
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	count = commands_parse(commands, argv + 2, rounds);
	run_all(commands, count, rounds);
	return 0;
}
