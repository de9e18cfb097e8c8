/*
 * Times commands against each other: every round runs each once, starting with a different one,
 * so that what the machine does meanwhile falls on all alike.
 *
 *   timer ROUNDS NAME [3<FILE] COMMAND... [:: NAME [3<FILE] COMMAND...]...
 *
 * Prints one JSON object a line: times in microseconds, the peak memory as wait4(2) tells it (that
 * of the command or of the largest process that it waited for). Standard streams are /dev/null.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_COMMANDS 16
#define WARM_UP 5

struct command {
	const char *name;
	char **argv;
	posix_spawn_file_actions_t files;
	double *times;
	long peak; /* kB */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double run(struct command *c)
{
	struct rusage usage;
	double start = now(), end;
	int status, error;
	pid_t pid;

	error = posix_spawnp(&pid, c->argv[0], &c->files, NULL, c->argv, environ);
	if (error) {
		fprintf(stderr, "timer: %s: %s\n", c->argv[0], strerror(error));
		exit(1);
	}
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	end = now();
	if (status != 0) {
		fprintf(stderr, "timer: %s ended with status 0x%x\n", c->name,
			(unsigned)status);
		exit(1);
	}
	if (usage.ru_maxrss > c->peak)
		c->peak = usage.ru_maxrss;
	return end - start;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const struct command *c, size_t rounds)
{
	qsort(c->times, rounds, sizeof(*c->times), by_value);
	printf("{\"name\":\"%s\",\"rounds\":%zu,\"median\":%.1f,\"p10\":%.1f,\"p90\":%.1f,"
	       "\"min\":%.1f,\"peak_kb\":%ld}\n",
	       c->name, rounds, c->times[rounds / 2], c->times[rounds / 10],
	       c->times[rounds * 9 / 10], c->times[0], c->peak);
}

static void add(struct command *c, char **words, size_t rounds)
{
	posix_spawn_file_actions_init(&c->files);
	posix_spawn_file_actions_addopen(&c->files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&c->files, 1, "/dev/null", O_WRONLY, 0);
	c->name = *words++;
	if (*words && !strncmp(*words, "3<", 2))
		posix_spawn_file_actions_addopen(&c->files, 3, *words++ + 2, O_RDONLY, 0);
	c->argv = words;
	c->times = calloc(rounds, sizeof(*c->times));
	if (!c->argv[0] || !c->times) {
		fprintf(stderr, "timer: no command for %s\n", c->name);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct command commands[MAX_COMMANDS] = { 0 };
	size_t rounds = argc > 3 ? strtoul(argv[1], NULL, 10) : 0, count = 0;

	if (rounds == 0) {
		fprintf(stderr,
			"usage: timer ROUNDS NAME [3<FILE] COMMAND... [:: ...]\n");
		return 2;
	}
	for (int i = 2; i < argc && count < MAX_COMMANDS; i++) {
		int first = i;

		while (i < argc && strcmp(argv[i], "::") != 0)
			i++;
		argv[i] = NULL; /* argv[argc] is NULL already */
		add(&commands[count++], argv + first, rounds);
	}
	for (size_t round = 0; round < rounds + WARM_UP; round++)
		for (size_t i = 0; i < count; i++) {
			struct command *c = &commands[(round + i) % count];
			double time = run(c);

			if (round >= WARM_UP)
				c->times[round - WARM_UP] = time;
		}
	for (size_t i = 0; i < count; i++)
		print(&commands[i], rounds);
	return 0;
}
