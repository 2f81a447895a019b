/* embed_golden.json for the tests of this folder. */
#pragma once

#include "embed_making.h"
#include "golden.h"

static inline json_t *embed_golden_read(void) {
    return golden_open("embed_golden.json");
}

/* "points" or "embedding". */
static inline Points embed_golden_points(const json_t *golden, const char *key) {
    const json_t *rows = json_object_get(golden, key);
    double denominator = golden_number(golden, "denominator");
    size_t n = json_array_size(rows), dim = json_array_size(json_array_get(rows, 0));
    assert_true(n > 0 && dim > 0);
    float *values = floats_new(n * dim);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++) values[i * dim + d] = (float)(golden_cell(rows, i, d) / denominator);
    return (Points){values, n, (int)dim};
}
