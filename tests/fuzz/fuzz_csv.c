/* A CSV table, as rows with a column of classes or without, and as labels. */
#include "fuzz.h"

#include "data/csv_table.h"

static void use_classes(RowClasses *classes, size_t n) {
    for (size_t i = 0; classes->labels && i < n; i++)
        PROMISE(classes->labels[i] >= -1 && classes->labels[i] < classes->classes);
    for (int c = 0; c < classes->classes; c++) fuzz_seen += classes->names[c][0];
    row_classes_free(classes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const labels[] = {NULL, "label", "2"};
    const char *path = fuzz_file(0, data, size);
    const RowsFrame frame = {.angles = size % 4 == 3};
    RowClasses classes = {0};
    NpyRows rows;
    size_t n;
    cf_status status = csv_read_rows(path, labels[size % 3], &frame, &rows, &classes);
    fuzz_settled(status);
    if (!status) {
        PROMISE(rows.n > 0 && rows.dim > 0);
        PROMISE((classes.labels != NULL) == (size % 3 != 0));
        for (size_t i = 0; i < rows.n * (size_t)rows.dim; i++) fuzz_seen += (double)rows.values[i];
        for (int d = 0; d < rows.dim && rows.offset; d++) fuzz_seen += rows.offset[d];
        use_classes(&classes, rows.n);
        npy_rows_free(&rows);
    }
    status = csv_read_labels(path, &classes, &n);
    fuzz_settled(status);
    if (!status) {
        PROMISE(n > 0 && classes.labels);
        use_classes(&classes, n);
    }
    return 0;
}
