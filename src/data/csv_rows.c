#include "data/csv_rows.h"

#include "base/files.h"
#include "base/memory.h"
#include "data/csv_table.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- Classes ---- */

void row_classes_free(RowClasses *classes) {
    for (int c = 0; c < classes->classes && classes->names; c++) free(classes->names[c]);
    free(classes->names);
    free(classes->labels);
    *classes = (RowClasses){0};
}

static int compare_integers(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static int compare_texts(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The different labels that are not negative, ascending, at the front of `values`; returns how many. */
static int distinct(int64_t *values, size_t n) {
    int count = 0;
    qsort(values, n, sizeof *values, compare_integers);
    for (size_t i = 0; i < n; i++)
        if (values[i] >= 0 && (count == 0 || values[count - 1] != values[i])) values[count++] = values[i];
    return count;
}

static cf_status number_classes(const int64_t *numbers, size_t n, int64_t *sorted, RowClasses *made) {
    memcpy(sorted, numbers, n * sizeof *sorted);
    const int classes = distinct(sorted, n);
    FORWARD(memory_new(n, sizeof *made->labels, &made->labels));
    FORWARD(memory_new((size_t)classes, sizeof *made->names, &made->names));
    for (; made->classes < classes; made->classes++)
        FORWARD(memory_print(&made->names[made->classes], "%lld", (long long)sorted[made->classes]));
    for (size_t i = 0; i < n; i++) {
        const int64_t *place = bsearch(&numbers[i], sorted, (size_t)classes, sizeof *sorted, compare_integers);
        made->labels[i] = place ? (int)(place - sorted) : -1;
    }
    return CF_OK;
}

static cf_status name_classes(const char *const *texts, size_t n, const char **sorted, RowClasses *made) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (*texts[i]) sorted[count++] = texts[i];
    qsort(sorted, count, sizeof *sorted, compare_texts);
    size_t classes = 0;
    for (size_t i = 0; i < count; i++)
        if (!classes || strcmp(sorted[classes - 1], sorted[i]) != 0) sorted[classes++] = sorted[i];
    FAIL_IF(classes > INT_MAX, CF_BAD_INPUT, "%zu classes are too many", classes);
    FORWARD(memory_new(n, sizeof *made->labels, &made->labels));
    FORWARD(memory_new(classes, sizeof *made->names, &made->names));
    for (; made->classes < (int)classes; made->classes++)
        FORWARD(memory_copy_string(sorted[made->classes], &made->names[made->classes]));
    for (size_t i = 0; i < n; i++) {
        const char *const *place = bsearch(&texts[i], sorted, classes, sizeof *sorted, compare_texts);
        made->labels[i] = place ? (int)(place - sorted) : -1;
    }
    return CF_OK;
}

cf_status row_classes_from_numbers(const int64_t *numbers, size_t n, RowClasses *classes) {
    RowClasses made = {0};
    int64_t *sorted;
    FORWARD(memory_new(n, sizeof *sorted, &sorted));
    const cf_status status = number_classes(numbers, n, sorted, &made);
    free(sorted);
    if (status) row_classes_free(&made);
    if (!status) *classes = made;
    return status;
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
    static const char *const ends[] = {".csv", ".tsv", ".txt"};
    const size_t length = strlen(path);
    for (size_t e = 0; e < COUNT_OF(ends); e++)
        if (length > 4 && strcmp(path + length - 4, ends[e]) == 0) return true;
    return false;
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

static cf_status csv_open(const char *path, CsvFile *file) {
    *file = (CsvFile){.path = path};
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

static cf_status classes_of(const CsvFile *file, size_t column, RowClasses *classes) {
    const char **texts, **sorted = NULL;
    int64_t *numbers = NULL;
    RowClasses made = {0};
    bool whole = true;
    cf_status status;
    FORWARD(memory_new(file->rows, sizeof *texts, &texts));
    FORWARD_TO(done, memory_new(file->rows, sizeof *sorted, &sorted));
    FORWARD_TO(done, memory_new(file->rows, sizeof *numbers, &numbers));
    for (size_t i = 0; i < file->rows; i++) {
        texts[i] = cell(file, i, column);
        whole = whole && whole_of(texts[i], &numbers[i]);
    }
    status = whole ? row_classes_from_numbers(numbers, file->rows, &made)
                   : name_classes(texts, file->rows, sorted, &made);
done:
    free(texts);
    free(sorted);
    free(numbers);
    if (status) row_classes_free(&made);
    if (!status) *classes = made;
    return status;
}

static cf_status numbers_of(const CsvFile *file, size_t label, double *numbers) {
    for (size_t i = 0; i < file->rows; i++)
        for (size_t c = 0; c < file->table.columns; c++) {
            if (c == label) continue;
            const char *text = cell(file, i, c);
            if (number_of(text, numbers++)) continue;
            const char *name = file->named ? csv_table_cell(&file->table, -1, c) : "";
            return FAIL(CF_BAD_INPUT,
                        "%s: row %zu has \"%.40s\" in column %zu%s%.40s%s, and a number was expected; --labels takes one "
                        "column as the classes, and what else is no number must be left out or made one",
                        file->path, i + 1, text, c + 1, *name ? " (" : "", name, *name ? ")" : "");
        }
    return CF_OK;
}

static cf_status narrow_numbers(const double *numbers, const RowsFrame *frame, NpyRows *rows) {
    const size_t count = rows->n * (size_t)rows->dim;
    Narrow *narrow;
    FORWARD(memory_new(count, sizeof *rows->values, &rows->values));
    FORWARD(narrow_new(rows->n, rows->dim, frame, &narrow));
    narrow_look(narrow, numbers, 0, count);
    if (narrow_wants_weighing(narrow)) narrow_weigh(narrow, numbers, 0, count);
    narrow_convert(narrow, numbers, 0, count, rows->values);
    const cf_status status = narrow_finish(narrow, rows->values, &rows->offset, &rows->loss);
    narrow_free(narrow);
    return status;
}

static cf_status rows_of(const CsvFile *file, const char *label, const RowsFrame *frame, NpyRows *rows,
                         RowClasses *classes) {
    size_t column = SIZE_MAX, columns = file->table.columns - (label != NULL), count;
    double *numbers;
    FAIL_IF(!columns || columns > INT_MAX, CF_BAD_INPUT, "%s has %zu columns beside the classes", file->path, columns);
    if (label) FORWARD(find_column(file, label, &column));
    FAIL_IF(!size_multiply(file->rows, columns, &count), CF_NO_MEMORY, "%s: too many numbers", file->path);
    FORWARD(memory_new(count, sizeof *numbers, &numbers));
    cf_status status = numbers_of(file, column, numbers);
    *rows = (NpyRows){.n = file->rows, .dim = (int)columns};
    if (!status) status = narrow_numbers(numbers, frame, rows);
    free(numbers);
    if (!status && label) status = classes_of(file, column, classes);
    return status;
}

cf_status csv_read_rows(const char *path, const char *label, const RowsFrame *frame, NpyRows *rows,
                        RowClasses *classes) {
    CsvFile file;
    NpyRows made = {0};
    cf_status status = csv_open(path, &file);
    if (!status) status = rows_of(&file, label, frame, &made, classes);
    csv_table_free(&file.table);
    if (status) npy_rows_free(&made);
    if (!status) *rows = made;
    return status;
}

cf_status csv_read_labels(const char *path, RowClasses *classes, size_t *n) {
    static const char *const names[] = {"label", "class", "target", "y"};
    CsvFile file;
    cf_status status = csv_open(path, &file);
    int column = file.table.columns == 1 ? 0 : -1;
    for (size_t c = 0; c < COUNT_OF(names) && column < 0 && !status && file.named; c++)
        column = csv_table_column(&file.table, names[c]);
    if (!status && column < 0)
        status = FAIL(CF_BAD_INPUT,
                      "%s has %zu columns; for labels, one was expected, or one with the name label, class, target or y",
                      path, file.table.columns);
    if (!status) status = classes_of(&file, (size_t)column, classes);
    *n = file.rows;
    csv_table_free(&file.table);
    return status;
}
