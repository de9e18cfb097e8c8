/*
 * A command of the bench: its words, how it is started and timed, and a table of its times.
 *
 *   NAME [3<FILE] WORD...
 *
 * In a word, {} becomes a text that is different in every run (the id of a container), and {p} the
 * number of the loop, from 0, if several run beside each other. Standard streams are /dev/null.
 */
#pragma once

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

#define COMMANDS_MAX 16
#define WORDS_MAX 80
#define WORD_ROOM 512

struct command {
	const char *name;
	char **words;
	posix_spawn_file_actions_t files;
	double *times;
	long peak; /* kB */
};

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Words up to "::" or NULL. The times are the caller's: they may be shared with other loops. */
static inline void command_init(struct command *c, char **words, double *times)
{
	posix_spawn_file_actions_init(&c->files);
	posix_spawn_file_actions_addopen(&c->files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&c->files, 1, "/dev/null", O_WRONLY, 0);
	c->name = *words++;
	if (*words && !strncmp(*words, "3<", 2))
		posix_spawn_file_actions_addopen(&c->files, 3, *words++ + 2, O_RDONLY, 0);
	c->words = words;
	c->times = times;
	if (!words[0] || !times) {
		fprintf(stderr, "bench: no command for %s\n", c->name);
		exit(2);
	}
}

/* Cuts a list at each "::"; returns the number of commands. */
static inline size_t commands_parse(struct command *commands, char **words, size_t rounds)
{
	size_t count = 0;

	while (*words && count < COMMANDS_MAX) {
		char **first = words;

		while (*words && strcmp(*words, "::") != 0)
			words++;
		if (*words)
			*words++ = NULL;
		command_init(&commands[count++], first, calloc(rounds, sizeof(double)));
	}
	return count;
}

static inline char *command_word(char *word, char *room, unsigned loop)
{
	static unsigned count;
	char *mark = strstr(word, "{}"), *place = strstr(word, "{p}");

	if (mark)
		snprintf(room, WORD_ROOM, "%.*s%d-%u%s", (int)(mark - word), word,
			 getpid(), count++, mark + 2);
	else if (place)
		snprintf(room, WORD_ROOM, "%.*s%u%s", (int)(place - word), word, loop,
			 place + 3);
	return mark || place ? room : word;
}

/* Runs it once, which must succeed, and returns the microseconds. */
static inline double command_run(struct command *c, unsigned loop)
{
	static char room[WORDS_MAX][WORD_ROOM];
	char *argv[WORDS_MAX + 1] = { NULL };
	struct rusage usage;
	double start, end;
	int status, error;
	pid_t pid;

	for (size_t i = 0; i < WORDS_MAX && c->words[i]; i++)
		argv[i] = command_word(c->words[i], room[i], loop);
	if (!argv[0])
		exit(2);
	start = now();
	error = posix_spawnp(&pid, argv[0], &c->files, NULL, argv, environ);
	if (error) {
		fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(error));
		exit(1);
	}
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	end = now();
	if (status != 0) {
		fprintf(stderr, "bench: %s ended with status 0x%x\n", c->name,
			(unsigned)status);
		exit(1);
	}
	if (usage.ru_maxrss > c->peak)
		c->peak = usage.ru_maxrss;
	return end - start;
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline void sort_times(double *times, size_t count)
{
	qsort(times, count, sizeof(*times), by_value);
}

/* Sorts the times, and begins a JSON object with them; the caller ends it. */
static inline void print_times(const char *name, double *times, size_t count)
{
	sort_times(times, count);
	printf("{\"name\":\"%s\",\"runs\":%zu,\"median\":%.1f,\"p10\":%.1f,\"p90\":%.1f,"
	       "\"min\":%.1f",
	       name, count, times[count / 2], times[count / 10], times[count * 9 / 10],
	       times[0]);
}
