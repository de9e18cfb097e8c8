#include "early.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "../sys/kernel.h"

/* What the default spec has, and what engines have in a config.json without a user namespace. */
#define BOX TL_CLONE_NEW_ALL
#define BUNDLE (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET)

static struct tl_spawn early;
static bool begun;

static bool starts_with(const char *word, const char *prefix)
{
	return strncmp(word, prefix, strlen(prefix)) == 0;
}

/* Words after which the namespaces are others, or there are none. */
static bool is_unusual(const char *word)
{
	static const char *const prefixes[] = {
		"--net",  "--share", "--mem",	  "-m", "--pids",
		"--cpus", "--help",  "--dry-run", "-h",
	};
	size_t n = strlen(word);

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (starts_with(word, prefixes[i]))
			return true;
	return n > 4 && !strcmp(word + n - 4, ".lua");
}

static uint64_t guess(int argc, char **argv)
{
	bool bundle = false;

	if (argc < 3 || strcmp(argv[1], "run") != 0)
		return 0;
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (is_unusual(argv[i]))
			return 0;
		bundle |= starts_with(argv[i], "--bundle") || !strcmp(argv[i], "-b");
	}
	if (!bundle)
		return BOX;
	return geteuid() == 0 ? BUNDLE : 0;
}

void tl_early_begin(int argc, char **argv)
{
	uint64_t flags = guess(argc, argv);
	long call;

	/* What fails will fail again where it can be told. */
	begun = flags && tl_spawn_begin(&early, flags, &call) == 0;
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
