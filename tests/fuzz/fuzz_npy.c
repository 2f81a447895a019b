/* A NumPy file, as rows and as labels. */
#include "fuzz.h"

#include "data/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(0, data, size);
    const RowsFrame frame = {.angles = size % 4 == 3};
    NpyRows rows;
    int64_t *labels;
    size_t n;
    cf_status status = npy_read_rows(path, &frame, &rows);
    fuzz_settled(status);
    if (!status) {
        PROMISE(rows.n > 0 && rows.dim > 0);
        PROMISE(rows.loss.merged <= rows.loss.different && rows.loss.changed <= rows.loss.sampled);
        for (size_t i = 0; i < rows.n * (size_t)rows.dim; i++) fuzz_seen += (double)rows.values[i];
        for (int d = 0; d < rows.dim && rows.offset; d++) fuzz_seen += rows.offset[d];
        npy_rows_free(&rows);
    }
    status = npy_read_labels(path, &labels, &n);
    fuzz_settled(status);
    if (!status) {
        PROMISE(n > 0);
        for (size_t i = 0; i < n; i++) fuzz_seen += (double)labels[i];
        free(labels);
    }
    return 0;
}
