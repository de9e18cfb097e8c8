/*
 * Throughput of commands when several loops run each of them beside each other.
 *
 *   parallel LOOPS ROUNDS COMMAND [:: COMMAND]...        COMMAND: see command.h
 *
 * Each command has the machine to itself for a turn, in which every loop runs it; the turns of the
 * commands take each other's place, so that a slow minute of the machine falls on all. Prints one
 * JSON object a line: the times of single runs, and how many runs a second all loops did together
 * (the median over the turns).
 */
#include "spec/bench/command.h"

#include <sys/mman.h>

#define TURNS 5
#define LOOPS_MAX 8
#define WARM_UP 3

static size_t loops, rounds;

/* The times are shared: each loop writes its own part. */
static void loop(struct command *c, unsigned number, double *times, int go)
{
	char byte;

	for (size_t i = 0; i < WARM_UP; i++)
		command_run(c, number);
	/* Ready; then wait until all are: the end of the file. */
	if (write(STDOUT_FILENO, "", 1) != 1 || read(go, &byte, 1) != 0)
		exit(1);
	for (size_t i = 0; i < rounds; i++)
		times[i] = command_run(c, number);
	exit(0);
}

static pid_t start_loop(struct command *c, unsigned number, double *times, int go[2],
			int ready[2])
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("parallel: fork");
		exit(1);
	}
	if (pid > 0)
		return pid;
	close(go[1]);
	dup2(ready[1], STDOUT_FILENO);
	close(ready[0]);
	close(ready[1]);
	loop(c, number, times, go[0]);
	return 0;
}

/* Runs a second. */
static double turn(struct command *c, double *times)
{
	int go[2], ready[2], status, failed = 0;
	double start;
	char byte;

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) {
		perror("parallel: pipe");
		exit(1);
	}
	for (unsigned i = 0; i < loops; i++)
		start_loop(c, i, times + i * rounds, go, ready);
	close(ready[1]);
	for (size_t i = 0; i < loops; i++)
		failed |= read(ready[0], &byte, 1) != 1;
	start = now();
	close(go[1]);
	while (wait(&status) > 0)
		failed |= status;
	close(go[0]);
	close(ready[0]);
	if (failed)
		exit(1);
	return (double)(loops * rounds) * 1e6 / (now() - start);
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX] = { 0 };
	double rates[COMMANDS_MAX][TURNS], *times[COMMANDS_MAX];
	size_t count, runs;

	loops = argc > 4 ? strtoul(argv[1], NULL, 10) : 0;
	rounds = argc > 4 ? strtoul(argv[2], NULL, 10) / TURNS : 0;
	if (loops == 0 || loops > LOOPS_MAX || rounds == 0) {
		fprintf(stderr,
			"usage: parallel LOOPS ROUNDS NAME [3<FILE] WORD... "
			"[:: ...]\n");
		return 2;
	}
	count = commands_parse(commands, argv + 3, 1);
	runs = TURNS * loops * rounds;
	for (size_t i = 0; i < count; i++) {
		times[i] = mmap(NULL, runs * sizeof(double), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (times[i] == MAP_FAILED)
			exit(1);
	}
	for (size_t t = 0; t < TURNS; t++)
		for (size_t i = 0; i < count; i++) {
			size_t which = (t + i) % count;

			rates[which][t] =
				turn(&commands[which], times[which] + t * loops * rounds);
		}
	for (size_t i = 0; i < count; i++) {
		sort_times(rates[i], TURNS);
		print_times(commands[i].name, times[i], runs);
		printf(",\"per_second\":%.1f}\n", rates[i][TURNS / 2]);
	}
	return 0;
}
