/*
 * Swaps two names of a directory for each other, again and again, by one atomic call each time.
 *
 *   swap A B STOP-FILE    until the file is there, at most for a minute; prints "swapped N"
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	time_t end = time(NULL) + 60;
	unsigned long swapped = 0;

	if (argc != 4)
		return 2;
	while (access(argv[3], F_OK) < 0 && time(NULL) < end)
		for (int i = 0; i < 100; i++)
			swapped += renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2],
					     RENAME_EXCHANGE) == 0;
	printf("swapped %lu\n", swapped);
	return swapped == 0;
}
