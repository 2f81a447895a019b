/* The words of one layer of a model line, read from left to right; errors point at the column. */
#pragma once

#include "nn/layers/layer.h"

enum { READER_WORDS = 16, READER_WORD = 48 };

typedef struct Word {
    char text[READER_WORD];
    int column; /* 1-based */
} Word;

struct Reader {
    const char *line;
    int at; /* the next character */
    Word words[READER_WORDS];
    int count, next;
    int classes;
    bool bn_follows; /* the layer directly behind is a batch norm */
    Shape second;    /* of the second input, where there is one */
};

/* The message shows the line with a mark under the column. A long line is shown from shortly before it. */
cf_status reader_fail(const Reader *reader, int column, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Where a missing word would stand: behind the last one. */
int reader_end(const Reader *reader);

/* Splits what stands from reader->at on into words, up to a '|', a parenthesis or the end. */
cf_status reader_split(Reader *reader);
void reader_skip_spaces(Reader *reader);
/* Goes on behind spaces and the character, if that is the next; `all` is what stands there. */
bool reader_skip(Reader *reader, char character);

const Word *reader_take(Reader *reader); /* NULL: no more */
bool reader_take_if(Reader *reader, const char *text);
cf_status reader_integer(Reader *reader, const char *what, int lowest, int highest, int *value);
/* A number from `lowest` on and below `highest`. An optional one that is missing leaves *value. */
cf_status reader_number(Reader *reader, const char *what, double lowest, double highest, bool optional, double *value);
/* "3x5", or "3" for 3x3. */
cf_status reader_window(Reader *reader, int *rows, int *columns);
/* Nothing may be left. */
cf_status reader_finish(Reader *reader, const char *const *settings);
