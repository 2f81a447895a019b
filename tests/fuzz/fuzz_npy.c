/* A NumPy file, as rows and as labels. An input that begins with 'z' is two arrays in an .npz whose checksums are right, which mutations
 * would hardly ever get: the second byte says how long the first is, in eighths of the rest, and which is asked for; any other is the
 * file as it stands. */
#include "fuzz.h"

#include "base/memory.h"
#include "data/npy.h"
#include "pth_making.h"

#include <stdio.h>

static const char *archive_of(const uint8_t *data, size_t size) {
    static char path[64];
    const size_t first = (size - 2) / 8 * (data[1] % 8);
    const PthEntry entries[] = {{"x.npy", data + 2, first}, {"y.npy", data + 2 + first, size - 2 - first}};
    const size_t count = first ? 2 : 1; /* of one array without a name */
    unsigned char *file;
    PROMISE(memory_new(size + 1024, 1, &file) == CF_OK);
    const size_t bytes = pth_zip(count == 2 ? entries : entries + 1, count, file);
    snprintf(path, sizeof path, "%s%s", fuzz_file(0, file, bytes), count == 1 ? "" : data[1] & 8 ? ":x" : ":y");
    free(file);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const bool archive = size > 10 && data[0] == 'z';
    const char *path = archive ? archive_of(data, size) : fuzz_file(0, data, size);
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
