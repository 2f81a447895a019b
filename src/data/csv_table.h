/* A CSV file (RFC 4180) as a table of texts in memory, and as rows of numbers, one of whose columns may name the classes. */
#pragma once

#include "data/npy.h"

typedef struct CsvTable {
    size_t rows, columns; /* rows without the line of names */
    const char **cells;   /* [rows + 1][columns]; the names of the columns first */
    char *owned;          /* the file's bytes, into which the cells point */
} CsvTable;

/* Every line must have as many fields as the first. A field may stand in quotes, and then hold separators and lines. `between`:
 * what stands between fields; 0: ',', a tab or ';', whichever the first line has most of. */
cf_status csv_table_read(const char *path, char between, CsvTable *table);
void csv_table_free(CsvTable *table);
/* Row -1 is the line of names. */
const char *csv_table_cell(const CsvTable *table, ptrdiff_t row, size_t column);
/* The column of a name, or -1. */
int csv_table_column(const CsvTable *table, const char *name);

/* ---- Rows of numbers ---- */

/* The classes of rows. Where all names are whole numbers, a negative one means unknown, and they are in their order; else in that of
 * their bytes, and an empty one means unknown. */
typedef struct RowClasses {
    int *labels; /* [n], -1: unknown; NULL: nothing is known */
    int classes;
    char **names; /* [classes] */
} RowClasses;

void row_classes_free(RowClasses *classes);
cf_status row_classes_from_numbers(const int64_t *numbers, size_t n, RowClasses *classes);

/* Whether a file is read as CSV: its name ends so (.csv, .tsv, .txt). */
bool csv_is(const char *path);
/* Every column but that of the classes is numbers. Fields stand between commas, or between tabs or semicolons where the first line
 * has more of those. The first line names the columns if none of its fields is a number, or a word stands above a number;
 * a column's number, from 1 on, is a name of it, too. `label`: the column of the classes; NULL: none. */
cf_status csv_read_rows(const char *path, const char *label, const RowsFrame *frame, NpyRows *rows,
                        RowClasses *classes);
/* A file of one column, or the first of more where it is named "label", "class", "target" or "y". */
cf_status csv_read_labels(const char *path, RowClasses *classes, size_t *n);
