/* A CSV file (RFC 4180) as a table of texts in memory. */
#pragma once

#include "base/status.h"

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
