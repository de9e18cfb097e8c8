#include "early.h"

#include <elf.h>
#include <stddef.h>

#include "../sys/kernel.h"
#include "../sys/raw.h"
#include "arena.h"

/* What the default spec has, and what engines have in a config.json without a user namespace. */
#define BOX TL_CLONE_NEW_ALL
#define BUNDLE (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET)

static struct tl_spawn early;
static bool begun;

/* The libc's own are not relocated yet. */
static size_t length_of(const char *word)
{
	size_t n = 0;

	while (word[n])
		n++;
	return n;
}

static bool starts_with(const char *word, const char *prefix)
{
	while (*prefix)
		if (*word++ != *prefix++)
			return false;
	return true;
}

static bool is(const char *word, const char *other)
{
	return starts_with(word, other) && length_of(word) == length_of(other);
}

/* Words after which the namespaces are others, or there are none. */
static bool is_unusual(const char *word)
{
	/* One text, for pointers would have to be relocated. */
	static const char prefixes[] =
		"--net\0--share\0--mem\0-m\0--pids\0--cpus\0--limit\0--help\0--dry-run\0-h\0";
	size_t n = length_of(word);

	for (const char *prefix = prefixes; *prefix; prefix += length_of(prefix) + 1)
		if (starts_with(word, prefix))
			return true;
	return n > 4 && is(word + n - 4, ".lua");
}

static uint64_t guess(long argc, char **argv)
{
	bool bundle = false;

	if (argc < 3 || !is(argv[1], "run"))
		return 0;
	for (long i = 2; i < argc && !is(argv[i], "--"); i++) {
		if (is_unusual(argv[i]))
			return 0;
		bundle |= starts_with(argv[i], "--bundle") || is(argv[i], "-b");
	}
	if (!bundle)
		return BOX;
	return raw(geteuid) == 0 ? BUNDLE : 0;
}

/* Of the auxiliary vector: set-uid, set-gid, or with capabilities of the file. getauxval(3). */
static bool is_secure(char **argv_end)
{
	char **env = argv_end + 1;
	const Elf64_auxv_t *aux;

	while (*env)
		env++;
	for (aux = (const Elf64_auxv_t *)(env + 1); aux->a_type != AT_NULL; aux++)
		if (aux->a_type == AT_SECURE)
			return aux->a_un.a_val != 0;
	return true;
}

void tl_early_begin(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);
	uint64_t flags = is_secure(argv + argc) ? 0 : guess(argc, argv);

	/* What fails will fail again where it can be told. */
	begun = flags != 0;
	early.first = tl_arena_populate;
	if (begun)
		tl_spawn_begin(&early, flags, -1);
}

struct tl_spawn *tl_early_take(uint64_t flags)
{
	if (!begun)
		return NULL;
	begun = false;
	if (early.flags == flags)
		return &early;
	tl_spawn_abandon(&early);
	return NULL;
}
