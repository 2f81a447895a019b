#include "data/csv_table.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
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

/* ---- Classes ---- */

void row_classes_free(RowClasses *classes) {
    for (int c = 0; c < classes->classes && classes->names; c++) free(classes->names[c]);
    free(classes->names);
    free(classes->labels);
    *classes = (RowClasses){0};
}

/* What a row says of its class. */
typedef struct ClassKey {
    int64_t number;
    const char *text; /* NULL: the number counts */
} ClassKey;

static int compare_keys(const void *left, const void *right) {
    const ClassKey *a = left, *b = right;
    return a->text ? strcmp(a->text, b->text) : (a->number > b->number) - (a->number < b->number);
}

static bool is_known(const ClassKey *key) {
    return key->text ? *key->text != '\0' : key->number >= 0;
}

static cf_status classes_of_keys(const ClassKey *keys, size_t n, RowClasses *classes) {
    AUTO(row_classes_free) RowClasses made = {0};
    AUTO_FREE ClassKey *sorted = NULL;
    size_t known = 0, count = 0;
    FORWARD(memory_new(n, sizeof *sorted, &sorted));
    for (size_t i = 0; i < n; i++)
        if (is_known(&keys[i])) sorted[known++] = keys[i];
    qsort(sorted, known, sizeof *sorted, compare_keys);
    for (size_t i = 0; i < known; i++)
        if (!count || compare_keys(&sorted[count - 1], &sorted[i]) != 0) sorted[count++] = sorted[i];
    FAIL_IF(count > INT_MAX, CF_BAD_INPUT, "%zu classes are too many", count);
    FORWARD(memory_new(n, sizeof *made.labels, &made.labels));
    FORWARD(memory_new(count, sizeof *made.names, &made.names));
    for (const ClassKey *key = sorted; made.classes < (int)count; made.classes++, key++)
        FORWARD(key->text ? memory_copy_string(key->text, &made.names[made.classes])
                          : memory_print(&made.names[made.classes], "%lld", (long long)key->number));
    for (size_t i = 0; i < n; i++) {
        const ClassKey *place = bsearch(&keys[i], sorted, count, sizeof *sorted, compare_keys);
        made.labels[i] = place ? (int)(place - sorted) : -1;
    }
    *classes = made;
    made = (RowClasses){0};
    return CF_OK;
}

cf_status row_classes_from_numbers(const int64_t *numbers, size_t n, RowClasses *classes) {
    AUTO_FREE ClassKey *keys = NULL;
    FORWARD(memory_new(n, sizeof *keys, &keys));
    for (size_t i = 0; i < n; i++) keys[i].number = numbers[i];
    return classes_of_keys(keys, n, classes);
}

/* ---- Columns ---- */

static bool number_of(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    while (isspace((unsigned char)*end)) end++;
    return end != text && !*end;
}

static bool whole_of(const char *text, int64_t *number) {
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    while (isspace((unsigned char)*end)) end++;
    return end != text && !*end && !errno;
}

bool csv_is(const char *path) {
    return text_ends_with(path, ".csv") || text_ends_with(path, ".tsv") || text_ends_with(path, ".txt");
}

typedef struct CsvFile {
    const char *path;
    CsvTable table;
    bool named;      /* its first line has the names of the columns */
    ptrdiff_t first; /* row of the table; -1: its first line */
    size_t rows;
} CsvFile;

/* The first line is names if none of it is a number, or if a word stands above a number. */
static bool has_names(const CsvTable *table) {
    size_t numbers = 0;
    double number;
    for (size_t c = 0; c < table->columns; c++) {
        const bool is_number = number_of(csv_table_cell(table, -1, c), &number);
        numbers += is_number;
        if (!is_number && table->rows && number_of(csv_table_cell(table, 0, c), &number)) return true;
    }
    return !numbers;
}

static void csv_close(CsvFile *file) {
    csv_table_free(&file->table);
}

static cf_status csv_open(const char *path, CsvFile *file) {
    file->path = path;
    FORWARD(csv_table_read(path, 0, &file->table));
    file->named = has_names(&file->table);
    file->first = file->named ? 0 : -1;
    file->rows = file->table.rows + !file->named;
    FAIL_IF(!file->rows, CF_BAD_INPUT, "%s has no rows behind the line of names", path);
    return CF_OK;
}

static const char *cell(const CsvFile *file, size_t row, size_t column) {
    return csv_table_cell(&file->table, file->first + (ptrdiff_t)row, column);
}

static cf_status find_column(const CsvFile *file, const char *name, size_t *column) {
    int64_t number;
    const int found = file->named ? csv_table_column(&file->table, name) : -1;
    *column = (size_t)found;
    if (found >= 0) return CF_OK;
    if (whole_of(name, &number) && number >= 1 && number <= (int64_t)file->table.columns) {
        *column = (size_t)number - 1;
        return CF_OK;
    }
    return FAIL(CF_BAD_USE, "%s has no column \"%s\" (nor is there a file of this name); it has %zu: %.60s .. %.60s",
                file->path, name, file->table.columns, csv_table_cell(&file->table, -1, 0),
                csv_table_cell(&file->table, -1, file->table.columns - 1));
}

/* Numbers where all names are. */
static cf_status classes_of(const CsvFile *file, size_t column, RowClasses *classes) {
    AUTO_FREE ClassKey *keys = NULL;
    bool whole = true;
    FORWARD(memory_new(file->rows, sizeof *keys, &keys));
    for (size_t i = 0; i < file->rows; i++) whole = whole && whole_of(cell(file, i, column), &keys[i].number);
    for (size_t i = 0; i < file->rows && !whole; i++) keys[i].text = cell(file, i, column);
    return classes_of_keys(keys, file->rows, classes);
}

static cf_status numbers_of(const CsvFile *file, size_t label, double *numbers) {
    for (size_t i = 0; i < file->rows; i++)
        for (size_t c = 0; c < file->table.columns; c++) {
            if (c == label) continue;
            const char *text = cell(file, i, c);
            if (number_of(text, numbers++)) continue;
            const char *name = file->named ? csv_table_cell(&file->table, -1, c) : "";
            return FAIL(
                CF_BAD_INPUT,
                "%s: row %zu has \"%.40s\" in column %zu%s%.40s%s, and a number was expected; --labels takes one "
                "column as the classes, and what else is no number must be left out or made one",
                file->path, i + 1, text, c + 1, *name ? " (" : "", name, *name ? ")" : "");
        }
    return CF_OK;
}

static cf_status copy_part(void *source, size_t first, size_t count, double *part) {
    memcpy(part, (const double *)source + first, count * sizeof *part);
    return CF_OK;
}

cf_status csv_read_rows(const char *path, const char *label, const RowsFrame *frame, NpyRows *rows,
                        RowClasses *classes) {
    AUTO(csv_close) CsvFile file = {0};
    AUTO(npy_rows_free) NpyRows made = {0};
    AUTO_FREE double *numbers = NULL;
    size_t column = SIZE_MAX, count;
    FORWARD(csv_open(path, &file));
    const size_t columns = file.table.columns - (label != NULL);
    FAIL_IF(!columns || columns > INT_MAX, CF_BAD_INPUT, "%s has %zu columns beside the classes", path, columns);
    if (label) FORWARD(find_column(&file, label, &column));
    FAIL_IF(!size_multiply(file.rows, columns, &count), CF_NO_MEMORY, "%s: too many numbers", path);
    FORWARD(memory_new(count, sizeof *numbers, &numbers));
    FORWARD(numbers_of(&file, column, numbers));
    made.n = file.rows;
    made.dim = (int)columns;
    FORWARD(narrow_rows(copy_part, numbers, false, frame, &made));
    if (label) FORWARD(classes_of(&file, column, classes));
    *rows = made;
    made = (NpyRows){0};
    return CF_OK;
}

cf_status csv_read_labels(const char *path, RowClasses *classes, size_t *n) {
    static const char *const names[] = {"label", "class", "target", "y"};
    AUTO(csv_close) CsvFile file = {0};
    FORWARD(csv_open(path, &file));
    int column = file.table.columns == 1 ? 0 : -1;
    for (size_t c = 0; c < COUNT_OF(names) && column < 0 && file.named; c++)
        column = csv_table_column(&file.table, names[c]);
    FAIL_IF(column < 0, CF_BAD_INPUT,
            "%s has %zu columns; for labels, one was expected, or one with the name label, class, target or y", path,
            file.table.columns);
    *n = file.rows;
    return classes_of(&file, (size_t)column, classes);
}
