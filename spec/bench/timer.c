/*
 * Times commands against each other: every round runs each once, starting with a different one,
 * so that what the machine does meanwhile falls on all alike.
 *
 *   timer ROUNDS COMMAND [:: COMMAND]...        COMMAND: see command.h
 *
 * Prints one JSON object a line: times in microseconds, the peak memory as wait4(2) tells it (that
 * of the command or of the largest process that it waited for).
 */
#include "spec/bench/command.h"

#define WARM_UP 5

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX] = { 0 };
	size_t rounds = argc > 3 ? strtoul(argv[1], NULL, 10) : 0, count;

	if (rounds == 0) {
		fprintf(stderr, "usage: timer ROUNDS NAME [3<FILE] WORD... [:: ...]\n");
		return 2;
	}
	count = commands_parse(commands, argv + 2, rounds);
	for (size_t round = 0; round < rounds + WARM_UP; round++)
		for (size_t i = 0; i < count; i++) {
			struct command *c = &commands[(round + i) % count];
			double time = command_run(c, 0);

			if (round >= WARM_UP)
				c->times[round - WARM_UP] = time;
		}
	for (size_t i = 0; i < count; i++) {
		print_times(commands[i].name, commands[i].times, rounds);
		printf(",\"peak_kb\":%ld}\n", commands[i].peak);
	}
	return 0;
}
