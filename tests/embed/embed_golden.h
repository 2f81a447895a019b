/* embed_golden.json for the tests of this folder. */
#ifndef EMBED_GOLDEN_H
#define EMBED_GOLDEN_H

#include "embed_making.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#define assert_near(got, wanted, tolerance) assert_near_((got), (wanted), (tolerance), #got, __FILE__, __LINE__)

static inline void assert_near_(double got, double wanted, double tolerance, const char *what, const char *file,
                                int line) {
    if (fabs(got - wanted) <= tolerance) return; /* false for NaN too */
    print_error("%s is %.17g, not %.17g\n", what, got, wanted);
    _assert_true(0, what, file, line);
}

static inline json_t *embed_golden_read(void) {
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/tests/golden/embed_golden.json", getenv("CIFRA_SOURCE"));
    json_t *golden = json_load_file(path, 0, &error);
    if (!golden) print_error("%s: %s\n", path, error.text);
    assert_non_null(golden);
    return golden;
}

static inline double embed_golden_number(const json_t *object, const char *key) {
    const json_t *number = json_object_get(object, key);
    assert_true(json_is_number(number));
    return json_number_value(number);
}

static inline double embed_golden_at(const json_t *rows, size_t i, size_t d) {
    const json_t *value = json_array_get(json_array_get(rows, i), d);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* "points" or "embedding". */
static inline Points embed_golden_points(const json_t *golden, const char *key) {
    const json_t *rows = json_object_get(golden, key);
    double denominator = embed_golden_number(golden, "denominator");
    size_t n = json_array_size(rows), dim = json_array_size(json_array_get(rows, 0));
    assert_true(n > 0 && dim > 0);
    float *values = floats_new(n * dim);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++) values[i * dim + d] = (float)(embed_golden_at(rows, i, d) / denominator);
    return (Points){values, n, (int)dim};
}

#endif
