#include "words.h"

#include <stdio.h>

static const struct {
	const char *text;
	size_t words;
} cases[] = {
	{ "", 0 },
	{ "   \t\n", 0 },
	{ "one", 1 },
	{ "  two words ", 2 },
	{ "and\nthree\twords", 3 },
};

int main(void)
{
	size_t total = sizeof(cases) / sizeof(cases[0]), good = 0;

	for (size_t i = 0; i < total; i++) {
		size_t words = count_words(cases[i].text);

		if (words == cases[i].words)
			good++;
		else
			printf("\"%s\": %zu words, expected %zu\n", cases[i].text, words,
			       cases[i].words);
	}
	printf("%zu of %zu tests passed\n", good, total);
	return good == total ? 0 : 1;
}
