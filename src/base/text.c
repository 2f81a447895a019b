#include "base/text.h"

#include "base/limits.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 64 };

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int edit_distance(const char *a, const char *b) {
    int rows[3][LONGEST + 1];
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > LONGEST || m > LONGEST) return LONGEST;
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= m; j++) last[j] = j;
    for (int i = 1; i <= n; i++) {
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int change = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = smaller(change, smaller(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

const char *text_nearest(const char *word, const char *const *words) {
    const char *nearest = NULL;
    int limit = (int)strlen(word) / 3 + 1, best = limit + 1;
    for (; *words; words++) {
        int distance = edit_distance(word, *words);
        /* A short word changed in every letter is another word. */
        if (distance < best && distance < (int)strlen(*words)) best = distance, nearest = *words;
    }
    return nearest;
}

const char *text_hint(const char *word, const char *const *words) {
    static _Thread_local char hint[128];
    const char *nearest = text_nearest(word, words);
    hint[0] = '\0';
    if (nearest) snprintf(hint, sizeof hint, "; did you mean %s?", nearest);
    return hint;
}

bool text_has_word(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (; *list; list += strcspn(list, " "), list += *list == ' ')
        if (strcspn(list, " ") == length && strncmp(list, word, length) == 0) return true;
    return false;
}

void text_list(const char *const *words, char *list, size_t size) {
    size_t used = 0;
    list[0] = '\0';
    for (int i = 0; words[i] && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s",
                                 i == 0         ? ""
                                 : words[i + 1] ? ", "
                                                : " or ",
                                 words[i]);
}

void text_append(char *text, size_t size, const char *format, ...) {
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

bool text_ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), ending = strlen(end);
    return length > ending && strcmp(text + length - ending, end) == 0;
}

bool text_to_integer(const char *text, long long lowest, long long highest, long long *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno || number < lowest || number > highest) return false;
    *value = number;
    return true;
}

bool text_to_number(const char *text, double *value) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number)) return false;
    *value = number;
    return true;
}

bool text_to_range(const char *text, double *low, double *high, bool *two) {
    char *end;
    *low = *high = strtod(text, &end);
    *two = *end == ':';
    return end != text && isfinite(*low) && (*two ? text_to_number(end + 1, high) : *end == '\0');
}

const char *text_thousands(long long n, char text[32]) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && digits[i - 1] != '-' && (length - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *text_loss(double loss, char text[32]) {
    snprintf(text, 32, loss < 1e4 ? "%.4f" : "%.3g", loss);
    return text;
}

/* Bytes that go on a character count as none. */
int text_columns(const char *text) {
    int columns = 0;
    for (; *text; text++) columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

int32_t text_next_character(const unsigned char **place) {
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *p = *place;
    const int more = *p < 0x80 ? 0 : *p >> 5 == 6 ? 1 : *p >> 4 == 14 ? 2 : *p >> 3 == 30 ? 3 : -1;
    if (more < 0) return -1;
    int32_t character = more ? *p & (0x3f >> more) : *p;
    for (int i = 1; i <= more; i++) {
        if (p[i] >> 6 != 2) return -1; /* the end of the text, too */
        character = character << 6 | (p[i] & 0x3f);
    }
    *place += 1 + more;
    return character < least[more] || character > 0x10ffff || character >> 11 == 27 ? -1 : character;
}

/* C0, DEL and C1, which a terminal obeys; and bytes that are no UTF-8. */
static bool is_control(int32_t character) {
    return character < ' ' || (character >= 0x7f && character < 0xa0);
}

bool text_is_line(const char *text) {
    for (const unsigned char *place = (const unsigned char *)text; *place;) {
        const int32_t c = text_next_character(&place);
        if (is_control(c) || c == 0x2028 || c == 0x2029 || c == 0xfffe || c == 0xffff) return false;
    }
    return *text != '\0';
}

bool text_is_name(const char *text) {
    return strlen(text) <= LONGEST_NAME && text_is_line(text);
}

void text_replace_controls(char *text) {
    const unsigned char *place = (const unsigned char *)text;
    while (*place) {
        const unsigned char *begin = place;
        const int32_t c = text_next_character(&place);
        const bool fine = c == '\n' || c == '\t' || !is_control(c);
        if (place == begin) place++;
        if (!fine) *text++ = '?';
        while (fine && begin < place) *text++ = (char)*begin++;
    }
    *text = '\0';
}

void text_to_file_name(char *text) {
    for (; *text; text++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *text)) *text = '_';
}

void csv_text(FILE *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

void csv_number(FILE *out, double value) {
    fputc(',', out);
    if (isfinite(value)) fprintf(out, "%.9g", value);
}

void csv_numbers(FILE *out, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) csv_number(out, values[i]);
}

void csv_print(FILE *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_print(out, csv_text, format, arguments);
    va_end(arguments);
}

static void print_text(FILE *out, TextEscape escape, const char *directive, const char *text) {
    char cut[1001];
    if (!directive[2]) { /* a plain %s */
        escape(out, text);
        return;
    }
    snprintf(cut, sizeof cut, directive, text);
    escape(out, cut);
}

void text_print(FILE *out, TextEscape escape, const char *format, va_list arguments) {
    for (;;) {
        const size_t plain = strcspn(format, "%");
        fwrite(format, 1, plain, out);
        format += plain;
        if (!*format) return;
        char directive[32];
        const size_t length = 1 + strspn(format + 1, "0123456789.+-# lzt") + 1;
        const char kind = format[length - 1], size = format[length - 2];
        snprintf(directive, sizeof directive, "%.*s", (int)length, format);
        format += length;
        if (kind == 's')
            print_text(out, escape, directive, va_arg(arguments, const char *));
        else if (kind == '%')
            fputc('%', out);
        else if (strchr("feg", kind))
            fprintf(out, directive, va_arg(arguments, double));
        else if (size == 'l' || size == 'z' || size == 't') /* all of 64 bits, as everywhere that this is built for */
            fprintf(out, directive, va_arg(arguments, long long));
        else
            fprintf(out, directive, va_arg(arguments, int));
    }
}

void text_marked(const char *line, int column, char marked[TEXT_MARKED]) {
    enum { BEFORE = 60, SHOWN = 100 };
    const int start = column - 1 > BEFORE ? column - 1 - BEFORE : 0;
    snprintf(marked, TEXT_MARKED, "\n    %.*s\n    %*s^", SHOWN, line + start, column - 1 - start, "");
}

void text_base64(FILE *out, const void *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned group =
            (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0u);
        const char text[4] = {digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                              left > 2 ? digits[group & 63] : '='};
        fwrite(text, 1, 4, out);
    }
}
