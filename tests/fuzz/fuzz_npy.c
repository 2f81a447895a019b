/* A NumPy file, as rows and as labels. */
#include "fuzz.h"

#include "data/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(0, data, size);
    float *values;
    int64_t *labels;
    size_t n;
    int dim;
    cf_status status = npy_read_rows(path, &values, &n, &dim);
    fuzz_settled(status);
    if (!status) {
        PROMISE(n > 0 && dim > 0);
        for (size_t i = 0; i < n * (size_t)dim; i++) fuzz_seen += (double)values[i];
        free(values);
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
