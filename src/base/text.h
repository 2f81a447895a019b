/* Words and numbers in texts that people type. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/status.h"

/* The word nearest to `word` (edit distance with transpositions: Damerau 1964, restricted), or NULL when none is near
 * enough to be meant. `words` ends with NULL. The pointer is one of `words`. */
const char *text_nearest(const char *word, const char *const *words);

/* "; did you mean X?" or "" in a buffer of this thread, valid until the next call: to end a message with. */
const char *text_hint(const char *word, const char *const *words);

/* Whole strings only: "12x" is not a number. NaN and infinity are refused. */
bool text_to_integer(const char *text, long long lowest, long long highest, long long *value);
bool text_to_number(const char *text, double *value);

#endif
