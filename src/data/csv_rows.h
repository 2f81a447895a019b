/* A table of numbers in a CSV file, one of whose columns may name the classes. */
#pragma once

#include "data/npy.h"

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
