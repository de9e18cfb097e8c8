#pragma once

#include <stddef.h>

/* The number of words in a text: runs of characters that are not white space. */
size_t count_words(const char *text);
