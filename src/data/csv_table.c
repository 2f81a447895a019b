#include "data/csv_table.h"

#include "base/files.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

static const char byte_order_mark[] = "\xef\xbb\xbf"; /* spreadsheets put it in front of UTF-8 */

/* Ends the field that begins at *place with a zero byte, quotes taken off in place, and moves on behind its separator,
 * which it returns: `between`, '\n', or 0 at the end of the file. A quote that nobody closes reads as '"'. */
static char end_field(char **place, char between, char **field) {
    char *in = *place, *out = in, separator;
    *field = in;
    if (*in == '"') {
        for (in++; *in; *out++ = *in++) {
            if (*in != '"') continue;
            if (in[1] != '"') break;
            in++;
        }
        if (*in != '"') return '"';
        in++;
    }
    while (*in && *in != between && *in != '\n' && *in != '\r') *out++ = *in++;
    if (*in == '\r' && in[1] == '\n') in++;
    separator = *in;
    *out = '\0';
    *place = in + (separator != '\0');
    return separator;
}

/* One field at least per separator and one at the end. */
static size_t most_fields(const char *bytes, char between) {
    size_t count = 1;
    for (; *bytes; bytes++) count += *bytes == between || *bytes == '\n';
    return count;
}

/* The one of ',', tab and ';' that is the most frequent in the first line. */
static char most_frequent(const char *bytes) {
    const size_t length = strcspn(bytes, "\r\n");
    size_t counts[3] = {0};
    for (size_t i = 0; i < length; i++)
        for (int s = 0; s < 3; s++) counts[s] += bytes[i] == ",\t;"[s];
    return counts[1] > counts[0] && counts[1] >= counts[2] ? '\t' : counts[2] > counts[0] ? ';' : ',';
}

static cf_status take_line(CsvTable *table, char between, char **place, size_t *count, const char *path) {
    size_t begin = *count, line = table->columns ? begin / table->columns + 1 : 1;
    char separator, *field;
    do {
        separator = end_field(place, between, &field);
        FAIL_IF(separator == '"', CF_BAD_INPUT, "%s, line %zu: a quote is opened and not closed", path, line);
        FAIL_IF(separator == '\r', CF_BAD_INPUT, "%s, line %zu: a carriage return stands alone", path, line);
        table->cells[(*count)++] = field;
    } while (separator == between);
    if (!table->columns) table->columns = *count;
    FAIL_IF(*count - begin != table->columns, CF_BAD_INPUT,
            "%s, line %zu: %zu fields expected, as in line 1; found %zu", path, line, table->columns, *count - begin);
    return CF_OK;
}

cf_status csv_table_read(const char *path, char between, CsvTable *table) {
    AUTO(csv_table_free) CsvTable made = {0};
    unsigned char *bytes;
    size_t size, count = 0;
    FORWARD(file_read(path, MOST_CSV_BYTES, &bytes, &size));
    made.owned = (char *)bytes;
    char *place = made.owned + (strncmp(made.owned, byte_order_mark, 3) == 0 ? 3 : 0);
    const bool zeros = memchr(bytes, '\0', size) != NULL;
    FAIL_IF(zeros || !*place, CF_BAD_INPUT, "%s is no CSV file: it %s", path, zeros ? "holds zero bytes" : "is empty");
    if (!between) between = most_frequent(made.owned);
    FORWARD(memory_new(most_fields(made.owned, between), sizeof *made.cells, &made.cells));
    while (*place) FORWARD(take_line(&made, between, &place, &count, path));
    made.rows = count / made.columns - 1;
    *table = made;
    made = (CsvTable){0};
    return CF_OK;
}

void csv_table_free(CsvTable *table) {
    free(table->cells);
    free(table->owned);
    *table = (CsvTable){0};
}

const char *csv_table_cell(const CsvTable *table, ptrdiff_t row, size_t column) {
    return table->cells[(size_t)(row + 1) * table->columns + column];
}

int csv_table_column(const CsvTable *table, const char *name) {
    for (size_t c = 0; table->cells && c < table->columns; c++)
        if (strcmp(table->cells[c], name) == 0) return (int)c;
    return -1;
}
