/*
 * How long a compiled filter takes from the cache into the kernel, when the cache is warm.
 *
 *   filter_load DIR FILTER ROUNDS NAME       FILTER: compiled (struct sock_filter)
 *
 * Puts the filter into a cache in DIR. Each round is a child that reads the entry with tidelock's
 * own code (ownership, checksum, the kernel's rules) and loads it. Prints one JSON object: times in
 * microseconds of all this, and of seccomp(2) alone, each with the best median of ten parts of the
 * rounds: the one that a busy machine disturbed the least.
 */
#include "core/host/bpf.h"
#include "core/host/filter_cache.h"
#include "core/sys/raw.h"
#include "spec/bench/command.h"

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define ENTRY "bench.bpf"
#define PARTS 10
#define ROUNDS_MAX 100000

/* Shared with the children: they write what would cost a private page its copy. */
static struct shared {
	double whole, load;
	struct sock_filter filter[TL_BPF_MAX];
} * shared;

static double whole[ROUNDS_MAX], load[ROUNDS_MAX];

static int fail(const char *what, long error)
{
	fprintf(stderr, "filter_load: %s: %s\n", what, strerror((int)-error));
	return 1;
}

static void child(const char *dir)
{
	struct sock_fprog program = { .filter = shared->filter };
	double start = now(), loading;
	uint32_t flags = 0;
	long result;
	int length = tl_filter_cache_load(dir, ENTRY, shared->filter, &flags);

	if (length < 0)
		_exit(fail("the cache", length));
	program.len = (unsigned short)length;
	loading = now();
	result = raw(seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	shared->load = now() - loading;
	shared->whole = now() - start;
	_exit(result < 0 ? fail("seccomp", result) : 0);
}

static int store(const char *dir, const char *path)
{
	FILE *file = fopen(path, "rbe");
	size_t length;
	int result;

	if (!file)
		return fail(path, -errno);
	length = fread(shared->filter, sizeof(*shared->filter), TL_BPF_MAX, file);
	fclose(file);
	result = tl_filter_cache_store(dir, ENTRY, shared->filter, length, 0);
	return result < 0 ? fail(dir, result) : 0;
}

static double best_median(double *times, size_t count)
{
	size_t part = count / PARTS;
	double best = 0;

	for (size_t i = 0; i < PARTS; i++) {
		double *first = times + i * part;

		sort_times(first, part);
		if (i == 0 || first[part / 2] < best)
			best = first[part / 2];
	}
	return best;
}

static void print(const char *name, size_t rounds)
{
	double best = best_median(whole, rounds), best_load = best_median(load, rounds);

	print_times(name, whole, rounds);
	sort_times(load, rounds);
	printf(",\"best\":%.1f,\"load\":%.1f,\"best_load\":%.1f}\n", best,
	       load[rounds / 2], best_load);
}

int main(int argc, char **argv)
{
	size_t rounds = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;

	if (rounds < PARTS || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: filter_load DIR FILTER ROUNDS NAME\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (shared == MAP_FAILED || store(argv[1], argv[2]) != 0)
		return 1;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (size_t i = 0; i < rounds; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			child(argv[1]);
		if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
			return 1;
		whole[i] = shared->whole;
		load[i] = shared->load;
	}
	print(argv[4], rounds);
	return 0;
}
