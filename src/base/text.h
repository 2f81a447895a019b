/* Words and numbers in texts that people type, and as people and programs read them. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The word nearest to `word` (edit distance with transpositions: Damerau 1964, restricted), or NULL when none is near
 * enough to be meant. `words` ends with NULL. The pointer is one of `words`. */
const char *text_nearest(const char *word, const char *const *words);

/* "; did you mean X?" or "" in a buffer of this thread, valid until the next call: to end a message with. */
const char *text_hint(const char *word, const char *const *words);

/* "a, b or c" of words that end with NULL; as much as fits. */
void text_list(const char *const *words, char *list, size_t size);

/* Whether `word` is one of those that stand in `list` between single spaces. */
bool text_has_word(const char *list, const char *word);

/* printf behind a text that stands in a buffer of `size` bytes; as much as fits. */
void text_append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Whether a text ends so, and is more than its end: a file's name. */
bool text_ends_with(const char *text, const char *end);

/* Whole strings only: "12x" is not a number. NaN and infinity are refused. */
bool text_to_integer(const char *text, long long lowest, long long highest, long long *value);
bool text_to_number(const char *text, double *value);
/* "LOW:HIGH", or one number, which is both; *two: which of them. */
bool text_to_range(const char *text, double *low, double *high, bool *two);

/* "12,345" in `text`, which is returned. */
const char *text_thousands(long long n, char text[32]);
/* A loss in `text`, which is returned: "0.0312"; from 10,000 on, where something diverges, "5.68e+21". */
const char *text_loss(double loss, char text[32]);
/* Code points of UTF-8: the columns that a text takes on a terminal, as far as it is no wide script. */
int text_columns(const char *text);
/* The character at *place, which moves on; -1 where the bytes are no UTF-8 (RFC 3629): overlong forms, surrogates and what is
 * beyond U+10FFFF are none. */
int32_t text_next_character(const unsigned char **place);
/* Whether a text is UTF-8 (RFC 3629) without control characters (C0, DEL, C1, and the separators U+2028 and U+2029), and not
 * empty. It can stand in JSON, XML, a line of a table and on a terminal. */
bool text_is_line(const char *text);
/* The same of 1 to LONGEST_NAME bytes: what may be the name of something. */
bool text_is_name(const char *text);
/* Question marks in place of control characters, line ends and tabs left out, and of bytes that are no UTF-8: whatever a text
 * from outside holds, it can go to a terminal. */
void text_replace_controls(char *text);
/* '_' in place of whatever is no letter of ASCII, digit, '-' or '_': the text can be a part of a file's name. */
void text_to_file_name(char *text);
/* RFC 4648, with padding. */
void text_base64(FILE *out, const void *bytes, size_t size);
/* A text as one field of CSV (RFC 4180): quoted where it has to be. */
void csv_text(FILE *out, const char *text);
/* A comma and a number of nine digits: ",0.25"; "," where it is not finite. */
void csv_number(FILE *out, double value);
void csv_numbers(FILE *out, const double *values, size_t count);
/* printf whose strings are fields of CSV: csv_print(out, "%s,%d\n", name, count). */
void csv_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* printf whose strings (%s) are written by `escape`, and the format itself as it stands: what csv_print, html_write and others are. Of
 * printf it knows %s %c %d %u %x %f %e %g and %%, with flags, digits for width and precision, and the lengths l, ll, z and t; of a text
 * with a precision 1,000 bytes at most. */
typedef void (*TextEscape)(FILE *out, const char *text);
void text_print(FILE *out, TextEscape escape, const char *format, va_list arguments);

/* "\n    the line\n        ^": a line with a mark under a column (1-based), for messages; of a long line what is near it. */
enum { TEXT_MARKED = 256 };
void text_marked(const char *line, int column, char marked[TEXT_MARKED]);
