#include "nn/layers/reader.h"

#include "base/text.h"

#include <stdarg.h>
#include <string.h>

cf_status reader_fail(const Reader *reader, int column, const char *format, ...) {
    char what[256], marked[TEXT_MARKED];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    text_marked(reader->line, column, marked);
    return FAIL(CF_BAD_USE, "model line, column %d: %s%s", column, what, marked);
}

int reader_end(const Reader *reader) {
    const Word *last = &reader->words[reader->count - 1];
    return last->column + (int)strlen(last->text);
}

void reader_skip_spaces(Reader *reader) {
    reader->at += (int)strspn(reader->line + reader->at, " \t");
}

bool reader_skip(Reader *reader, char character) {
    reader_skip_spaces(reader);
    if (reader->line[reader->at] != character) return false;
    reader->at++;
    return true;
}

cf_status reader_split(Reader *reader) {
    reader->count = reader->next = 0;
    for (;;) {
        reader_skip_spaces(reader);
        const char *from = reader->line + reader->at;
        const size_t length = strcspn(from, " \t|()");
        if (!length) break;
        if (length >= READER_WORD || reader->count == READER_WORDS)
            return reader_fail(reader, reader->at + 1, "%s",
                               length >= READER_WORD ? "a word this long is not known"
                                                     : "too many words for one layer");
        Word *word = &reader->words[reader->count++];
        memcpy(word->text, from, length);
        word->text[length] = '\0';
        word->column = reader->at + 1;
        reader->at += (int)length;
    }
    if (!reader->count) return reader_fail(reader, reader->at + 1, "a layer expected, found nothing");
    return CF_OK;
}

const Word *reader_take(Reader *reader) {
    return reader->next < reader->count ? &reader->words[reader->next++] : NULL;
}

bool reader_take_if(Reader *reader, const char *text) {
    if (reader->next >= reader->count || strcmp(reader->words[reader->next].text, text) != 0) return false;
    reader->next++;
    return true;
}

static cf_status missing(const Reader *reader, const char *what) {
    return reader_fail(reader, reader_end(reader), "%s expected, found the end of the layer", what);
}

cf_status reader_integer(Reader *reader, const char *what, int lowest, int highest, int *value) {
    const Word *word = reader_take(reader);
    long long number;
    if (!word) return missing(reader, what);
    if (!text_to_integer(word->text, lowest, highest, &number))
        return reader_fail(reader, word->column, "%s expected, a number from %d to %d; found %s", what, lowest, highest,
                           word->text);
    *value = (int)number;
    return CF_OK;
}

cf_status reader_number(Reader *reader, const char *what, double lowest, double highest, bool optional, double *value) {
    const Word *word = reader_take(reader);
    double number;
    if (!word) return optional ? CF_OK : missing(reader, what);
    if (!text_to_number(word->text, &number) || number < lowest || number >= highest)
        return reader_fail(reader, word->column, "%s expected, %g or more and less than %g; found %s", what, lowest,
                           highest, word->text);
    *value = number;
    return CF_OK;
}

cf_status reader_window(Reader *reader, int *rows, int *columns) {
    const Word *word = reader_take(reader);
    char text[READER_WORD], *x;
    long long r, s;
    if (!word) return missing(reader, "a window such as 3x3");
    memcpy(text, word->text, sizeof text);
    if ((x = strchr(text, 'x'))) *x = '\0';
    if (!text_to_integer(text, 1, 1024, &r) || !text_to_integer(x ? x + 1 : text, 1, 1024, &s))
        return reader_fail(reader, word->column, "a window such as 3x3 expected, found %s", word->text);
    *rows = (int)r;
    *columns = (int)s;
    return CF_OK;
}

cf_status reader_finish(Reader *reader, const char *const *settings) {
    static const char *const none[] = {NULL};
    const Word *word = reader_take(reader);
    if (!word) return CF_OK;
    return reader_fail(reader, word->column, "%s is no setting of this layer%s", word->text,
                       text_hint(word->text, settings ? settings : none));
}
