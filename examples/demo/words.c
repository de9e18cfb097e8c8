#include "words.h"

#include <ctype.h>
#include <stdbool.h>

size_t count_words(const char *text)
{
	bool inside = false;
	size_t count = 0;

	for (; *text; text++) {
		bool letter = !isspace((unsigned char)*text);

		count += letter && !inside;
		inside = letter;
	}
	return count;
}
